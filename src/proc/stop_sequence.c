#include "config.h"

#include "proc/stop_sequence.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/signal_names.h"
#include "base/units.h"

#define FORMS "use SIGNAL:DURATION, separated by commas, and KILL at the end: INT:2s,TERM:5s,KILL"

static int refuse(struct weir_error *error, const char *what)
{
    return weir__fail(error, WEIR_ERR_INVALID, 0, "invalid stop sequence: %s", what);
}

/* Returns what is wrong with it, or NULL. */
static const char *check(const struct weir_stop_step *steps, size_t count)
{
    int64_t total_ms = 0;

    if (count > WEIR_STOP_STEPS || (count == WEIR_STOP_STEPS && steps[count - 1].signal != SIGKILL))
        return "too many steps: up to three before SIGKILL, which always follows";
    for (size_t i = 0; i < count; i++) {
        if (steps[i].signal < 0 || steps[i].signal >= NSIG || steps[i].signal == SIGSTOP)
            return "a step has a signal that cannot stop a program";
        if (steps[i].signal == SIGKILL && i + 1 < count)
            return "nothing can follow SIGKILL";
        if (steps[i].wait_ms < 0 || steps[i].wait_ms > WEIR__DURATION_MAX_MS - total_ms)
            return "a step has a negative or too large time";
        total_ms += steps[i].wait_ms;
    }
    return NULL;
}

int weir__stop_sequence_take(struct weir__stop_sequence *sequence,
                             const struct weir_stop_step *steps, size_t count, int64_t *grace_ms,
                             struct weir_error *error)
{
    const char *fault = count > 0 && steps != NULL ? check(steps, count) : NULL;

    *sequence = (struct weir__stop_sequence){.count = 0};
    if (fault != NULL)
        return refuse(error, fault);
    if (steps == NULL || count == 0)
        return 0;
    *grace_ms = 0;
    for (size_t i = 0; i < count && steps[i].signal != SIGKILL; i++) {
        *grace_ms += steps[i].wait_ms;
        sequence->steps[sequence->count++] = steps[i];
    }
    return 0;
}

/* --- As text --------------------------------------------------------------- */

/* Reads one step, of length bytes.  Returns what is wrong with it, or NULL. */
static const char *parse_step(const char *text, size_t length, struct weir_stop_step *step)
{
    char copy[64], *colon;

    if (length == 0 || length >= sizeof copy)
        return "a step is empty or too long";
    memcpy(copy, text, length);
    copy[length] = '\0';
    colon = strchr(copy, ':');
    if (colon != NULL)
        *colon = '\0';
    step->signal = weir__signal_find(copy);
    step->wait_ms = 0;
    if (step->signal < 0)
        return "unknown signal";
    if (step->signal == SIGKILL)
        return colon != NULL ? "KILL takes no time" : NULL;
    if (colon == NULL)
        return "a signal other than KILL needs the time to wait after it";
    return weir__duration_parse(colon + 1, &step->wait_ms) < 0 ? "invalid duration" : NULL;
}

int weir_stop_parse(const char *text, struct weir_stop_step steps[WEIR_STOP_STEPS], size_t *count,
                    struct weir_error *error)
{
    struct weir_stop_step read[WEIR_STOP_STEPS];
    const char *fault = NULL, *at = text;
    size_t found = 0;

    while (fault == NULL) {
        size_t length = strcspn(at, ",");

        if (found == WEIR_STOP_STEPS)
            fault = "too many steps: up to three before KILL";
        else
            fault = parse_step(at, length, &read[found++]);
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    if (fault == NULL)
        fault = check(read, found);
    if (fault != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "invalid stop sequence \"%.80s\": %s: " FORMS,
                          text, fault);
    memcpy(steps, read, found * sizeof *read);
    *count = found;
    return 0;
}
