/* pool/worker_calls.h - the calls that a worker has, and the bytes for it.
 *
 * A call has an id with its worker, and is found by it.
 */
#ifndef WEIR_POOL_WORKER_CALLS_H
#define WEIR_POOL_WORKER_CALLS_H

#include "pool/pool_types.h"

/* NULL: it has none with this id. */
struct weir_call *weir__peer_find(const struct weir__peer *peer, int64_t id);

/* Gives the call its id.  Errors: NOMEM. */
int weir__peer_add(struct weir__peer *peer, struct weir_call *call);

/* Takes the call away from its worker, if it has one. */
void weir__peer_remove(struct weir_call *call);

/* Queues what a dialect function wrote to the pool's scratch; it is written when the pool is
 * settled. */
void weir__peer_give(struct weir__peer *peer);

/* Whether much of what it was given is not written yet: further calls wait in the queue. */
int weir__peer_is_behind(const struct weir__peer *peer);

/* Takes it out of use: it is stopped and its calls are settled when the pool is.  format: why,
 * as the end of "the worker ...". */
void weir__peer_break(struct weir__peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether its output still counts. */
int weir__peer_listens(const struct weir__peer *peer);

#endif
