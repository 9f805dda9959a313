#include "config.h"

#include "pool/guard.h"

#include <string.h>

#include "base/clock.h"

enum { MS = 1000000 };

const char *weir__guard_fallback(const struct weir__guard *guard, const char *method)
{
    for (size_t i = 0; guard != NULL && i < guard->fallback_count; i++)
        if (strcmp(guard->fallbacks[i].method, method) == 0)
            return guard->fallbacks[i].other;
    return NULL;
}

int weir__guard_names(const struct weir__guard *guard, const char *method)
{
    for (size_t i = 0; guard != NULL && i < guard->breaker_count; i++)
        if (guard->breakers[i].method != NULL && strcmp(guard->breakers[i].method, method) == 0)
            return 1;
    return weir__guard_fallback(guard, method) != NULL;
}

static const struct weir__breaker_spec *find_spec(const struct weir__guard *guard,
                                                  const char *method)
{
    const struct weir__breaker_spec *found = NULL;

    for (size_t i = 0; i < guard->breaker_count; i++) {
        if (guard->breakers[i].method == NULL)
            found = found == NULL ? &guard->breakers[i].spec : found;
        else if (strcmp(guard->breakers[i].method, method) == 0)
            return &guard->breakers[i].spec;
    }
    return found;
}

static void tell(struct weir_call *call, enum weir_event_kind kind, const char *method,
                 const char *text)
{
    weir__context_tell(
        call->operation.weir,
        (struct weir_event){
            .kind = kind, .stage = -1, .name = method, .text = text, .length = strlen(text)});
}

int weir__guard_admit(struct weir_call *call)
{
    struct weir__breaker *breaker = &call->figures->breaker;
    enum weir__breaker_state before;
    int64_t now_ns;

    if (call->pool->guard == NULL || call->figures == &call->pool->figures.others)
        return 1;
    if (breaker->spec == NULL)
        breaker->spec = find_spec(call->pool->guard, call->figures->name);
    if (breaker->spec == NULL)
        return 1;
    now_ns = weir__clock_ns();
    before = breaker->state;
    switch (weir__breaker_admit(breaker, now_ns)) {
    case WEIR__ADMISSION_GIVEN:
        return 1;
    case WEIR__ADMISSION_TRIAL:
        call->is_trial = 1;
        if (before != breaker->state)
            tell(call, WEIR_EVENT_BREAKER, call->figures->name,
                 weir__breaker_state_name(breaker->state));
        return 1;
    case WEIR__ADMISSION_REFUSED:
        break;
    }
    return 0;
}

static enum weir__verdict judge(const struct weir_call *call, enum weir_outcome outcome,
                                int64_t wall_ns)
{
    const struct weir__breaker_spec *spec = call->figures->breaker.spec;

    switch (outcome) {
    case WEIR_CALL_CANCELLED:
    case WEIR_CALL_REFUSED:
        return WEIR__VERDICT_NONE;
    case WEIR_CALL_DEADLINE:
    case WEIR_CALL_UNKNOWN:
    case WEIR_CALL_POISON:
    case WEIR_CALL_NO_WORKER:
        return WEIR__VERDICT_BAD;
    case WEIR_CALL_FAILED:
        if (call->reply.code == -32603)
            return WEIR__VERDICT_BAD;
        break;
    case WEIR_CALL_RETURNED:
        break;
    }
    if (spec->slow_ms > 0 && wall_ns - call->reply.queued_ns > spec->slow_ms * MS)
        return WEIR__VERDICT_BAD;
    return WEIR__VERDICT_GOOD;
}

void weir__guard_count(struct weir_call *call, enum weir_outcome outcome, int64_t wall_ns)
{
    struct weir__breaker *breaker = &call->figures->breaker;

    if (breaker->spec != NULL
        && weir__breaker_count(breaker, judge(call, outcome, wall_ns), call->is_trial,
                               call->started_ns + wall_ns))
        tell(call, WEIR_EVENT_BREAKER, call->figures->name,
             weir__breaker_state_name(breaker->state));
}

int64_t weir__guard_left_ms(struct weir_pool *pool, const char *method)
{
    return weir__breaker_left_ms(&weir__figures_of(&pool->figures, method)->breaker,
                                 weir__clock_ns());
}
