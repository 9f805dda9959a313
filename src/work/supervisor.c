#include "config.h"

#include "work/supervisor.h"

#include <stdlib.h>

#include <weir/error.h>

int weir__supervisor_open(struct weir__supervisor *supervisor, unsigned count)
{
    supervisor->seats = calloc(count, sizeof *supervisor->seats);
    supervisor->count = supervisor->seats != NULL ? count : 0;
    return supervisor->seats != NULL ? 0 : WEIR_ERR_NOMEM;
}

void weir__supervisor_close(struct weir__supervisor *supervisor)
{
    free(supervisor->seats);
    supervisor->seats = NULL;
    supervisor->count = 0;
}

struct weir__seat *weir__supervisor_seat(const struct weir__supervisor *supervisor,
                                         int (*is_free)(const struct weir__seat *seat))
{
    struct weir__seat *first = NULL;

    for (unsigned i = 0; i < supervisor->count; i++) {
        struct weir__seat *seat = &supervisor->seats[i];

        if ((seat->worker == NULL || (is_free != NULL && is_free(seat)))
            && (first == NULL || seat->backoff.next_ns < first->backoff.next_ns))
            first = seat;
    }
    return first;
}

void weir__supervisor_put_off(const struct weir__supervisor *supervisor, struct weir__seat *seat,
                              int64_t now_ns)
{
    if (!seat->has_answered)
        weir__backoff_failed(&seat->backoff, now_ns, supervisor->first_ms, supervisor->most_ms);
    seat->has_answered = 0;
}

int64_t weir__supervisor_wait_ms(const struct weir__supervisor *supervisor, int64_t now_ns)
{
    const struct weir__seat *seat = weir__supervisor_seat(supervisor, NULL);

    if (seat == NULL || seat->backoff.next_ns <= now_ns)
        return 0;
    return (seat->backoff.next_ns - now_ns + 999999) / 1000000;
}

int64_t weir__supervisor_until_ns(const struct weir__supervisor *supervisor)
{
    int64_t patience_ms = supervisor->patience_ms;

    if (supervisor->is_hopeless)
        return 0;
    if (supervisor->failing_since_ns == 0 || patience_ms < 0
        || patience_ms > (INT64_MAX - supervisor->failing_since_ns) / 1000000)
        return INT64_MAX;
    return supervisor->failing_since_ns + patience_ms * 1000000;
}

int64_t weir__supervisor_failed(struct weir__supervisor *supervisor, int64_t now_ns, int for_good)
{
    int64_t until_ns;

    supervisor->is_hopeless |= for_good;
    if (supervisor->failing_since_ns == 0)
        supervisor->failing_since_ns = now_ns;
    until_ns = weir__supervisor_until_ns(supervisor);
    for (unsigned i = 0; now_ns < until_ns && i < supervisor->count; i++)
        if (supervisor->seats[i].backoff.next_ns > until_ns)
            supervisor->seats[i].backoff.next_ns = until_ns;
    return until_ns;
}
