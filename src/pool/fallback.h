/* pool/fallback.h - a method that answers in place of another. */
#ifndef WEIR_POOL_FALLBACK_H
#define WEIR_POOL_FALLBACK_H

#include "pool/pool_types.h"

/* Starts the method that answers in place of one whose call has failed, for the same owner: inside
 * its on_done.  The owner frees the first call.  Returns NULL if nothing answers in its place. */
struct weir_call *weir__fallback_start(struct weir_pool *pool, struct weir_call *failed,
                                       const struct weir_reply *reply);

#endif
