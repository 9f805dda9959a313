/* loop/timer_heap.h - many deadlines on one timer.
 *
 * Setting and clearing an timer makes no system call, and is cheap enough for each
 * of a hundred thousand calls a second: a timers, whose first one the timer waits for.
 */
#ifndef WEIR_LOOP_TIMER_HEAP_H
#define WEIR_LOOP_TIMER_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

struct weir__heap_timer {
    int64_t at_ns; /* CLOCK_MONOTONIC */
    size_t place;  /* in the timers, from 1; 0: not set */
    void (*ring)(void *owner);
    void *owner;
};

struct weir__timer_heap {
    weir__timer *timer;
    struct weir__heap_timer **timers;
    size_t count, capacity, owners;
    int64_t armed_ns; /* when the timer fires; INT64_MAX: it does not */
    void (*begin)(void *context), (*end)(void *context); /* around what rings; may be NULL */
    void *context;
};

/* Errors: NOMEM. */
int weir__timer_heap_open(struct weir__timer_heap *heap, weir__loop *loop,
                          struct weir_error *error);
void weir__timer_heap_close(struct weir__timer_heap *heap);

/* Makes room for one timer more or less: setting one cannot fail then.
 * Errors: NOMEM. */
int weir__timer_heap_join(struct weir__timer_heap *heap, struct weir_error *error);
void weir__timer_heap_leave(struct weir__timer_heap *heap, struct weir__heap_timer *timer);

/* Sets an timer, or moves it.  It rings once, from the loop; its owner may be freed there. */
void weir__timer_heap_set(struct weir__timer_heap *heap, struct weir__heap_timer *timer,
                          int64_t at_ns);
void weir__timer_heap_clear(struct weir__timer_heap *heap, struct weir__heap_timer *timer);

#endif
