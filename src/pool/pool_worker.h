/* pool/pool_worker.h - one worker: from its start to its end.  Its states: pool_types.h. */
#ifndef WEIR_POOL_POOL_WORKER_H
#define WEIR_POOL_POOL_WORKER_H

#include "pool/pool_types.h"

/* Errors: as weir__worker_start(). */
int weir__pool_worker_start(struct weir__worker_group *group, struct weir__seat *seat,
                            struct weir_error *error);

/* Writes what it was given. */
void weir__pool_worker_flush(struct weir__pool_worker *worker);

/* It takes no more calls, and ends when it has none. */
void weir__pool_worker_retire(struct weir__pool_worker *worker);

/* Does what has become due: ends it when it is broken, or retires and has no call left. */
void weir__pool_worker_settle(struct weir__pool_worker *worker);

/* Starts its stop sequence. */
void weir__pool_worker_stop(struct weir__pool_worker *worker, int64_t grace_ms);

void weir__pool_worker_free(struct weir__pool_worker *worker);

/* Resident memory in KiB; 0: not known. */
uint64_t weir__pool_worker_rss_kb(const struct weir__pool_worker *worker);

/* Where the worker itself says so, its own: a launcher may be in front. */
pid_t weir__pool_worker_pid(const struct weir__pool_worker *worker);

#endif
