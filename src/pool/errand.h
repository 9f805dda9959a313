/* pool/errand.h - what the pool itself asks an MCP server, besides the calls of others.
 *
 * The list of tools: again when the server says that it has changed, and before a call of an
 * unknown tool is refused.  A sign of life: when cancelled calls that were not answered hold
 * places that others need.  Notice of changes: once, from a modern server.
 */
#ifndef WEIR_POOL_ERRAND_H
#define WEIR_POOL_ERRAND_H

#include "pool/pool_types.h"

/* The worker is ready. Errors: NOMEM. */
int weir__errands_begin(struct weir__pool_worker *worker);
void weir__errands_end(struct weir__pool_worker *worker);

/* Reads the list of tools again; if that is under way, once more after it. */
void weir__errand_list(struct weir__pool_worker *worker);

/* Reads the list of tools of some ready worker again, if that may help a call of an unknown
 * tool.  Returns 0 if not. */
int weir__errand_look(struct weir__worker_group *group);

/* Asks all workers with doubtful calls for a sign of life. */
void weir__errand_life(struct weir__worker_group *group);

/* Takes the answer to one of these. Returns 0: it is another. */
int weir__errand_answer(struct weir__pool_worker *worker, const struct weir__incoming *message);

#endif
