/* proc/spawner_path.h - where weir-spawner is. */
#ifndef WEIR_PROC_SPAWNER_PATH_H
#define WEIR_PROC_SPAWNER_PATH_H

#include <weir/error.h>

/* Finds weir-spawner: given, if it is not NULL; else $WEIR_SPAWNER; else beside the program or
 * the shared library that has this code, or where it lies from there in an installed tree or in
 * a build directory; else where it was to be installed.  A program with more rights than its
 * user trusts neither the environment nor its own place, which a link may have changed.
 * Returns its path, which the caller owns, and *from, how it was found, for messages.
 * Errors: NOMEM. */
char *weir__spawner_path(const char *given, const char **from, struct weir_error *error);

#endif
