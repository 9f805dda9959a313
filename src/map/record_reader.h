/* map/record_reader.h - cuts an input into records, one JSON text per line.
 *
 * LF ends a record, a CR before it is removed, blank lines are counted and skipped, an
 * unterminated last line is a record, a byte-order mark at the start is skipped.  A line over
 * max_record is skipped in constant memory.
 *
 * Opaque records may be any bytes: none are removed or checked, and an empty one is a record.
 */
#ifndef WEIR_MAP_RECORD_READER_H
#define WEIR_MAP_RECORD_READER_H

#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#include "map/spares.h"

enum weir__record_encoding { WEIR__ENCODING_STRICT, WEIR__ENCODING_REPLACE, WEIR__ENCODING_RAW };

/* State of a record sent as a call: see map/call_inflight.c. */
struct weir__call_mark {
    int64_t id;       /* 0: not written yet */
    int64_t turn_ns;  /* start of its turn; 0: it waits */
    uint64_t sent_at; /* bytes sent before it */
};

/* The position of its --key value, and its place among the records of a worker: see
 * map/map_keyed.c. */
struct weir__key_mark {
    uint64_t hash, number;      /* number: its position among its worker's records, from 1 */
    struct weir__record *alike; /* the next in its bucket */
    struct weir__record **link; /* the pointer to it in the worker's queue */
    uint32_t at, length;        /* of the value within the record's bytes */
};

/* A record of a program for each: see map/each.h. */
struct weir__each_mark {
    struct weir__outputs *outputs; /* its output, when it settles; NULL: none */
    int64_t ready_ns;              /* it may be run again from then on */
};

/* A record: its position in the input, and its bytes with a final newline or NUL. */
struct weir__record {
    struct weir__record *next;
    size_t length;     /* of bytes, including their end; 0 for an oversize record */
    uint64_t seq;      /* count of non-blank records, from 0 */
    uint64_t line;     /* from 1 */
    uint64_t offset;   /* of its first byte in the input */
    uint64_t end;      /* of the first byte after its line */
    unsigned attempts; /* failures while alone on a worker */
    const char *fault; /* why it is dead without a worker, or was left out by one; NULL: it is
                        * good */
    union {
        struct weir__call_mark call;
        struct weir__key_mark key;
        struct weir__each_mark each;
    };
    char bytes[];
};

struct weir__record_reader {
    size_t max_record;
    int is_opaque; /* check_syntax, encoding and key do not apply */
    int is_nul;    /* records end with NUL, not with LF */
    int check_syntax;
    enum weir__record_encoding encoding;
    int is_named;    /* a record is an object, or the empty array */
    const char *key; /* JSON Pointer to a required member; NULL: none. Borrowed */

    char *bytes; /* [start, end) is unread; [start, scanned) has no end of a record */
    size_t start, scanned, end, capacity;
    uint64_t seq, line, offset; /* of the next record */
    uint64_t blank, bytes_in;
    int ended, skipping; /* no more input; in an oversize line */
    uint64_t skip_from;
    struct weir__spares spares; /* for records */
};

void weir__record_reader_clear(struct weir__record_reader *reader);

/* Returns where to read the next bytes to; room is set to at least wanted, or 0 if out of
 * memory. */
size_t weir__record_reader_room(struct weir__record_reader *reader, size_t wanted, char **to);

/* Notes that length bytes were read there; 0 is the end of the input. */
void weir__record_reader_advance(struct weir__record_reader *reader, size_t length);

/* Takes the next record. Returns 1 with *record, which the caller frees or gives back for reuse;
 * 0 if more input is needed or there is none. Errors: NOMEM. */
int weir__record_reader_next(struct weir__record_reader *reader, struct weir__record **record,
                             struct weir_error *error);

void weir__record_reader_give_back(struct weir__record_reader *reader, struct weir__record *record);

/* Whether everything has been taken out and nothing more comes. */
int weir__record_reader_is_over(const struct weir__record_reader *reader);

#endif
