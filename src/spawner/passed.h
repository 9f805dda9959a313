/* spawner/passed.h - descriptors above 2 that a job's stages are to have, by number.
 *
 * They come ahead of the request that starts the job, as many messages as it takes: a message
 * carries 252 at most, and a shell may have thousands open.
 */
#ifndef WEIR_SPAWNER_PASSED_H
#define WEIR_SPAWNER_PASSED_H

#include <stddef.h>

#include "base/datagram.h"
#include "spawner/request.h"

/* One dup2(2) in the child; from the same number to the same: it only loses close-on-exec. */
struct passed_move {
    int from, to;
};

/* Takes the descriptors of a message.  What is lost is said when the job starts. */
void passed_add(const struct request *request, struct weir__datagram *message);

/* Whether any came, or was to come, for this job. */
int passed_any(int64_t job);

/* What came for this job and no other, in an order in which no move overwrites what another
 * one still needs; spare is a number that is free for that (see passed_keep_off()).  Returns 0
 * with *moves, which stays ours, or an errno. */
int passed_moves(int64_t job, int spare, const struct passed_move **moves, size_t *count);

/* Moves *fd, close-on-exec, to a number that no move writes to.  Returns 0, or an errno. */
int passed_keep_off(int *fd);

/* The job has begun: closes them. */
void passed_clear(void);

#endif
