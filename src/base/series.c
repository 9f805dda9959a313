#include "config.h"

#include "base/series.h"

enum { FIRST_STEP_NS = 25 * 1000000 };

/* Each two steps become one. */
static void halve(struct weir__series *series)
{
    series->count /= 2;
    series->step_ns *= 2;
    for (size_t i = 0; i < series->count; i++) {
        uint64_t before = series->steps[2 * i].level;

        series->steps[i] = series->steps[2 * i + 1];
        if (before > series->steps[i].level)
            series->steps[i].level = before;
    }
}

/* A count at a time between the last sample and the one at at_ns. */
static uint64_t between(const struct weir__series *series, int64_t ns, int64_t at_ns,
                        const uint64_t counts[WEIR__SERIES_COUNTS], size_t which)
{
    uint64_t was = series->last.counts[which];
    double part = (double)(ns - series->last_ns) / (double)(at_ns - series->last_ns);

    return was + (uint64_t)((double)(counts[which] - was) * part);
}

void weir__series_add(struct weir__series *series, int64_t at_ns,
                      const uint64_t counts[WEIR__SERIES_COUNTS], uint64_t level)
{
    int64_t end_ns;

    if (series->step_ns == 0)
        series->step_ns = FIRST_STEP_NS;
    while (at_ns >= (end_ns = (int64_t)(series->count + 1) * series->step_ns)) {
        struct weir__series_step *step = &series->steps[series->count++];

        for (size_t i = 0; i < WEIR__SERIES_COUNTS; i++)
            step->counts[i] = between(series, end_ns, at_ns, counts, i);
        step->level = series->most;
        series->most = series->last.level;
        if (series->count == WEIR__SERIES_STEPS)
            halve(series);
    }
    for (size_t i = 0; i < WEIR__SERIES_COUNTS; i++)
        series->last.counts[i] = counts[i];
    series->last.level = level;
    series->last_ns = at_ns;
    if (level > series->most)
        series->most = level;
}

size_t weir__series_length(const struct weir__series *series)
{
    return series->count
           + (series->count == 0 || series->last_ns > (int64_t)series->count * series->step_ns);
}

uint64_t weir__series_growth(const struct weir__series *series, size_t step, size_t which)
{
    int is_last = step + 1 == weir__series_length(series);
    uint64_t end = is_last ? series->last.counts[which] : series->steps[step].counts[which];

    return end - (step > 0 ? series->steps[step - 1].counts[which] : 0);
}

uint64_t weir__series_level(const struct weir__series *series, size_t step)
{
    return step < series->count ? series->steps[step].level : series->most;
}
