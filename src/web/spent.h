/* web/spent.h - the bound tokens that were used, in memory and in a file that outlives the server.
 */
#ifndef WEIR_WEB_SPENT_H
#define WEIR_WEB_SPENT_H

#include <weir/error.h>

#include "http/replay.h"

/* All zero with fd -1: nothing is used, and nothing is kept. */
struct weir__spent {
    struct weir__replay replay;
    const char *path; /* NULL: none; borrowed */
    int fd;           /* of the file, which is locked */
    size_t lines;     /* in it */
    int is_broken;    /* it ends within a line, and could not be cut: nothing is used any more */
};

/* Reads the file, which is made if it is not there; path NULL: there is none.  Errors: SYSTEM;
 * BUSY: another server has it; INVALID: it is something else; NOMEM. */
int weir__spent_open(struct weir__spent *spent, const char *path, struct weir_error *error);

/* Notes a token, also on the disk.  now and exp in seconds.  FULL, too, where the file cannot be
 * written. */
enum weir__replay_verdict weir__spent_use(struct weir__spent *spent, const char *jti, int64_t exp,
                                          int64_t now);

void weir__spent_close(struct weir__spent *spent);

#endif
