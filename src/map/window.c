#include "config.h"

#include "map/window.h"

enum {
    MS = 1000000,   /* in nanoseconds */
    QUEUE_MS = 100, /* how much work may wait for a worker */
    MEASURE_MS = 1, /* the minimum time to measure the rate */
    SURE = 16,      /* this many replies determine the rate; fewer only its trend */
};

/* A very short time is meaningless: replies read at once came one by one. */
void weir__window_note(struct weir__window *window, int64_t waited_ns, size_t replies)
{
    int64_t fresh;

    window->flows = 1;
    window->burst -= window->burst / 16;
    if (replies > window->burst)
        window->burst = replies;
    window->busy_ns += waited_ns;
    window->counted += replies;
    if (window->busy_ns < (int64_t)MEASURE_MS * MS && window->reply_ns > 0)
        return;
    fresh = window->busy_ns / (int64_t)window->counted + 1;
    if (window->reply_ns == 0 || window->counted > SURE)
        window->reply_ns = fresh;
    else
        window->reply_ns += (fresh - window->reply_ns) / 4;
    window->busy_ns = 0;
    window->counted = 0;
}

void weir__window_fit(struct weir__window *window, size_t replies, size_t most)
{
    int64_t queue_ns = (int64_t)window->records * window->reply_ns;

    if (queue_ns < (int64_t)QUEUE_MS * MS)
        window->records += replies;
    else if (queue_ns > (int64_t)2 * QUEUE_MS * MS && window->records > 2 * window->burst)
        window->records -= window->records / 4 > 0 ? window->records / 4 : 1;
    if (window->records > most)
        window->records = most;
}

int weir__window_may_coalesce(const struct weir__window *window, size_t count, size_t size,
                              size_t pipe_size)
{
    const int64_t pause_ns = (int64_t)WEIR__COALESCE_MS * MS;

    return window->flows && (int64_t)count * window->reply_ns >= 2 * pause_ns
           && (size_t)(pause_ns / window->reply_ns) * size <= pipe_size / 4 * 3;
}
