/* pool/figures.h - what is counted of each method of a pool.
 *
 * A call finds its method's figures once, and keeps them: what is counted later costs an addition.
 * Figures stay as long as their pool.
 */
#ifndef WEIR_POOL_FIGURES_H
#define WEIR_POOL_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include <weir/pool.h>

#include "base/histogram.h"
#include "pool/breaker.h"

enum { WEIR__TIMES_BOUNDS = 19, WEIR__OUTCOMES = WEIR_CALL_NO_WORKER + 1 };

/* The upper bounds of the buckets of struct weir__times, in nanoseconds; from 5 ms on those that
 * OpenTelemetry recommends. */
extern const int64_t weir__times_bounds_ns[WEIR__TIMES_BOUNDS];

/* Durations in buckets with round bounds, for those who add up the figures of many servers. */
struct weir__times {
    uint64_t buckets[WEIR__TIMES_BOUNDS + 1]; /* the last is for what is longer */
    uint64_t sum_ns;
};

void weir__times_add(struct weir__times *times, int64_t ns);

struct weir__method_figures {
    const char *name;
    uint64_t outcomes[WEIR__OUTCOMES];
    uint64_t values_in, values_out; /* of streams */
    uint64_t fallbacks;             /* calls that another method took over */
    struct weir__breaker breaker;
    struct weir__times times;       /* from the start of a call to its outcome */
    struct weir__histogram latency; /* the same, exact to 7 % */
};

struct weir__figures {
    struct weir__method_figures **slots; /* hashed by name; the number is a power of two */
    size_t slot_count, count;
    struct weir__method_figures others; /* calls of no method, or before it was known */
    struct weir__times queue;           /* what calls waited for a worker */
};

void weir__figures_begin(struct weir__figures *figures);
void weir__figures_clear(struct weir__figures *figures);

/* Those of a method.  Of one too many, and where memory is short, those of others. */
struct weir__method_figures *weir__figures_of(struct weir__figures *figures, const char *name);

/* A call has its outcome. */
void weir__figures_count(struct weir__method_figures *method, enum weir_outcome outcome,
                         int64_t wall_ns);

/* Calls of a method so far. */
uint64_t weir__figures_calls(const struct weir__method_figures *method);

/* All that were called, others last where there are any: *at is 0 at first.  NULL at the end. */
const struct weir__method_figures *weir__figures_next(const struct weir__figures *figures,
                                                      size_t *at);

#endif
