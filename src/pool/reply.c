/* The outcome of a call, as its owner holds it. */
#include "config.h"

#include <stdlib.h>

#include <weir/pool.h>

const char *weir_outcome_name(enum weir_outcome outcome)
{
    static const char *const names[] = {
        [WEIR_CALL_RETURNED] = "returned",       [WEIR_CALL_FAILED] = "failed",
        [WEIR_CALL_CANCELLED] = "cancelled",     [WEIR_CALL_DEADLINE] = "deadline",
        [WEIR_CALL_UNKNOWN] = "outcome_unknown", [WEIR_CALL_POISON] = "poison",
        [WEIR_CALL_REFUSED] = "refused",         [WEIR_CALL_NO_WORKER] = "no_worker",
    };

    return (size_t)outcome < sizeof names / sizeof names[0] ? names[outcome] : "?";
}

void weir_reply_clear(struct weir_reply *reply)
{
    if (reply == NULL)
        return;
    free(reply->result);
    free(reply->message);
    free(reply->error);
    *reply = (struct weir_reply){0};
}
