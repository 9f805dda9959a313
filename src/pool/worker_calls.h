/* pool/worker_calls.h - the calls of a worker, and the bytes to send it.
 *
 * A call has an id with its worker and is found by it.
 */
#ifndef WEIR_POOL_WORKER_CALLS_H
#define WEIR_POOL_WORKER_CALLS_H

#include "pool/pool_types.h"

/* Returns NULL if there is no call with this id. */
struct weir_call *weir__pool_worker_find(const struct weir__pool_worker *worker, int64_t id);

/* Assigns an id to the call. Errors: NOMEM. */
int weir__pool_worker_add(struct weir__pool_worker *worker, struct weir_call *call);

/* Removes the call from its worker, if it has one. */
void weir__pool_worker_remove(struct weir_call *call);

/* Queues what a dialect function wrote to the pool's scratch buffer; written when the pool is
 * settled. */
void weir__pool_worker_give(struct weir__pool_worker *worker);

/* Whether the worker lags behind with reading: further calls stay queued. */
int weir__pool_worker_is_behind(const struct weir__pool_worker *worker);

/* Retires the broken worker: settling the pool stops it and settles its calls. format: the
 * reason, completes "the worker ...". */
void weir__pool_worker_break(struct weir__pool_worker *worker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether the worker's output still counts. */
int weir__pool_worker_listens(const struct weir__pool_worker *worker);

#endif
