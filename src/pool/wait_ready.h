/* pool/wait_ready.h - waits until workers are ready or known never to be. */
#ifndef WEIR_POOL_WAIT_READY_H
#define WEIR_POOL_WAIT_READY_H

#include "pool/pool_types.h"

/* Ends the waits that are over. */
void weir__pool_check_waits(struct weir_pool *pool);

/* Ends all waits: the pool is closed. */
void weir__pool_end_waits(struct weir_pool *pool);

#endif
