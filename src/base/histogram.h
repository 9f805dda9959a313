/* base/histogram.h - durations, counted in buckets a sixteenth of a power of two wide: percentiles
 * are exact to 7 %. */
#ifndef WEIR_BASE_HISTOGRAM_H
#define WEIR_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { WEIR__HISTOGRAM_BUCKETS = 64 * 16 };

/* All zero is empty. */
struct weir__histogram {
    uint32_t buckets[WEIR__HISTOGRAM_BUCKETS];
    uint64_t count;
    int64_t max_ns;
};

void weir__histogram_add(struct weir__histogram *histogram, int64_t ns);

/* In nanoseconds; 0 where nothing was counted. */
int64_t weir__histogram_percentile(const struct weir__histogram *histogram, unsigned percent);

/* The upper bound of a bucket; what is in it is less. */
int64_t weir__histogram_bound(size_t bucket);

#endif
