/* pool/pool.h - a pool as a whole: open, settle, drain, close. */
#ifndef WEIR_POOL_POOL_H
#define WEIR_POOL_POOL_H

#include "pool/pool_types.h"

/* Enclose everything that happens in a pool. The outermost weir__pool_leave() settles what is
 * stale and flushes the workers' input. The pool may be gone after it. */
void weir__pool_enter(struct weir_pool *pool);
void weir__pool_leave(struct weir_pool *pool);

/* Starts weir_pool_close() without time to drain and returns at once. weir_pool_close() must
 * still be called once gone is set. */
void weir__pool_start_close(struct weir_pool *pool);

/* As weir_pool_methods(); without schemas and what else only agents need, unless asked for. */
char *weir__pool_methods(weir_pool_t *pool, int with_schemas);

/* Replaces the worker with this pid, and node (NULL: any), once another is ready, as if it were too
 * old. Returns 1, or 0: no worker that is ready has it. Only on the loop's thread. */
int weir__pool_recycle(weir_pool_t *pool, pid_t pid, const char *node);

/* The waits between the steps of each worker's end become this short: end of its input, SIGTERM,
 * SIGKILL. */
void weir__pool_hurry(weir_pool_t *pool, int64_t step_ms);

/* Closes the pool as from a callback: kills its workers and does not wait. Accepts NULL. */
void weir__pool_kill(struct weir_pool *pool);

/* weir_pool_open() with one worker, the pair, which is borrowed for the life of the pool. */
weir_pool_t *weir__pool_open_pair(weir_t *weir, const struct weir_pool_options *options,
                                  struct weir__pool_pair *pair, struct weir_error *error);

/* Ends everything at once and frees the pool, the pair's owner's part of which is over. */
void weir__pool_disconnect(weir_pool_t *pool);

#endif
