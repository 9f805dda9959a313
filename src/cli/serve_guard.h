/* cli/serve_guard.h - the breakers and fallbacks of weir serve (--breaker, --fallback). */
#ifndef WEIR_CLI_SERVE_GUARD_H
#define WEIR_CLI_SERVE_GUARD_H

#include "cli/opts_serve.h"
#include "pool/guard.h"

struct serve_guard {
    struct weir__guard guard;
    struct weir__guarded_method *breakers;
    struct weir__fallback *fallbacks;
    char **texts; /* what they point into */
    size_t text_count;
};

/* Reads the options.  Returns 0, or the exit status after a message. */
int serve_guard_read(struct serve_guard *guard, const struct serve_values *values);

/* Has the pool guarded, if anything is to be; the guard must outlive it. */
void serve_guard_begin(const struct serve_guard *guard, weir_pool_t *pool);

/* The workers are ready: whether the methods are there that the options name.  Errors: INVALID. */
int serve_guard_check(const struct serve_guard *guard, const weir_pool_t *pool,
                      struct weir_error *error);

void serve_guard_clear(struct serve_guard *guard);

#endif
