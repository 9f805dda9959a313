/* base/histogram.h - how long things took: counted in buckets a sixteenth of a power
 * of two wide, so that any percentile is known to 7 %. */
#ifndef WEIR_BASE_HISTOGRAM_H
#define WEIR_BASE_HISTOGRAM_H

#include <stdint.h>

enum { WEIR__LATENCY_BUCKETS = 64 * 16 };

/* All zero is empty. */
struct weir__latency {
    uint32_t buckets[WEIR__LATENCY_BUCKETS];
    uint64_t count;
    int64_t max_ns;
};

void weir__latency_count(struct weir__latency *latency, int64_t ns);

/* In nanoseconds; 0 where nothing was counted. */
int64_t weir__latency_percentile(const struct weir__latency *latency, unsigned percent);

#endif
