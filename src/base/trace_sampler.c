#include "config.h"

#include "base/trace_sampler.h"

enum {
    SPACING_NS = 1000000, /* between two that are taken by turns: this, to twice this */
    AT_ONCE = 64,         /* taken without it after a quiet time */
    OVERDUE = 10,         /* spacings without a turn: the rate has fallen */
    MOST_NOTABLE = 1000,  /* a second */
    SLOW_NS = 10000000,   /* at least */
    SLOW = 8,             /* times the mean */
    MOST_EACH = 1 << 24,
};

int64_t weir__sampler_take_beside(struct weir__trace_sampler *sampler, int64_t now_ns)
{
    if (now_ns - sampler->second_ns >= 1000000000) {
        sampler->second_ns = now_ns;
        sampler->notable = 0;
    }
    if (sampler->notable >= MOST_NOTABLE)
        return 0;
    sampler->notable++;
    sampler->beside_ns = now_ns;
    sampler->passed--; /* it was counted, perhaps before the last turn: the sum is right */
    return WEIR__SAMPLER_BESIDE;
}

int64_t weir__sampler_take(struct weir__trace_sampler *sampler, int64_t now_ns, int is_notable)
{
    uint32_t offered = sampler->each - sampler->left; /* since the last turn, with this one */
    int64_t gap_ns = now_ns - sampler->taken_ns, each;

    if (is_notable && weir__sampler_take_beside(sampler, now_ns) != 0)
        return WEIR__SAMPLER_BESIDE;
    if (sampler->left != 0 && now_ns < sampler->due_ns)
        return 0;
    each = sampler->each;
    if (gap_ns >= SPACING_NS)
        sampler->used -=
            gap_ns / SPACING_NS < sampler->used ? (unsigned)(gap_ns / SPACING_NS) : sampler->used;
    else if (sampler->used < AT_ONCE)
        sampler->used++;
    else if (each < MOST_EACH)
        each *= 2;
    if (gap_ns > 2 * SPACING_NS)
        each = offered * (int64_t)SPACING_NS / gap_ns;
    sampler->passed += offered - 1;
    sampler->each = sampler->left = each > 0 ? (uint32_t)each : 1;
    sampler->taken_ns = now_ns;
    sampler->due_ns = now_ns + (int64_t)OVERDUE * SPACING_NS;
    if (sampler->slow_ns == 0)
        sampler->slow_ns = SLOW_NS;
    return offered;
}

void weir__sampler_took(struct weir__trace_sampler *sampler, int64_t took_ns)
{
    sampler->mean_ns += (took_ns - sampler->mean_ns) / 16;
    sampler->slow_ns = SLOW * sampler->mean_ns > SLOW_NS ? SLOW * sampler->mean_ns : SLOW_NS;
}

uint64_t weir__sampler_passed(const struct weir__trace_sampler *sampler)
{
    return sampler->passed + (uint32_t)(sampler->each - sampler->left);
}
