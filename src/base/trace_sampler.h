/* base/trace_sampler.h - which of many calls or records a trace takes.
 *
 * They are taken by turns: one in so many, a number that follows their rate so that about one a
 * millisecond is taken; after a quiet time the first few are all taken.  What took long is taken
 * beside its turn, and whatever else the caller finds notable.  Each of the two kinds has its own
 * bound, so that one that is passed over costs a counter and two comparisons.
 */
#ifndef WEIR_BASE_TRACE_SAMPLER_H
#define WEIR_BASE_TRACE_SAMPLER_H

#include <stdint.h>

enum { WEIR__SAMPLER_BESIDE = -1 };

/* All zero takes the first. */
struct weir__trace_sampler {
    uint32_t each, left; /* one in each is taken, the next when left is down to 0 */
    int64_t due_ns;      /* or at this time */
    int64_t slow_ns;     /* beside its turn: what took this long */
    int64_t taken_ns;    /* the last one by its turn */
    unsigned used;       /* of those that may be taken at once */
    int64_t mean_ns;     /* of what they took */
    int64_t second_ns;   /* in which notable ones were taken */
    unsigned notable;
    int64_t beside_ns; /* the last of them */
    uint64_t passed;   /* not taken, until the last turn */
};

/* Whether it may be taken: counts it.  took_ns: 0 if that is not known. */
static inline int weir__sampler_offer(struct weir__trace_sampler *sampler, int64_t now_ns,
                                      int64_t took_ns)
{
    return --sampler->left == 0 || now_ns >= sampler->due_ns || took_ns >= sampler->slow_ns;
}

/* Replies that are read together took as long as the first of them, which stands for all. */
static inline int weir__sampler_is_slow(const struct weir__trace_sampler *sampler, int64_t now_ns,
                                        int64_t took_ns)
{
    return sampler->slow_ns > 0 && took_ns >= sampler->slow_ns && now_ns != sampler->beside_ns;
}

/* Right after that, whether it is taken.  Returns for how many it stands if by its turn,
 * WEIR__SAMPLER_BESIDE if as a notable one, and 0 if it is not taken. */
int64_t weir__sampler_take(struct weir__trace_sampler *sampler, int64_t now_ns, int is_notable);

/* The same for one that was passed over, and turned out to be notable. */
int64_t weir__sampler_take_beside(struct weir__trace_sampler *sampler, int64_t now_ns);

/* What one that was taken by its turn took. */
void weir__sampler_took(struct weir__trace_sampler *sampler, int64_t took_ns);

/* How many were not taken. */
uint64_t weir__sampler_passed(const struct weir__trace_sampler *sampler);

#endif
