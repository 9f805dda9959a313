/* pool/dispatch.h - assigns calls to workers. */
#ifndef WEIR_POOL_DISPATCH_H
#define WEIR_POOL_DISPATCH_H

#include "pool/pool_types.h"

/* Handles a new call: it is sent, queued or rejected. */
void weir__dispatch_call(struct weir_call *call);

/* Sends waiting calls to workers with room. */
void weir__dispatch(struct weir_pool *pool);

/* The same, after another look at calls that wait for an unknown group or for one that is down. */
void weir__dispatch_sort(struct weir_pool *pool);

#endif
