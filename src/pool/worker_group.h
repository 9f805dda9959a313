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
int weir__worker_group_tend(struct weir__worker_group *group, struct weir_error *error);

/* What its workers report. */
void weir__worker_group_has_ready(struct weir__pool_worker *worker);
void weir__worker_group_has_lost(struct weir__pool_worker *worker, int was_starting);

/* How many workers are ready. */
unsigned weir__worker_group_ready(const struct weir__worker_group *group);

/* What the workers' hello says of a method.  NULL: nothing. */
const json_t *weir__worker_group_method(const struct weir__worker_group *group, const char *name);

/* Whether a method of any group is known to have a stream, either way. */
int weir__pool_streams(const struct weir_pool *pool, const char *method);

#endif
