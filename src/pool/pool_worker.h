/* pool/pool_worker.h - one worker: from its start to its end.  Its states: pool_types.h. */
#ifndef WEIR_POOL_POOL_WORKER_H
#define WEIR_POOL_POOL_WORKER_H

#include "pool/pool_types.h"

/* Errors: as weir__worker_start(). */
int weir__peer_start(struct weir__kind *kind, struct weir__seat *seat, struct weir_error *error);

/* Writes what it was given. */
void weir__peer_flush(struct weir__peer *peer);

/* It takes no more calls, and ends when it has none. */
void weir__peer_retire(struct weir__peer *peer);

/* Does what has become due: ends it when it is broken, or retires and has no call left. */
void weir__peer_settle(struct weir__peer *peer);

/* Starts its stop sequence. */
void weir__peer_stop(struct weir__peer *peer, int64_t grace_ms);

void weir__peer_free(struct weir__peer *peer);

/* Resident memory in KiB; 0: not known. */
uint64_t weir__peer_rss_kb(const struct weir__peer *peer);

/* Where the worker itself says so, its own: a launcher may be in front. */
pid_t weir__peer_pid(const struct weir__peer *peer);

#endif
