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

/* Closes the pool as from a callback: kills its workers and does not wait. Accepts NULL. */
void weir__pool_kill(struct weir_pool *pool);

#endif
