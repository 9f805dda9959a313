/* pool/pool_worker.h - one worker, from start to end. Its states: see pool_types.h. */
#ifndef WEIR_POOL_POOL_WORKER_H
#define WEIR_POOL_POOL_WORKER_H

#include "pool/pool_types.h"

/* Errors: as weir__worker_start(). */
int weir__pool_worker_start(struct weir__worker_group *group, struct weir__seat *seat,
                            struct weir_error *error);

/* Writes the bytes queued for the worker. */
void weir__pool_worker_flush(struct weir__pool_worker *worker);

/* The worker gets no more calls, and ends once it has none. */
void weir__pool_worker_retire(struct weir__pool_worker *worker);

/* Does what is due: ends the worker if it is broken, or retiring without calls. */
void weir__pool_worker_settle(struct weir__pool_worker *worker);

/* Starts the stop sequence. */
void weir__pool_worker_stop(struct weir__pool_worker *worker, int64_t grace_ms);

void weir__pool_worker_free(struct weir__pool_worker *worker);

/* Resident memory in KiB; 0: unknown. */
uint64_t weir__pool_worker_rss_kb(const struct weir__pool_worker *worker);

/* The worker's own pid if it announced one (a launcher may be in front). */
pid_t weir__pool_worker_pid(const struct weir__pool_worker *worker);

#endif
