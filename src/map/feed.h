/* map/feed.h - the records and results of a map that are in its host's memory: two queues, between
 * the threads of the host and the loop.
 *
 *   host -> records -> map -> workers -> map -> items -> host
 *
 * The loop's side and the host's share a mutex, so that most records and items pass without a
 * thread that has to wake up.  A side that finds its queue full or empty says so, and the other one
 * wakes it.
 */
#ifndef WEIR_MAP_FEED_H
#define WEIR_MAP_FEED_H

#include <pthread.h>

#include <weir/map.h>

#include "base/buffer.h"
#include "proc/context.h"

enum { WEIR__FEED_FULL = 256 * 1024 }; /* bytes of either queue; one record or item always fits */

/* Goes before the bytes of each item, and those of its output. */
struct weir__item_head {
    uint64_t seq;
    size_t length, output_length;
    int has_output;
    enum weir_map_outcome outcome;
};

struct weir__feed {
    weir_t *weir;
    pthread_mutex_t mutex; /* of what follows */
    struct weir__buffer records, items;
    int is_closed;                        /* the host has no more records */
    int is_ended;                         /* the map takes no more */
    int is_over;                          /* and no more items come */
    int drops;                            /* the host wants no more items */
    int wants_records, wants_room;        /* the loop waits for records, and for room for items */
    int host_wants_room, host_wants_item; /* the same for the host: its callbacks are called */
    int room, ready;                      /* what its threads wait for */

    struct weir__buffer taken; /* items that the host's thread has taken from the queue */
    size_t at, next;           /* the one that was given out, and the one after it */
    char *reason;              /* of the last one */
};

/* What the host is to be told; what the loop has to do. */
enum weir__feed_news { WEIR__FEED_ROOM = 1, WEIR__FEED_ITEM = 2, WEIR__FEED_WAKE = 4 };

void weir__feed_init(struct weir__feed *feed, weir_t *weir);
void weir__feed_clear(struct weir__feed *feed);

/* --- The host's side --------------------------------------------------------- */

/* Adds a record and its end. Returns 1, or 0 if there is no room. Errors: SYSTEM (EPIPE: the map
 * takes no more), INVALID (closed), NOMEM. */
int weir__feed_put(struct weir__feed *feed, const char *record, size_t length, char end,
                   unsigned *news, struct weir_error *error);

/* The end of the records. */
void weir__feed_close(struct weir__feed *feed, unsigned *news);

enum { WEIR__FEED_LATER = 2 };

/* The next item: borrowed until the next call. Returns 1; 0: there are no more; LATER: none now. */
int weir__feed_take(struct weir__feed *feed, struct weir__item_head *head, const char **bytes,
                    unsigned *news);

/* The next call gives the same item again. */
void weir__feed_untake(struct weir__feed *feed);

/* No more items are wanted. */
void weir__feed_drop(struct weir__feed *feed, unsigned *news);

/* --- The loop's side --------------------------------------------------------- */

/* Moves the records to a buffer; *is_over: there are no more. Returns whether any came.
 * Errors: NOMEM. */
int weir__feed_read(struct weir__feed *feed, struct weir__buffer *to, int *is_over, unsigned *news);

/* Moves items with their heads to the queue. Returns 0 if there is no room now; is_last: there
 * always is. */
int weir__feed_write(struct weir__feed *feed, struct weir__buffer *items, int is_last,
                     unsigned *news);

/* The map takes no more records. */
void weir__feed_end(struct weir__feed *feed);

/* Nothing more comes. */
void weir__feed_finish(struct weir__feed *feed);

#endif
