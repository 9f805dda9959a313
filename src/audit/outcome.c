#include "config.h"

#include "audit/outcome.h"

#include <string.h>

static const struct {
    const char *name, *title;
} outcomes[WEIR__AUDIT_OUTCOME_COUNT] = {
    [WEIR__AUDIT_OK] = {"ok", "success"},
    [WEIR__AUDIT_FAILED] = {"failed", "it failed"},
    [WEIR__AUDIT_SIGNALED] = {"signaled", "it was killed by a signal"},
    [WEIR__AUDIT_TIMED_OUT] = {"timed_out", "its time limit ran out"},
    [WEIR__AUDIT_IDLE] = {"idle", "no output for too long"},
    [WEIR__AUDIT_CANCELLED] = {"cancelled", "weir received a signal"},
    [WEIR__AUDIT_OVERFLOW] = {"overflow", "more output than allowed"},
    [WEIR__AUDIT_NOT_STARTED] = {"not_started", "it could not be started"},
    [WEIR__AUDIT_LOST] = {"status_lost", "how it ended is unknown"},
    [WEIR__AUDIT_ERROR] = {"error", "weir failed"},
};

/* Where weir had a hand in the end, that says more than how it ended. */
static const int by_why[] = {
    [WEIR_STOP_NONE] = -1,
    [WEIR_STOP_TIMEOUT] = WEIR__AUDIT_TIMED_OUT,
    [WEIR_STOP_IDLE] = WEIR__AUDIT_IDLE,
    [WEIR_STOP_CANCELLED] = WEIR__AUDIT_CANCELLED,
    [WEIR_STOP_OVERFLOW] = WEIR__AUDIT_OVERFLOW,
    [WEIR_STOP_PEER_FAILED] = WEIR__AUDIT_FAILED,
    [WEIR_STOP_HOST_GONE] = WEIR__AUDIT_LOST,
};

const char *weir__audit_outcome_name(enum weir__audit_outcome outcome)
{
    return outcomes[outcome].name;
}

const char *weir__audit_outcome_title(enum weir__audit_outcome outcome)
{
    return outcomes[outcome].title;
}

int weir__audit_outcome_find(const char *name)
{
    for (int i = 0; i < WEIR__AUDIT_OUTCOME_COUNT; i++)
        if (strcmp(outcomes[i].name, name) == 0)
            return i;
    return -1;
}

enum weir__audit_outcome weir__audit_outcome_of(enum weir_exit_kind end, enum weir_stop_reason why,
                                                int status)
{
    int hand = (size_t)why < sizeof by_why / sizeof by_why[0] ? by_why[why] : -1;

    if (end == WEIR_NOT_STARTED && why == WEIR_STOP_NONE)
        return WEIR__AUDIT_NOT_STARTED;
    if (end == WEIR_STATUS_LOST)
        return WEIR__AUDIT_LOST;
    if (hand >= 0)
        return (enum weir__audit_outcome)hand;
    if (end == WEIR_SIGNALED)
        return WEIR__AUDIT_SIGNALED;
    return status == 0 ? WEIR__AUDIT_OK : WEIR__AUDIT_FAILED;
}
