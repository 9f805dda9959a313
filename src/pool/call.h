/* pool/call.h - one call: its states, its outcome, its streams. */
#ifndef WEIR_POOL_CALL_H
#define WEIR_POOL_CALL_H

#include "pool/pool_types.h"

/* What its worker sent: a response, a value of its output, credit for its input. */
void weir__call_answer(struct weir_call *call, const struct weir__incoming *incoming);
void weir__call_value(struct weir_call *call, struct weir__slice value);
void weir__call_credit(struct weir_call *call, int64_t n);

/* Its worker is gone; unread: without having read any of the call.  how: the end of "the
 * worker ...". */
void weir__call_lost(struct weir_call *call, int unread, const char *how);

/* Ends it for a reason of ours.  code: see docs/protocol.md. */
void weir__call_decide(struct weir_call *call, enum weir_outcome outcome, int64_t code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* It is to stop. */
void weir__call_ask(struct weir_call *call, enum weir__asked asked);

/* How many bytes its worker has not taken yet, of all calls. */
size_t weir__call_unsent(const struct weir_call *call);

/* Its alarms. */
void weir__call_deadline(void *owner);
void weir__call_stop_step(void *owner);

/* Credit for its worker: given by the owner, or due as the owner takes values. */
void weir__call_grant(struct weir_call *call, int64_t values);
void weir__call_consumed(struct weir_call *call);

/* The error object with which its input ended; bytes NULL: none. */
struct weir__slice weir__call_input_error(const struct weir_call *call);

void weir__call_unref(struct weir_call *call);

#endif
