#include "config.h"

#include "base/latency.h"

#include <stddef.h>

void weir__latency_count(struct weir__latency *latency, int64_t ns)
{
    unsigned bits = 4;
    size_t bucket;

    latency->count++;
    if (ns > latency->max_ns)
        latency->max_ns = ns;
    if (ns < 16) {
        bucket = ns > 0 ? (size_t)ns : 0;
    } else {
        while (ns >> (bits + 1) != 0)
            bits++;
        bucket = (size_t)(bits - 3) * 16 + (size_t)((ns >> (bits - 4)) & 15);
    }
    latency->buckets[bucket]++;
}

/* The upper border of a bucket. */
static int64_t border(size_t bucket)
{
    unsigned bits = (unsigned)(bucket / 16) + 3;

    if (bucket < 16)
        return (int64_t)bucket;
    return ((int64_t)(16 + bucket % 16) + 1) << (bits - 4);
}

int64_t weir__latency_percentile(const struct weir__latency *latency, unsigned percent)
{
    uint64_t wanted = (latency->count * percent + 99) / 100, seen = 0;

    for (size_t i = 0; i < WEIR__LATENCY_BUCKETS && latency->count > 0; i++) {
        seen += latency->buckets[i];
        if (seen >= wanted)
            return border(i) < latency->max_ns ? border(i) : latency->max_ns;
    }
    return 0;
}
