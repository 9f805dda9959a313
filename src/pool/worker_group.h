/* pool/worker_group.h - the workers that run one command.
 *
 * As many as are wanted are kept ready.  Those that die are replaced, with a backoff where
 * they die in a row; those that are old are replaced once a successor is ready.
 */
#ifndef WEIR_POOL_WORKER_GROUP_H
#define WEIR_POOL_WORKER_GROUP_H

#include "pool/pool_types.h"

/* Ends, replaces and starts workers as is due.  Errors: those of a start, where error is not
 * NULL; else another start follows. */
int weir__kind_tend(struct weir__kind *kind, struct weir_error *error);

/* What its workers report. */
void weir__kind_greeted(struct weir__peer *peer);
void weir__kind_lost(struct weir__peer *peer, int was_starting);

/* How many workers are ready. */
unsigned weir__kind_ready(const struct weir__kind *kind);

/* What the workers' hello says of a method.  NULL: nothing. */
const json_t *weir__kind_method(const struct weir__kind *kind, const char *name);

/* Whether a method of any kind is known to have a stream, either way. */
int weir__pool_streams(const struct weir_pool *pool, const char *method);

#endif
