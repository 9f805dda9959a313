/* base/atomic_file.h - a file that is whole or not there.
 *
 * What is written goes to a file beside the place and takes the place's name only at the end:
 * until then the old file is untouched.  A place that is not a regular file (a terminal,
 * /dev/null, a FIFO) is written to as it stands.
 *
 * The file beside has a random name, is created exclusively, and everything happens in the
 * directory as it was opened: another user who can write there cannot guess the name, plant a
 * link, or move the directory away.  Set-uid, set-gid and sticky bits are never copied from the
 * old file.  A file that changes its owner or group with that is readable and writable by
 * nobody who could not have read or written the old one, and never by more than the umask allows.
 */
#ifndef WEIR_BASE_ATOMIC_FILE_H
#define WEIR_BASE_ATOMIC_FILE_H

#include <weir/error.h>

#include "base/peer.h"

struct weir__atomic_file {
    int fd;          /* to write to; -1: not open */
    int dir;         /* the place's directory; -1: fd is the place itself */
    char *name;      /* the name it is to have there */
    char *temporary; /* the name it has until then */
    char *shown;     /* the path as the user gave it, for messages */
};

/* Opens a file for the place path; a FIFO is waited for with patience.  On failure nothing is
 * left.  Errors: SYSTEM, NOMEM, and those of weir__peer_fail(). */
int weir__atomic_file_open(struct weir__atomic_file *file, const char *path,
                           const struct weir__patience *patience, struct weir_error *error);

/* Makes it the file at its place: written to disk, then renamed.  Closes it in
 * any case; on failure the old file is untouched.  Errors: SYSTEM. */
int weir__atomic_file_commit(struct weir__atomic_file *file, struct weir_error *error);

/* Removes files of ours that killed processes have left beside a place.  Only for a caller that
 * knows that no other process writes it. */
void weir__atomic_file_sweep(const char *path);

/* Writes the directory that path is in to disk, as far as it can: a new name is only
 * as safe as its directory. */
void weir__directory_sync(const char *path);

/* Throws it away.  Accepts one that is not open. */
void weir__atomic_file_discard(struct weir__atomic_file *file);

#endif
