/* base/trace_file.h - the file of a trace: spans in Chrome's format or OTLP/JSON, within a bound.
 */
#ifndef WEIR_BASE_TRACE_FILE_H
#define WEIR_BASE_TRACE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/json_writer.h"
#include "base/trace.h"

enum { WEIR__SPAN_EVENTS = 32 }; /* of one span; more are counted */

/* Numbers of OTLP. */
enum weir__span_kind { WEIR__SPAN_INTERNAL = 1, WEIR__SPAN_SERVER = 2, WEIR__SPAN_CLIENT = 3 };

struct weir__trace_id {
    uint64_t high, low;
};

/* Where a span belongs.  parent 0: it has none. */
struct weir__span_context {
    struct weir__trace_id trace;
    uint64_t span, parent;
};

struct weir__attribute {
    const char *key;  /* NULL: left out */
    const char *text; /* NULL: number */
    int64_t number;
};

/* What happened within a span, as far as it is kept. */
struct weir__span_events {
    struct weir__json_writer list; /* OTLP: the elements of an array */
    unsigned count, dropped;
};

struct weir__span {
    struct weir__span_context context;
    const char *name, *category;
    enum weir__span_kind kind;
    int64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
    unsigned track;           /* a row in Chrome's view */
    uint64_t group; /* overlaps others in its row: a number that its relatives share; 0: does not */
    int has_failed;
    const char *message; /* NULL: none */
    const struct weir__attribute *attributes;
    size_t attribute_count;
    struct weir__span_events *events; /* NULL: none */
};

struct weir__trace_file {
    int fd;
    enum weir__trace_format format;
    int64_t wall_offset_ns; /* from CLOCK_MONOTONIC to CLOCK_REALTIME */
    uint64_t max_size, written, dropped;
    int keeps_last;
    int failed;                      /* an errno; 0: none */
    struct weir__json_writer json;   /* one item */
    struct weir__buffer items, past; /* not written; past: an earlier half, with keeps_last */
};

/* Opens and empties a regular file, or /dev/null.  Errors: SYSTEM, INVALID, NOMEM. */
int weir__trace_file_open(struct weir__trace_file *file, const struct weir__trace_options *options,
                          struct weir_error *error);

void weir__trace_file_span(struct weir__trace_file *file, const struct weir__span *span);

/* An event of the span that events belong to. */
void weir__trace_file_event(struct weir__trace_file *file, struct weir__span_events *events,
                            unsigned track, int64_t at_ns, const char *name, const char *text,
                            size_t length);

/* Names a row. */
void weir__trace_file_track(struct weir__trace_file *file, unsigned track, const char *name);

/* Ends the file with its root span.  Returns 0, or an errno: it is not complete. */
int weir__trace_file_close(struct weir__trace_file *file, const struct weir__span *root);

#endif
