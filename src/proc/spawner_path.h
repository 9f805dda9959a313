/* proc/spawner_path.h - where the helper programs weir-spawner and weir-probe are. */
#ifndef WEIR_PROC_SPAWNER_PATH_H
#define WEIR_PROC_SPAWNER_PATH_H

#include <weir/error.h>

struct weir__program {
    const char *name;                     /* of its file */
    const char *variable, *from_variable; /* names it in the environment; for messages */
    const char *installed;                /* its path, as configured */
};

extern const struct weir__program weir__spawner_program, weir__probe_program;

/* Finds a helper program: given, if it is not NULL; else by its environment variable; else beside
 * the program or the shared library that has this code, or where it lies from there in an installed
 * tree or in a build directory; else where it was to be installed.  A program with more rights than
 * its user trusts neither the environment nor its own place, which a link may have changed.
 * Returns its path, which the caller owns, and *from, how it was found, for messages.
 * Errors: NOMEM. */
char *weir__program_path(const struct weir__program *program, const char *given, const char **from,
                         struct weir_error *error);

#endif
