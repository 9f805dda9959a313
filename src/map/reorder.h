/* map/reorder.h - settles records as their replies come, and writes the outcomes in order.
 *
 * Each record settles once: with a reply, as dead with a letter, or as dropped.  In input order
 * an early outcome waits in its slot; unordered nothing waits, and the slots only remember which
 * records have settled.
 */
#ifndef WEIR_MAP_REORDER_H
#define WEIR_MAP_REORDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "map/record_reader.h"
#include "map/spares.h"
#include "map/spool.h"

enum weir__outcome { WEIR__OPEN, WEIR__ANSWERED, WEIR__DROPPED, WEIR__DEAD };

struct weir__slot;

/* Totals of the outcomes written so far. */
struct weir__tally {
    uint64_t records_out, bytes_out, answered, dropped, dead, invalid, oversize, missing, blank;
};

struct weir__reorder {
    int ordered;
    int is_flat;   /* a record may have any number of lines; otherwise exactly one */
    int is_framed; /* each outcome goes to replies, behind a head: see map/feed.h */
    struct weir__buffer *replies, *letters; /* destinations; borrowed */
    /* With each, the destination of the outputs of settled records, which it takes. NULL: they
     * have none. */
    void (*deliver)(void *owner, struct weir__outputs *outputs);
    void *owner;
    struct weir__spool *spool; /* where they are; borrowed */
    int is_held;               /* and it cannot pass more on now: in order, nothing is released */
    size_t most_unwritten;     /* replies holds at most this much and one reply; 0: no limit */
    uint64_t next;             /* the first record that has not settled or is not in replies yet */
    uint64_t next_line, next_offset; /* its position: everything before is settled */
    struct weir__slot *slots;        /* a ring: record seq is at seq & mask */
    struct weir__spares spares;      /* for replies that wait */
    size_t mask, room, held_records, held_bytes;
    uint64_t peak_records, peak_bytes;
    struct weir__tally tally;
};

/* Settles a record; bytes (with a newline, or none) are copied. Errors: NOMEM. */
int weir__reorder_settle(struct weir__reorder *reorder, const struct weir__record *record,
                         enum weir__outcome outcome, const char *bytes, size_t length,
                         struct weir_error *error);

/* Moves replies that wait for no other record to replies, up to most_unwritten. Returns 1 if
 * there were any, otherwise 0. Errors: NOMEM; SYSTEM (an output cannot be read back). */
int weir__reorder_release(struct weir__reorder *reorder, struct weir_error *error);

/* Skips a record that an earlier run settled out of order. */
int weir__reorder_pass(struct weir__reorder *reorder, const struct weir__record *record,
                       struct weir_error *error);

/* Whether it has one that waits for no other record. */
int weir__reorder_is_ready(const struct weir__reorder *reorder);

/* Memory of outcomes that wait for an earlier record. */
size_t weir__reorder_waiting(const struct weir__reorder *reorder);

/* Whether no more records may come before the first open one settles: bytes wait, or, unordered,
 * the slots alone take 64 MiB. */
int weir__reorder_is_full(const struct weir__reorder *reorder, size_t bytes);

/* Whether a record after the first open one has settled. */
int weir__reorder_has(const struct weir__reorder *reorder, uint64_t seq);

void weir__reorder_clear(struct weir__reorder *reorder);

#endif
