/* support/scratch.h - files of a test program's own.  They are in a directory that
 * run_suite() removes, with all that is in it, when the tests are over. */
#ifndef WEIR_TESTS_SCRATCH_H
#define WEIR_TESTS_SCRATCH_H

#include <sys/types.h>

/* The directory. */
const char *scratch_dir(void);

/* The path of a file in it.  Valid until the next call. */
const char *scratch_path(const char *name);

/* Writes a file there and returns its path, as scratch_path() does. */
const char *make_file(const char *name, const char *text, mode_t mode);

/* For run_suite(): removes the directory, if there is one. */
void scratch_remove(void);

#endif
