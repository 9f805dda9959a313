/* pool/call.h - one call: its states, its outcome, its streams. */
#ifndef WEIR_POOL_CALL_H
#define WEIR_POOL_CALL_H

#include "pool/pool_types.h"

/* Handles a message from the worker: a response, an output value, input credit, or progress. */
void weir__call_answer(struct weir_call *call, const struct weir__incoming *incoming);
void weir__call_value(struct weir_call *call, struct weir__slice value);
void weir__call_credit(struct weir_call *call, int64_t n);
void weir__call_progress(struct weir_call *call, const struct weir__incoming *incoming);

/* The call's worker is gone. unread: it had read nothing of the call. how: completes "the worker
 * ...". */
void weir__call_lost(struct weir_call *call, int unread, const char *how);

/* Ends the call for a reason of the pool. code: see docs/protocol.md. */
void weir__call_decide(struct weir_call *call, enum weir_outcome outcome, int64_t code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

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

/* Grants credit to the worker: given by the owner, or due because the owner took values. */
void weir__call_grant(struct weir_call *call, int64_t values);
void weir__call_consumed(struct weir_call *call);

/* The error object that ended the input; bytes is NULL if there is none. */
struct weir__slice weir__call_input_error(const struct weir_call *call);

void weir__call_unref(struct weir_call *call);

#endif
