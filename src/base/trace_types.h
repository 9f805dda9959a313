/* base/trace_types.h - a trace, as the files that add spans to it share it.
 *
 * trace.c has the whole, its processes and its events; trace_call.c has calls and records. */
#ifndef WEIR_BASE_TRACE_TYPES_H
#define WEIR_BASE_TRACE_TYPES_H

#include "base/trace_file.h"
#include "base/trace_sampler.h"

enum {
    WEIR__TRACE_MOST_OPEN = 4096, /* processes that run at once; more are counted */
    WEIR__TRACE_NAME_SIZE = 200,
};

struct open_span;

struct weir__trace {
    struct weir__trace_file file;
    struct weir__span_context root;
    struct weir__span_events events; /* of the root span */
    char *name;
    int64_t start_ns;
    uint64_t random; /* state of the next id */
    struct open_span *open;
    unsigned open_count;
    unsigned char tracks[WEIR__TRACE_MOST_OPEN / 8]; /* bits: in use; row 0 is the root's */
    unsigned tracks_named;

    struct weir__trace_sampler sampler; /* of calls and records */
    uint64_t no_memory, processes_left_out;
};

#endif
