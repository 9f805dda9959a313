#include "config.h"

#include "base/histogram.h"

#include <stddef.h>

void weir__histogram_add(struct weir__histogram *histogram, int64_t ns)
{
    size_t bucket = ns > 0 ? (size_t)ns : 0;

    histogram->count++;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
    if (ns >= 16) {
        unsigned bits = 63 - (unsigned)__builtin_clzll((unsigned long long)ns);

        bucket = (size_t)(bits - 3) * 16 + (size_t)((ns >> (bits - 4)) & 15);
    }
    histogram->buckets[bucket]++;
}

int64_t weir__histogram_bound(size_t bucket)
{
    unsigned bits = (unsigned)(bucket / 16) + 3;

    if (bucket < 16)
        return (int64_t)bucket + 1;
    if (bits > 62)
        return INT64_MAX;
    return ((int64_t)(16 + bucket % 16) + 1) << (bits - 4);
}

/* What the values of a bucket are taken for. */
static int64_t border(size_t bucket)
{
    return bucket < 16 ? (int64_t)bucket : weir__histogram_bound(bucket);
}

int64_t weir__histogram_percentile(const struct weir__histogram *histogram, unsigned percent)
{
    uint64_t wanted = (histogram->count * percent + 99) / 100, seen = 0;

    for (size_t i = 0; i < WEIR__HISTOGRAM_BUCKETS && histogram->count > 0; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted)
            return border(i) < histogram->max_ns ? border(i) : histogram->max_ns;
    }
    return 0;
}
