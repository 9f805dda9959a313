/* base/series.h - what counts that only grow did over time, in steps of equal length.
 *
 * A step is 25 ms long at first.  When there are too many, each two become one, so that an hour
 * takes no more room than a second.  What grew between two samples is spread evenly over the time
 * between them, and the sum over all steps is exact.
 */
#ifndef WEIR_BASE_SERIES_H
#define WEIR_BASE_SERIES_H

#include <stddef.h>
#include <stdint.h>

enum { WEIR__SERIES_STEPS = 120, WEIR__SERIES_COUNTS = 2 };

/* A step; its counts are since the beginning. */
struct weir__series_step {
    uint64_t counts[WEIR__SERIES_COUNTS];
    uint64_t level; /* the highest that was seen in it */
};

/* All zero is empty. */
struct weir__series {
    int64_t step_ns;
    struct weir__series_step steps[WEIR__SERIES_STEPS];
    size_t count;                  /* of whole steps; the next has begun */
    struct weir__series_step last; /* the last sample, */
    int64_t last_ns;               /* and when it was taken */
    uint64_t most;                 /* the highest level of the step that has begun */
};

/* Takes a sample, at_ns after the beginning.  level: something that rises and falls. */
void weir__series_add(struct weir__series *series, int64_t at_ns,
                      const uint64_t counts[WEIR__SERIES_COUNTS], uint64_t level);

/* How many steps there are with the last, which may be shorter; there is always one. */
size_t weir__series_length(const struct weir__series *series);

/* How much a count grew in a step. */
uint64_t weir__series_growth(const struct weir__series *series, size_t step, size_t which);

/* The highest level in a step. */
uint64_t weir__series_level(const struct weir__series *series, size_t step);

#endif
