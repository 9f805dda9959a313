/* pool/call.h - one call: its states, its outcome, its end. Its answer: call_answer.h; its streams:
 * call_stream.h. */
#ifndef WEIR_POOL_CALL_H
#define WEIR_POOL_CALL_H

#include "pool/pool_types.h"

/* The call's worker is gone. unread: it had read nothing of the call. how: completes "the worker
 * ...". */
void weir__call_lost(struct weir_call *call, int unread, const char *how);

/* Ends the call for a reason of the pool. code: see docs/protocol.md. */
void weir__call_decide(struct weir_call *call, enum weir_outcome outcome, int64_t code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Sets the outcome, unless the owner has one already; the call goes on to its end. */
void weir__call_set_outcome(struct weir_call *call, enum weir_outcome outcome, int64_t code,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Ends the call with the outcome that is set, and releases the pool's reference: the call may be
 * freed here. */
void weir__call_end(struct weir_call *call);

/* Requests that the call stop. */
void weir__call_ask(struct weir_call *call, enum weir__asked asked);

/* Returns the number of bytes that the worker has not yet taken. */
size_t weir__call_unsent(const struct weir_call *call);

/* Ends cancelled calls that an MCP server has not answered: the doubtful ones of a worker, or all
 * of them. */
void weir__call_free_places(struct weir__pool_worker *worker);
void weir__call_free_all_places(struct weir__pool_worker *worker);

/* Timer callbacks. */
void weir__call_deadline(void *owner);
void weir__call_stop_step(void *owner);

void weir__call_unref(struct weir_call *call);

#endif
