/* base/outfile.h - a file that is whole or not there.
 *
 * What is written goes to a file beside the place and takes the place's name
 * only at the end: until then the old file is untouched.  A place that is no
 * regular file (a terminal, /dev/null, a FIFO) is written to as it stands.
 */
#ifndef WEIR_BASE_OUTFILE_H
#define WEIR_BASE_OUTFILE_H

#include <weir/error.h>

struct weir__outfile {
    int fd;          /* to write to; -1: not open */
    char *place;     /* the name it is to have; NULL: fd is the place itself */
    char *temporary; /* the name it has until then */
    char *shown;     /* the path as the user gave it, for messages */
};

/* Opens a file for the place path.  On failure nothing is left.
 * Errors: SYSTEM, NOMEM. */
int weir__outfile_open(struct weir__outfile *file, const char *path, struct weir_error *error);

/* Makes it the file at its place: written to disk, then renamed.  Closes it in
 * any case; on failure the old file is untouched.  Errors: SYSTEM. */
int weir__outfile_commit(struct weir__outfile *file, struct weir_error *error);

/* Removes what killed processes have left beside a place.  Only for who knows that
 * nobody else is at work on it. */
void weir__outfile_sweep(const char *path);

/* Writes the directory that path is in to disk, as far as it can: a new name is only
 * as safe as its directory. */
void weir__directory_sync(const char *path);

/* Throws it away.  Accepts one that is not open. */
void weir__outfile_discard(struct weir__outfile *file);

#endif
