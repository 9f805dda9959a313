/* pool/worker_calls.h - the calls that a worker has, and the bytes for it.
 *
 * A call has an id with its worker, and is found by it.
 */
#ifndef WEIR_POOL_WORKER_CALLS_H
#define WEIR_POOL_WORKER_CALLS_H

#include "pool/pool_types.h"

/* NULL: it has none with this id. */
struct weir_call *weir__pool_worker_find(const struct weir__pool_worker *worker, int64_t id);

/* Gives the call its id.  Errors: NOMEM. */
int weir__pool_worker_add(struct weir__pool_worker *worker, struct weir_call *call);

/* Takes the call away from its worker, if it has one. */
void weir__pool_worker_remove(struct weir_call *call);

/* Queues what a dialect function wrote to the pool's scratch; it is written when the pool is
 * settled. */
void weir__pool_worker_give(struct weir__pool_worker *worker);

/* Whether much of what it was given is not written yet: further calls wait in the queue. */
int weir__pool_worker_is_behind(const struct weir__pool_worker *worker);

/* Takes it out of use: it is stopped and its calls are settled when the pool is.  format: why,
 * as the end of "the worker ...". */
void weir__pool_worker_break(struct weir__pool_worker *worker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether its output still counts. */
int weir__pool_worker_listens(const struct weir__pool_worker *worker);

#endif
