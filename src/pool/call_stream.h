/* pool/call_stream.h - the values, credit and progress of a call that runs. */
#ifndef WEIR_POOL_CALL_STREAM_H
#define WEIR_POOL_CALL_STREAM_H

#include "pool/pool_types.h"

/* Handles a message from the worker: an output value, input credit, or progress. */
void weir__call_value(struct weir_call *call, struct weir__slice value);
void weir__call_credit(struct weir_call *call, int64_t n);
void weir__call_progress(struct weir_call *call, const struct weir__incoming *incoming);

/* Grants credit to the worker: given by the owner, or due because the owner took values. */
void weir__call_grant(struct weir_call *call, int64_t values);
void weir__call_consumed(struct weir_call *call);

/* The error object that ended the input; bytes is NULL if there is none. */
struct weir__slice weir__call_input_error(const struct weir_call *call);

#endif
