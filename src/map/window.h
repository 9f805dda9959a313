/* map/window.h - a worker's rate, and how many records it may have in flight.
 *
 *                 +--- nothing moves: doubled every few milliseconds ---------+
 *                 v                                                           |
 *   start: 1 -> window -- replies --> grows with each, up to 100 ms of work --+
 *                 ^                       |
 *                 +--- a quarter less ----+ more than 200 ms of work wait, and twice what the
 *                                           worker holds back at a time
 *
 * A worker with enough to do may be left alone for a while: its replies are coalesced, and then
 * read together.
 */
#ifndef WEIR_MAP_WINDOW_H
#define WEIR_MAP_WINDOW_H

#include <stddef.h>
#include <stdint.h>

enum { WEIR__COALESCE_MS = 2 }; /* the longest such pause */

/* Initially all zero except the window. */
struct weir__window {
    size_t records;   /* records that may be in flight */
    size_t burst;     /* recent maximum of replies that came at once */
    int64_t reply_ns; /* recent time per reply; 0: unknown */
    int64_t busy_ns;  /* not yet included: time */
    size_t counted;   /* and replies */
    int flows;        /* replies came since this was last cleared */
};

/* Replies have come, one or more, after waited_ns in which they were due. */
void weir__window_note(struct weir__window *window, int64_t waited_ns, size_t replies);

/* Adjusts the window to that; at most most. */
void weir__window_fit(struct weir__window *window, size_t replies, size_t most);

/* Whether count records of about size bytes in flight last for two pauses, and pipes of this
 * size for one and some more. */
int weir__window_may_coalesce(const struct weir__window *window, size_t count, size_t size,
                              size_t pipe_size);

#endif
