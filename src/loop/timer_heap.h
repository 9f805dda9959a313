/* loop/timer_heap.h - many deadlines on one timer.
 *
 * Setting and clearing an alarm makes no system call, and is cheap enough for each
 * of a hundred thousand calls a second: a heap, whose first one the timer waits for.
 */
#ifndef WEIR_LOOP_TIMER_HEAP_H
#define WEIR_LOOP_TIMER_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

struct weir__alarm {
    int64_t at_ns; /* CLOCK_MONOTONIC */
    size_t place;  /* in the heap, from 1; 0: not set */
    void (*ring)(void *owner);
    void *owner;
};

struct weir__alarms {
    weir__timer *timer;
    struct weir__alarm **heap;
    size_t count, capacity, owners;
    int64_t armed_ns; /* when the timer fires; INT64_MAX: it does not */
    void (*begin)(void *context), (*end)(void *context); /* around what rings; may be NULL */
    void *context;
};

/* Errors: NOMEM. */
int weir__alarms_open(struct weir__alarms *alarms, weir__loop *loop, struct weir_error *error);
void weir__alarms_close(struct weir__alarms *alarms);

/* Makes room for one alarm more or less: setting one cannot fail then.
 * Errors: NOMEM. */
int weir__alarms_join(struct weir__alarms *alarms, struct weir_error *error);
void weir__alarms_leave(struct weir__alarms *alarms, struct weir__alarm *alarm);

/* Sets an alarm, or moves it.  It rings once, from the loop; its owner may be freed there. */
void weir__alarm_set(struct weir__alarms *alarms, struct weir__alarm *alarm, int64_t at_ns);
void weir__alarm_clear(struct weir__alarms *alarms, struct weir__alarm *alarm);

#endif
