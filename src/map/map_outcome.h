/* map/map_outcome.h - the outcome of a record, and of the run.
 *
 * A record is settled once: answered, dropped or dead.  The run is ended once, by whatever
 * comes first; from then on it takes no more input.
 */
#ifndef WEIR_MAP_MAP_OUTCOME_H
#define WEIR_MAP_MAP_OUTCOME_H

#include <stddef.h>
#include <stdint.h>

#include <weir/result.h>

#include "base/buffer.h"
#include "map/reorder.h"
#include "map/record_reader.h"

struct weir_map;
struct weir__slice;
struct weir__worker;

/* Why the run takes no more input. */
struct weir__map_end {
    int status;             /* 0: it continues */
    int drains;             /* records in flight may still be answered */
    int64_t drain_moved_ns; /* time of the last such answer */
    uint64_t drain_settled; /* records settled by then */
    int leaves;             /* output not written by now is discarded */
    int64_t grace_ms;       /* otherwise the workers have this long */
    enum weir_stop_reason why;
    uint64_t untrusted_line; /* replies from the record in this line on may belong to other
                              * records; 0: none */
    char reason[600];
};

/* Notices that are given once in a run, which continues. */
enum weir__notice {
    WEIR__NOTICE_START,
    WEIR__NOTICE_LATE_START,
    WEIR__NOTICE_STALL,
    WEIR__NOTICE_BUFFERS,
    WEIR__NOTICES
};

/* Gives a notice, unless it was given before. */
void weir__map_notice(struct weir_map *map, enum weir__notice which, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the run; the first reason counts. */
void weir__map_end(struct weir_map *map, int status, enum weir_stop_reason why, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

/* Ends the run because of an internal failure. */
void weir__map_fail(struct weir_map *map, const struct weir_error *error);

/* Settles a record and releases it; bytes (with a newline, or none) are copied. */
void weir__map_settle(struct weir_map *map, struct weir__record *record, enum weir__outcome outcome,
                      const char *bytes, size_t length);

/* A record is dead. exit_of may be NULL, and so may error, an error object of the protocol that
 * fits into a letter. */
void weir__map_dead_letter(struct weir_map *map, struct weir__record *record, const char *reason,
                           struct weir__worker *exit_of, const struct weir__slice *error);

struct weir__json_writer;

/* dead_letter.c: writes the record as a member of an object: "record", or "record_base64". */
void weir__record_write(struct weir__json_writer *json, const struct weir__record *record,
                        int is_opaque);

/* Appends the line for a dead record. Errors: NOMEM. */
int weir__dead_letter_write(const struct weir__record *record, int is_opaque, const char *reason,
                            struct weir__worker *exit_of, const struct weir__slice *error,
                            struct weir__buffer *letter);

#endif
