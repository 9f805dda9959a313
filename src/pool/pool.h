/* pool/pool.h - a pool as a whole: opened, settled, drained, closed. */
#ifndef WEIR_POOL_POOL_H
#define WEIR_POOL_POOL_H

#include "pool/pool_types.h"

/* Around everything that happens in a pool.  The outermost weir__pool_leave() settles what is
 * stale and writes what was given to workers.  Then the pool may be gone. */
void weir__pool_enter(struct weir_pool *pool);
void weir__pool_leave(struct weir_pool *pool);

/* Begins what weir_pool_close() does, without time to drain, and returns at once.
 * weir_pool_close() must still be called, when gone is set. */
void weir__pool_start_close(struct weir_pool *pool);

/* Closes it as inside a callback: kills its workers and waits for nothing.  Accepts NULL. */
void weir__pool_kill(struct weir_pool *pool);

#endif
