/* map/record_reader.h - cut an input into records, one JSON text a line.
 *
 * LF ends a record, CR before it is taken off, blank lines are counted and
 * skipped, an unterminated tail is a record, a byte-order mark at the start is
 * skipped.  A line over max_record is skipped in constant memory.
 */
#ifndef WEIR_MAP_RECORD_READER_H
#define WEIR_MAP_RECORD_READER_H

#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

enum weir__record_encoding { WEIR__ENCODING_STRICT, WEIR__ENCODING_REPLACE, WEIR__ENCODING_RAW };

/* What a worker that is called knows of a record: see map/call_inflight.c. */
struct weir__call_mark {
    int64_t id;       /* 0: it has not been written */
    int64_t turn_ns;  /* since when it has its turn; 0: it has not */
    uint64_t sent_at; /* bytes sent before it */
};

/* Where the value of its --key is, and its place among the records of a lane: see
 * map/map_keyed.c. */
struct weir__key_mark {
    uint64_t hash, number;      /* number: which record of its worker it is, from 1 */
    struct weir__record *alike; /* the next in its bucket */
    struct weir__record **link; /* what points at it in the lane's flight */
    uint32_t at, length;        /* of the value, in the record's bytes */
};

/* One record: its place in the input, and its bytes with a final LF. */
struct weir__record {
    struct weir__record *next;
    uint64_t seq;      /* non-blank records, from 0 */
    uint64_t line;     /* lines, from 1 */
    uint64_t offset;   /* of its first byte in the input */
    uint64_t end;      /* of the first byte after its line */
    unsigned attempts; /* how often it failed while alone */
    const char *fault; /* why it is dead before any worker has seen it, or was left out by one;
                          NULL: it is good */
    union {
        struct weir__call_mark call;
        struct weir__key_mark key;
    };
    size_t length;     /* of bytes, with the LF; 0 for an oversize record */
    char bytes[];
};

enum { WEIR__SPARE_SIZES = 64 };

struct weir__records {
    size_t max_record;
    int check_syntax;
    enum weir__record_encoding encoding;
    const char *key; /* JSON Pointer to a member that each must have; NULL: none.  Borrowed */

    char *bytes; /* [start, end) is unread; [start, scanned) holds no LF */
    size_t start, scanned, end, capacity;
    uint64_t seq, line, offset; /* of what comes next */
    uint64_t blank, bytes_in;
    int ended, skipping; /* no more input; in an oversize line */
    uint64_t skip_from;
    struct weir__record *spares[WEIR__SPARE_SIZES]; /* small ones, to be used again */
};

void weir__records_clear(struct weir__records *records);

/* Where to read the next bytes to: returns room, at least wanted.  0: no memory. */
size_t weir__records_room(struct weir__records *records, size_t wanted, char **to);

/* That many have been read there; 0 is the end of the input. */
void weir__records_came(struct weir__records *records, size_t length);

/* Takes out the next record.  Returns 1 with *record, which the caller frees, or
 * gives back to be used again;
 * 0 when more input is needed, or there is none.  Errors: NOMEM. */
int weir__records_next(struct weir__records *records, struct weir__record **record,
                       struct weir_error *error);

void weir__records_give_back(struct weir__records *records, struct weir__record *record);

/* Whether everything has been taken out and nothing more comes. */
int weir__records_over(const struct weir__records *records);

#endif
