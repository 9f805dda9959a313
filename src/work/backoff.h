/* work/backoff.h - when to restart a worker after a failed start.
 *
 * Full jitter: the wait is random, from zero to a bound that doubles with each failure, so that
 * workers that failed together do not restart together.
 */
#ifndef WEIR_WORK_BACKOFF_H
#define WEIR_WORK_BACKOFF_H

#include <stdint.h>

enum {
    WEIR__BACKOFF_FIRST_MS = 100,
    WEIR__BACKOFF_MOST_MS = 30000,
};

/* All zero initially and after a success. */
struct weir__backoff {
    unsigned failures; /* in a row */
    int64_t next_ns;   /* no start before */
};

/* A start has failed: the next wait is up to first_ms, doubled with each failure, up to most_ms. */
void weir__backoff_failed(struct weir__backoff *backoff, int64_t now_ns, int64_t first_ms,
                          int64_t most_ms);

#endif
