#include "config.h"

#include "loop/timer_heap.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"

static void put(struct weir__alarms *alarms, size_t place, struct weir__alarm *alarm)
{
    alarms->heap[place - 1] = alarm;
    alarm->place = place;
}

static void rise(struct weir__alarms *alarms, struct weir__alarm *alarm)
{
    size_t place = alarm->place;

    while (place > 1 && alarms->heap[place / 2 - 1]->at_ns > alarm->at_ns) {
        put(alarms, place, alarms->heap[place / 2 - 1]);
        place /= 2;
    }
    put(alarms, place, alarm);
}

static void sink(struct weir__alarms *alarms, struct weir__alarm *alarm)
{
    size_t place = alarm->place;

    for (;;) {
        size_t child = place * 2;

        if (child < alarms->count && alarms->heap[child]->at_ns < alarms->heap[child - 1]->at_ns)
            child++;
        if (child > alarms->count || alarms->heap[child - 1]->at_ns >= alarm->at_ns)
            break;
        put(alarms, place, alarms->heap[child - 1]);
        place = child;
    }
    put(alarms, place, alarm);
}

/* The timer is only ever moved to an earlier time: one that fires for nothing is
 * cheaper than one that is moved with each call. */
static void arm(struct weir__alarms *alarms)
{
    int64_t at_ns, wait_ns;

    if (alarms->count == 0 || alarms->heap[0]->at_ns >= alarms->armed_ns)
        return;
    at_ns = alarms->heap[0]->at_ns;
    wait_ns = at_ns - weir__clock_ns();
    alarms->armed_ns = at_ns;
    weir__timer_start(alarms->timer, wait_ns > 0 ? (wait_ns + 999999) / 1000000 : 0);
}

static void fired(void *data)
{
    struct weir__alarms *alarms = data;
    int64_t now_ns = weir__clock_ns();

    alarms->armed_ns = INT64_MAX;
    if (alarms->begin != NULL)
        alarms->begin(alarms->context);
    while (alarms->count > 0 && alarms->heap[0]->at_ns <= now_ns) {
        struct weir__alarm *alarm = alarms->heap[0];

        weir__alarm_clear(alarms, alarm);
        alarm->ring(alarm->owner);
    }
    arm(alarms);
    if (alarms->end != NULL)
        alarms->end(alarms->context); /* its owner may be gone then */
}

int weir__alarms_open(struct weir__alarms *alarms, weir__loop *loop, struct weir_error *error)
{
    alarms->armed_ns = INT64_MAX;
    return weir__timer_new(loop, fired, alarms, &alarms->timer, error);
}

void weir__alarms_close(struct weir__alarms *alarms)
{
    weir__timer_close(&alarms->timer);
    free(alarms->heap);
    alarms->heap = NULL;
    alarms->count = alarms->capacity = alarms->owners = 0;
}

int weir__alarms_join(struct weir__alarms *alarms, struct weir_error *error)
{
    if (alarms->owners == alarms->capacity) {
        size_t capacity = alarms->capacity > 0 ? alarms->capacity * 2 : 16;
        struct weir__alarm **heap = realloc(alarms->heap, capacity * sizeof(struct weir__alarm *));

        if (heap == NULL)
            return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a deadline");
        alarms->heap = heap;
        alarms->capacity = capacity;
    }
    alarms->owners++;
    return 0;
}

void weir__alarms_leave(struct weir__alarms *alarms, struct weir__alarm *alarm)
{
    weir__alarm_clear(alarms, alarm);
    alarms->owners--;
}

void weir__alarm_set(struct weir__alarms *alarms, struct weir__alarm *alarm, int64_t at_ns)
{
    weir__alarm_clear(alarms, alarm);
    alarm->at_ns = at_ns;
    alarms->count++;
    put(alarms, alarms->count, alarm);
    rise(alarms, alarm);
    arm(alarms);
}

void weir__alarm_clear(struct weir__alarms *alarms, struct weir__alarm *alarm)
{
    size_t place = alarm->place;
    struct weir__alarm *last;

    if (place == 0)
        return;
    alarm->place = 0;
    last = alarms->heap[--alarms->count];
    if (last == alarm)
        return;
    put(alarms, place, last);
    rise(alarms, last);
    sink(alarms, last);
}
