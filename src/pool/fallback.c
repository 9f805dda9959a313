#include "config.h"

#include "pool/fallback.h"

#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "pool/call_api.h"
#include "pool/guard.h"

enum { MS = 1000000 };

/* Whether a call that ended so may be answered by another method. */
static int may_fall_back(const struct weir_call *failed, const struct weir_reply *reply)
{
    switch (reply->outcome) {
    case WEIR_CALL_REFUSED:
        return reply->code == WEIR__BREAKER_CODE;
    case WEIR_CALL_DEADLINE:
    case WEIR_CALL_NO_WORKER:
    case WEIR_CALL_POISON: /* it may be executed again */
        return 1;
    case WEIR_CALL_UNKNOWN:
        return failed->idempotent == 1;
    default:
        return 0;
    }
}

struct weir_call *weir__fallback_start(struct weir_pool *pool, struct weir_call *failed,
                                       const struct weir_reply *reply)
{
    const char *other = weir__guard_fallback(pool->guard, failed->method);
    int64_t now_ns = weir__clock_ns();
    struct weir_call_options options;
    struct weir_call *again;

    if (other == NULL || failed->input || failed->has_streamed || pool->state != WEIR__POOL_OPEN
        || !may_fall_back(failed, reply)
        || (failed->last_ns != INT64_MAX && failed->last_ns - now_ns < MS))
        return NULL;
    weir_call_options_init(&options);
    options.timeout_ms =
        failed->last_ns == INT64_MAX ? WEIR_FOREVER : (failed->last_ns - now_ns) / MS;
    options.credit = failed->all_granted < UINT_MAX ? (unsigned)failed->all_granted : UINT_MAX;
    options.traceparent = failed->traceparent;
    options.tracestate = failed->tracestate;
    options.whole = failed->whole;
    again = weir__call_start(pool, failed->flow, other, failed->params, &options, &failed->sink, 0,
                             NULL);
    if (again == NULL)
        return NULL;
    again->may_have_run = reply->attempts > 0 && reply->outcome != WEIR_CALL_REFUSED;
    weir__figures_of(&pool->figures, failed->method)->fallbacks++;
    weir__context_tell(pool->weir, (struct weir_event){.kind = WEIR_EVENT_FALLBACK,
                                                       .stage = -1,
                                                       .name = failed->method,
                                                       .text = other,
                                                       .length = strlen(other)});
    return again;
}
