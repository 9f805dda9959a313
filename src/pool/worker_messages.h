/* pool/worker_messages.h - what a worker says: its handshake, then its messages. */
#ifndef WEIR_POOL_WORKER_MESSAGES_H
#define WEIR_POOL_WORKER_MESSAGES_H

#include "pool/pool_types.h"

/* Begins the handshake with a worker that was started. */
void weir__pool_worker_greet(struct weir__pool_worker *worker);

/* Goes on with it after a step; the worker may become ready, or be broken. */
void weir__pool_worker_greet_on(struct weir__pool_worker *worker, enum weir__handshake_step step);

/* Takes bytes of its output, and every message that they complete. */
void weir__pool_worker_read(struct weir__pool_worker *worker, const char *bytes, size_t length);

#endif
