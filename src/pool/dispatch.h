/* pool/dispatch.h - which worker gets which call, and when. */
#ifndef WEIR_POOL_DISPATCH_H
#define WEIR_POOL_DISPATCH_H

#include "pool/pool_types.h"

/* A new call: it goes to a worker or into a queue, or is refused. */
void weir__dispatch_call(struct weir_call *call);

/* Gives workers that have room the calls that wait for them. */
void weir__dispatch(struct weir_pool *pool);

/* The same, after looking again at the calls that waited for a group to be known, or that a
 * group that is down cannot serve. */
void weir__dispatch_sort(struct weir_pool *pool);

#endif
