#include "config.h"

#include "map/window.h"

enum {
    MS = 1000000,   /* in nanoseconds */
    QUEUE_MS = 100, /* how much work may wait for a worker */
    MEASURE_MS = 1, /* the minimum time to measure the rate */
    SURE = 16,      /* this many replies determine the rate; fewer only its trend */
};

/* A very short time is meaningless: replies read at once came one by one. */
void weir__pace_note(struct weir__pace *pace, int64_t waited_ns, size_t replies)
{
    int64_t fresh;

    pace->flows = 1;
    pace->burst -= pace->burst / 16;
    if (replies > pace->burst)
        pace->burst = replies;
    pace->busy_ns += waited_ns;
    pace->counted += replies;
    if (pace->busy_ns < (int64_t)MEASURE_MS * MS && pace->reply_ns > 0)
        return;
    fresh = pace->busy_ns / (int64_t)pace->counted + 1;
    if (pace->reply_ns == 0 || pace->counted > SURE)
        pace->reply_ns = fresh;
    else
        pace->reply_ns += (fresh - pace->reply_ns) / 4;
    pace->busy_ns = 0;
    pace->counted = 0;
}

void weir__pace_fit(struct weir__pace *pace, size_t replies, size_t most)
{
    int64_t queue_ns = (int64_t)pace->window * pace->reply_ns;

    if (queue_ns < (int64_t)QUEUE_MS * MS)
        pace->window += replies;
    else if (queue_ns > (int64_t)2 * QUEUE_MS * MS && pace->window > 2 * pace->burst)
        pace->window -= pace->window / 4 > 0 ? pace->window / 4 : 1;
    if (pace->window > most)
        pace->window = most;
}

int weir__pace_may_nap(const struct weir__pace *pace, size_t count, size_t size, size_t pipe_size)
{
    const int64_t nap_ns = (int64_t)WEIR__NAP_MS * MS;

    return pace->flows && (int64_t)count * pace->reply_ns >= 2 * nap_ns
           && (size_t)(nap_ns / pace->reply_ns) * size <= pipe_size / 4 * 3;
}
