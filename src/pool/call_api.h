/* pool/call_api.h - the functions for a call, as used by the server. */
#ifndef WEIR_POOL_CALL_API_H
#define WEIR_POOL_CALL_API_H

#include "pool/pool_types.h"

/* Like weir_call_start(), for a call of a flow. The call uses the flow until it is freed. */
struct weir_call *weir__call_start(weir_pool_t *pool, struct weir__flow *flow, const char *method,
                                   struct weir__slice params,
                                   const struct weir_call_options *options,
                                   const struct weir_call_sink *sink, int falls_back,
                                   struct weir_error *error);

#endif
