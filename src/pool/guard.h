/* pool/guard.h - the breakers of a pool's methods, and the methods that answer in place of others.
 */
#ifndef WEIR_POOL_GUARD_H
#define WEIR_POOL_GUARD_H

#include "pool/pool_types.h"

#define WEIR__BREAKER_CODE (-33009)

struct weir__guarded_method {
    const char *method; /* NULL: all that have no entry of their own */
    struct weir__breaker_spec spec;
};

struct weir__fallback {
    const char *method, *other;
};

struct weir__guard {
    const struct weir__guarded_method *breakers;
    size_t breaker_count;
    const struct weir__fallback *fallbacks;
    size_t fallback_count;
};

/* The method that answers in place of this one; NULL: none.  guard may be NULL. */
const char *weir__guard_fallback(const struct weir__guard *guard, const char *method);

/* Whether a breaker or a fallback names the method. */
int weir__guard_names(const struct weir__guard *guard, const char *method);

/* The call's method is known, with its figures.  Returns 0 where its breaker refuses it. */
int weir__guard_admit(struct weir_call *call);

/* It has an outcome. */
void weir__guard_count(struct weir_call *call, enum weir_outcome outcome, int64_t wall_ns);

/* How long the breaker of a method refuses calls, in milliseconds. */
int64_t weir__guard_left_ms(struct weir_pool *pool, const char *method);

#endif
