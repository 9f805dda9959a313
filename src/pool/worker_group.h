/* pool/worker_group.h - the workers that run one command.
 *
 * Keeps the desired number ready.  Dead workers are replaced, with a backoff if they die in a
 * row; old ones once a successor is ready.
 */
#ifndef WEIR_POOL_WORKER_GROUP_H
#define WEIR_POOL_WORKER_GROUP_H

#include "pool/pool_types.h"

/* Ends, replaces and starts workers as due. Errors: those of a start if error is not NULL;
 * otherwise it tries again later. */
int weir__worker_group_tend(struct weir__worker_group *group, struct weir_error *error);

/* Reports from its workers. */
void weir__worker_group_has_ready(struct weir__pool_worker *worker);
void weir__worker_group_has_lost(struct weir__pool_worker *worker, int was_starting);

/* Returns the number of ready workers. */
unsigned weir__worker_group_ready(const struct weir__worker_group *group);

/* The workers' description of a method, from hello; NULL: none. */
const json_t *weir__worker_group_method(const struct weir__worker_group *group, const char *name);

/* The streams that a method of any group is known to have: "in", "out" or "both"; "": none. */
const char *weir__pool_streams(const struct weir_pool *pool, const char *method);

#endif
