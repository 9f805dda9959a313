/* base/trace_context.h - the identifiers of traces and spans, and traceparents (W3C Trace Context).
 */
#ifndef WEIR_BASE_TRACE_CONTEXT_H
#define WEIR_BASE_TRACE_CONTEXT_H

#include <stdint.h>

#include "base/trace.h"
#include "base/trace_file.h"

/* The first state for identifiers, which differs from process to process. */
uint64_t weir__trace_seed(void);

/* The next identifier; not 0. */
uint64_t weir__trace_next_id(uint64_t *state);

/* Reads a traceparent.  Returns 0 if it is malformed, or NULL. */
int weir__traceparent_read(const char *text, struct weir__trace_id *trace, uint64_t *span,
                           int *is_sampled);

void weir__traceparent_write(char text[WEIR__TRACEPARENT_SIZE], const struct weir__trace_id *trace,
                             uint64_t span);

#endif
