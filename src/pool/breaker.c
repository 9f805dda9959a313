#include "config.h"

#include "pool/breaker.h"

#include <string.h>

enum { OPEN_MAX_MS = 60000, GOOD_TRIALS = 3, MS = 1000000 };

const char *weir__breaker_state_name(enum weir__breaker_state state)
{
    static const char *const names[] = {
        [WEIR__BREAKER_CLOSED] = "closed",
        [WEIR__BREAKER_OPEN] = "open",
        [WEIR__BREAKER_HALF_OPEN] = "half_open",
    };

    return names[state];
}

enum weir__admission weir__breaker_admit(struct weir__breaker *breaker, int64_t now_ns)
{
    if (breaker->state == WEIR__BREAKER_CLOSED)
        return WEIR__ADMISSION_GIVEN;
    if (breaker->state == WEIR__BREAKER_OPEN && now_ns < breaker->until_ns)
        return WEIR__ADMISSION_REFUSED;
    if (breaker->state == WEIR__BREAKER_OPEN) {
        breaker->state = WEIR__BREAKER_HALF_OPEN;
        breaker->good = 0;
        breaker->is_trying = 0;
    }
    if (breaker->is_trying && now_ns < breaker->until_ns)
        return WEIR__ADMISSION_REFUSED;
    breaker->is_trying = 1; /* and where it has no end, another one follows */
    breaker->until_ns = now_ns + breaker->open_ms * MS;
    return WEIR__ADMISSION_TRIAL;
}

static void open(struct weir__breaker *breaker, int64_t open_ms, int64_t now_ns)
{
    breaker->state = WEIR__BREAKER_OPEN;
    breaker->open_ms = open_ms < OPEN_MAX_MS ? open_ms : OPEN_MAX_MS;
    breaker->until_ns = now_ns + breaker->open_ms * MS;
}

/* Counts a call in its slice of the window, and says whether too many were bad. */
static int is_too_much(struct weir__breaker *breaker, int is_bad, int64_t now_ns)
{
    int64_t number = now_ns / (breaker->spec->window_ms * MS / WEIR__BREAKER_SLICES);
    size_t at = (size_t)(number % WEIR__BREAKER_SLICES);
    uint64_t all = 0, bad = 0;

    if (breaker->slices[at].number != number) {
        breaker->slices[at].number = number;
        breaker->slices[at].all = breaker->slices[at].bad = 0;
    }
    breaker->slices[at].all++;
    breaker->slices[at].bad += (uint32_t)is_bad;
    if (!is_bad)
        return 0;
    for (size_t i = 0; i < WEIR__BREAKER_SLICES; i++)
        if (breaker->slices[i].number > number - WEIR__BREAKER_SLICES) {
            all += breaker->slices[i].all;
            bad += breaker->slices[i].bad;
        }
    return all >= breaker->spec->calls && bad * 100 >= all * breaker->spec->percent;
}

/* A call was let through while the breaker is half open. */
static int count_trial(struct weir__breaker *breaker, enum weir__verdict verdict, int64_t now_ns)
{
    breaker->is_trying = 0;
    if (verdict == WEIR__VERDICT_BAD) {
        open(breaker, breaker->open_ms * 2, now_ns);
        return 1;
    }
    breaker->good += verdict == WEIR__VERDICT_GOOD;
    if (breaker->good < GOOD_TRIALS)
        return 0;
    breaker->state = WEIR__BREAKER_CLOSED;
    memset(breaker->slices, 0, sizeof breaker->slices);
    return 1;
}

int weir__breaker_count(struct weir__breaker *breaker, enum weir__verdict verdict, int is_trial,
                        int64_t now_ns)
{
    if (is_trial)
        return count_trial(breaker, verdict, now_ns);
    if (breaker->state != WEIR__BREAKER_CLOSED || verdict == WEIR__VERDICT_NONE
        || !is_too_much(breaker, verdict == WEIR__VERDICT_BAD, now_ns))
        return 0;
    open(breaker, breaker->spec->open_ms, now_ns);
    return 1;
}

int64_t weir__breaker_left_ms(const struct weir__breaker *breaker, int64_t now_ns)
{
    if (breaker->state != WEIR__BREAKER_OPEN || breaker->until_ns <= now_ns)
        return 0;
    return (breaker->until_ns - now_ns + MS - 1) / MS;
}
