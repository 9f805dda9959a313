/* weir/command.h - what to execute, and in which environment.
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

/* Limits of setrlimit(2), with their names on the command line. */
enum weir_limit {
    WEIR_LIMIT_CPU,       /* "cpu": seconds of processor time, then SIGXCPU */
    WEIR_LIMIT_MEMORY,    /* "memory": bytes of address space */
    WEIR_LIMIT_FILES,     /* "files": open descriptors */
    WEIR_LIMIT_FILE_SIZE, /* "file-size": bytes in a file that it writes, then SIGXFSZ */
    WEIR_LIMIT_PROCESSES, /* "processes": of this user */
    WEIR_LIMIT_CORE,      /* "core": bytes of a core dump */
    WEIR_LIMIT_COUNT      /* grows with the list: use it for loops, not for storage */
};

enum { WEIR_LIMITS = 16 }; /* room for limits in a command */

#define WEIR_NO_LIMIT UINT64_MAX

/* An additional descriptor for a program: fd in the host, number (above 2) in the program.  Each
 * number may occur once.  The program inherits no other descriptor above 2.  This struct never
 * changes. */
struct weir_descriptor {
    int fd, number;
};

/* A step of a stop sequence: send signal to the job, then wait for its end.  signal 0 sends
 * nothing: stdin is closed, and weir waits.  SIGKILL always follows the last step, at once; it may
 * be given as the last step.  This struct never changes. */
struct weir_stop_step {
    int signal;
    int64_t wait_ms;
};

enum { WEIR_STOP_STEPS = 4 }; /* up to, with SIGKILL */

/* Reads a sequence such as "INT:2s,TERM:5s,KILL".  Errors: INVALID. */
int weir_stop_parse(const char *text, struct weir_stop_step steps[WEIR_STOP_STEPS], size_t *count,
                    struct weir_error *error);

/* Everything is borrowed until the call that takes the command returns. */
struct weir_command {
    size_t size; /* sizeof (struct weir_command); set by weir_command_init() */

    /* The program and its arguments, NULL-terminated.  A name without "/" is
     * searched on the PATH of the child's environment; a relative path is
     * resolved from cwd.  weir never runs a shell. */
    const char *const *argv;

    const char *cwd; /* directory to start in; NULL: the host's */

    /* Environment: the host's; or with env_clear an empty one; or with env_pass (NULL-terminated
     * names; implies env_clear) only these variables of the host's.  Then env (NULL-terminated
     * "NAME=VALUE") is added. */
    int env_clear;
    const char *const *env_pass;
    const char *const *env;

    int nice;                     /* added to the nice value */
    uint64_t limits[WEIR_LIMITS]; /* WEIR_NO_LIMIT: the host's limit */

    const char *argv0; /* what the program sees as its own name; NULL: argv[0] */
    int umask;         /* its file mode creation mask, 0 to 0777; -1: the spawner's, which is the
                          host's when the spawner starts */
    int new_session;   /* it leads a session (setsid(2)), without a controlling terminal, and so a
                          process group of its own.  weir stops it as any other */
};

void weir_command_init_sized(struct weir_command *command, size_t size);
#define weir_command_init(command) weir_command_init_sized((command), sizeof *(command))

/* A name such as "file-size"; NULL for a number that is not a limit. */
const char *weir_limit_name(enum weir_limit limit);

/* Finds a limit by name.  Returns it, or a negative status.
 * Errors: INVALID, with the valid names. */
int weir_limit_find(const char *name, struct weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
