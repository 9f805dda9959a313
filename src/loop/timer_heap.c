#include "config.h"

#include "loop/timer_heap.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"

static void put(struct weir__timer_heap *heap, size_t place, struct weir__heap_timer *timer)
{
    heap->timers[place - 1] = timer;
    timer->place = place;
}

static void rise(struct weir__timer_heap *heap, struct weir__heap_timer *timer)
{
    size_t place = timer->place;

    while (place > 1 && heap->timers[place / 2 - 1]->at_ns > timer->at_ns) {
        put(heap, place, heap->timers[place / 2 - 1]);
        place /= 2;
    }
    put(heap, place, timer);
}

static void sink(struct weir__timer_heap *heap, struct weir__heap_timer *timer)
{
    size_t place = timer->place;

    for (;;) {
        size_t child = place * 2;

        if (child < heap->count && heap->timers[child]->at_ns < heap->timers[child - 1]->at_ns)
            child++;
        if (child > heap->count || heap->timers[child - 1]->at_ns >= timer->at_ns)
            break;
        put(heap, place, heap->timers[child - 1]);
        place = child;
    }
    put(heap, place, timer);
}

/* The timer is only ever moved to an earlier time: one that fires for nothing is
 * cheaper than one that is moved with each call. */
static void arm(struct weir__timer_heap *heap)
{
    int64_t at_ns, wait_ns;

    if (heap->count == 0 || heap->timers[0]->at_ns >= heap->armed_ns)
        return;
    at_ns = heap->timers[0]->at_ns;
    wait_ns = at_ns - weir__clock_ns();
    heap->armed_ns = at_ns;
    weir__timer_start(heap->timer, wait_ns > 0 ? (wait_ns + 999999) / 1000000 : 0);
}

static void fired(void *data)
{
    struct weir__timer_heap *heap = data;
    int64_t now_ns = weir__clock_ns();

    heap->armed_ns = INT64_MAX;
    if (heap->begin != NULL)
        heap->begin(heap->context);
    while (heap->count > 0 && heap->timers[0]->at_ns <= now_ns) {
        struct weir__heap_timer *timer = heap->timers[0];

        weir__timer_heap_clear(heap, timer);
        timer->ring(timer->owner);
    }
    arm(heap);
    if (heap->end != NULL)
        heap->end(heap->context); /* its owner may be gone then */
}

int weir__timer_heap_open(struct weir__timer_heap *heap, weir__loop *loop, struct weir_error *error)
{
    heap->armed_ns = INT64_MAX;
    return weir__timer_new(loop, fired, heap, &heap->timer, error);
}

void weir__timer_heap_close(struct weir__timer_heap *heap)
{
    weir__timer_close(&heap->timer);
    free(heap->timers);
    heap->timers = NULL;
    heap->count = heap->capacity = heap->owners = 0;
}

int weir__timer_heap_join(struct weir__timer_heap *heap, struct weir_error *error)
{
    if (heap->owners == heap->capacity) {
        size_t capacity = heap->capacity > 0 ? heap->capacity * 2 : 16;
        struct weir__heap_timer **timers =
            realloc(heap->timers, capacity * sizeof(struct weir__heap_timer *));

        if (timers == NULL)
            return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a deadline");
        heap->timers = timers;
        heap->capacity = capacity;
    }
    heap->owners++;
    return 0;
}

void weir__timer_heap_leave(struct weir__timer_heap *heap, struct weir__heap_timer *timer)
{
    weir__timer_heap_clear(heap, timer);
    heap->owners--;
}

void weir__timer_heap_set(struct weir__timer_heap *heap, struct weir__heap_timer *timer,
                          int64_t at_ns)
{
    weir__timer_heap_clear(heap, timer);
    timer->at_ns = at_ns;
    heap->count++;
    put(heap, heap->count, timer);
    rise(heap, timer);
    arm(heap);
}

void weir__timer_heap_clear(struct weir__timer_heap *heap, struct weir__heap_timer *timer)
{
    size_t place = timer->place;
    struct weir__heap_timer *last;

    if (place == 0)
        return;
    timer->place = 0;
    last = heap->timers[--heap->count];
    if (last == timer)
        return;
    put(heap, place, last);
    rise(heap, last);
    sink(heap, last);
}
