/* map/window.h - how fast a worker is, and what follows from that.
 *
 *                 +--- nothing moves: twice as much, each few milliseconds ---+
 *                 v                                                           |
 *   start: 1 -> window -- replies --> grows with each, up to 100 ms of work --+
 *                 ^                       |
 *                 +--- a quarter less ----+ more than 200 ms of work wait, and
 *                                           twice what it keeps back at a time
 *
 * A worker that has enough to do may be left alone for a nap: nobody looks what it
 * has done, and then there is the more of it.
 */
#ifndef WEIR_MAP_WINDOW_H
#define WEIR_MAP_WINDOW_H

#include <stddef.h>
#include <stdint.h>

enum { WEIR__NAP_MS = 2 }; /* the longest nap */

/* All zero but the window at first. */
struct weir__pace {
    size_t window;    /* records it may have in flight */
    size_t burst;     /* replies that came at once, the most lately */
    int64_t reply_ns; /* from one reply to the next, lately; 0: not known */
    int64_t busy_ns;  /* not yet in that: so long for */
    size_t counted;   /* so many replies */
    int flows;        /* replies came since this was last cleared */
};

/* Replies have come, one or more, after waited_ns in which they were due. */
void weir__pace_note(struct weir__pace *pace, int64_t waited_ns, size_t replies);

/* Makes the window fit after that; never above most. */
void weir__pace_fit(struct weir__pace *pace, size_t replies, size_t most);

/* Whether count records of about size bytes in flight last for two naps, and pipes
 * that hold so many bytes for one and some time more. */
int weir__pace_may_nap(const struct weir__pace *pace, size_t count, size_t size, size_t pipe_size);

#endif
