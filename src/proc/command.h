/* proc/command.h - a command on its way to the spawner. */
#ifndef WEIR_PROC_COMMAND_H
#define WEIR_PROC_COMMAND_H

#include <weir/command.h>

#include "base/json_writer.h"

/* Refuses a command without a program, a variable without "=", a limit that is out of range.
 * Errors: INVALID. */
int weir__command_check(const struct weir_command *command, struct weir_error *error);

/* Copies a caller's command, its pointers as they are, and checks it.  Errors: INVALID. */
int weir__command_take(struct weir_command *command, const struct weir_command *given,
                       struct weir_error *error);

/* Opens the directory the command starts in.  Returns a descriptor, or a
 * negative errno value: then the child would fail at step chdir. */
int weir__command_open_cwd(const struct weir_command *command);

/* Writes the command's part of a request, without descriptors: the members of an
 * object.  spawner_environment is what the spawner was started with: only what differs
 * from it is said. */
void weir__command_write(struct weir__json_writer *json, const struct weir_command *command,
                         char *const *spawner_environment);

/* Absolute path of the directory the command starts in, or "" when it is not known.  The
 * caller owns it; NULL when memory is short. */
char *weir__command_cwd(const struct weir_command *command);

/* A NULL-terminated copy of argv.  The caller owns it: weir__argv_free(). */
char **weir__argv_copy(const char *const *argv);
void weir__argv_free(char **argv);

/* An array of borrowed strings: first, then second; both may be NULL. The caller owns the array:
 * free(). NULL if out of memory. */
const char **weir__argv_join(const char *const *first, const char *const *second);

/* Words before the program of a command. Members that are NULL: none. */
struct weir__launcher {
    const char *const *words;
    int is_shell; /* it hands what follows to a shell: all of it is quoted into one word */
    const char *const *before; /* between it and the program */
};

/* The words of a command behind its launcher (NULL: none). The caller owns them:
 * weir__argv_free(). NULL if out of memory. */
char **weir__launcher_argv(const struct weir__launcher *launcher, const char *const *argv);

/* A command of our own, with a launcher (NULL: none) before its argv.
 * size is 0 where it was never copied.  Errors: NOMEM; *copy is to be cleared then too. */
int weir__command_copy(struct weir_command *copy, const struct weir_command *command,
                       const struct weir__launcher *launcher, struct weir_error *error);
void weir__command_clear(struct weir_command *copy);

/* What a variable will be in the environment that the command gives its program; NULL: not there.
 * The text is borrowed, from the command or the host's environment. */
const char *weir__command_variable(const struct weir_command *command, const char *name);

/* The name of a resource's limit; "resource" for one that has none. */
const char *weir__limit_of_resource(int resource);

#endif
