/* pool/call_answer.h - what a worker answers, and what that means for the call. */
#ifndef WEIR_POOL_CALL_ANSWER_H
#define WEIR_POOL_CALL_ANSWER_H

#include "pool/pool_types.h"

/* Ends the call with the worker's result or error. An MCP server may ask for the same call once
 * more: then it goes on. */
void weir__call_answer(struct weir_call *call, const struct weir__incoming *incoming);

#endif
