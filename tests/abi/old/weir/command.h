/* weir/command.h - what to execute, and in which surroundings.
 *
 *     struct weir_command command;
 *     const char *argv[] = {"sort", "-u", NULL};
 *
 *     weir_command_init(&command);
 *     command.argv = argv;
 */
#ifndef WEIR_COMMAND_H
#define WEIR_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits of setrlimit(2), under the names that the command line gives them. */
enum weir_limit {
    WEIR_LIMIT_CPU,       /* "cpu": seconds of processor time, then SIGXCPU */
    WEIR_LIMIT_MEMORY,    /* "memory": bytes of address space */
    WEIR_LIMIT_FILES,     /* "files": open descriptors */
    WEIR_LIMIT_FILE_SIZE, /* "file-size": bytes in a file it writes, then SIGXFSZ */
    WEIR_LIMIT_PROCESSES, /* "processes": of this user */
    WEIR_LIMIT_CORE,      /* "core": bytes of a core dump */
    WEIR_LIMIT_COUNT      /* grows with the list: use it for loops, not for storage */
};

enum { WEIR_LIMITS = 16 }; /* room for limits in a command */

#define WEIR_NO_LIMIT UINT64_MAX

/* One more descriptor for a program: fd in the host, number, above 2, in the program.  Each
 * number is given once.  Nothing else above 2 reaches it.  This struct never changes. */
struct weir_descriptor {
    int fd, number;
};

/* Everything is borrowed until the call that takes the command returns. */
struct weir_command {
    size_t size; /* sizeof (struct weir_command); set by weir_command_init() */

    /* The program and its arguments, NULL-terminated.  A name without "/" is
     * looked up on the PATH of the child's environment; a relative path is
     * found after the change to cwd.  Never a shell. */
    const char *const *argv;

    const char *cwd; /* directory to start in; NULL: the host's */

    /* Environment: the host's, or with env_clear none of it, or with env_pass
     * (NULL-terminated names; implies env_clear) only these of it; then env
     * (NULL-terminated "NAME=VALUE") on top. */
    int env_clear;
    const char *const *env_pass;
    const char *const *env;

    int nice;                     /* added to the nice value */
    uint64_t limits[WEIR_LIMITS]; /* WEIR_NO_LIMIT: as the host has it */
};

void weir_command_init_sized(struct weir_command *command, size_t size);
#define weir_command_init(command) weir_command_init_sized((command), sizeof *(command))

/* "file-size" and the like; NULL for a number that is no limit. */
const char *weir_limit_name(enum weir_limit limit);

/* Finds a limit by name.  Returns it, or a negative status.
 * Errors: INVALID, with the names there are. */
int weir_limit_find(const char *name, struct weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
