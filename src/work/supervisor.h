/* work/supervisor.h - where and when the next worker starts, and when to give up.
 *
 * A seat is the place of one worker and its successors.  A worker that has answered is replaced
 * at once; otherwise the seat waits after a failure, with full jitter (work/backoff.h).  Starts
 * are given up once they have failed for patience_ms and no worker has run.  The owner starts
 * the workers.
 */
#ifndef WEIR_WORK_SUPERVISOR_H
#define WEIR_WORK_SUPERVISOR_H

#include "work/backoff.h"

struct weir__seat {
    struct weir__backoff backoff;
    void *worker;     /* the latest, for the owner; NULL: none */
    int has_answered; /* since the last failure */
    unsigned starts;  /* workers started in it */
};

struct weir__supervisor {
    struct weir__seat *seats;
    unsigned count;
    int64_t first_ms, most_ms; /* bounds of the wait after a failure */
    int64_t patience_ms;       /* WEIR_FOREVER: starts are never given up */
    int64_t failing_since_ns;  /* starts fail and no worker runs; 0: no */
    int is_hopeless;           /* the next start would fail, too */
};

/* first_ms, most_ms and patience_ms must be set. Errors: NOMEM. */
int weir__supervisor_open(struct weir__supervisor *supervisor, unsigned count);
void weir__supervisor_close(struct weir__supervisor *supervisor);

/* The number of a seat, from 0. */
static inline unsigned weir__supervisor_slot(const struct weir__supervisor *supervisor,
                                             const struct weir__seat *seat)
{
    return (unsigned)(seat - supervisor->seats);
}

/* The free seat whose wait ends first; NULL: none. is_free: whether a seat with a worker counts
 * as free; NULL: it does not. */
struct weir__seat *weir__supervisor_seat(const struct weir__supervisor *supervisor,
                                         int (*is_free)(const struct weir__seat *seat));

/* A worker runs. */
static inline void weir__supervisor_succeeded(struct weir__supervisor *supervisor)
{
    supervisor->failing_since_ns = 0;
    supervisor->is_hopeless = 0;
}

/* The seat's worker has answered. */
static inline void weir__seat_succeeded(struct weir__seat *seat)
{
    seat->backoff = (struct weir__backoff){0};
    seat->has_answered = 1;
}

/* The seat's worker is lost or did not start: sets when the next one may start. */
void weir__supervisor_put_off(const struct weir__supervisor *supervisor, struct weir__seat *seat,
                              int64_t now_ns);

/* A start has failed, and no worker runs. for_good: the next one would fail, too. Every seat
 * gets one more try before starts are given up. Returns when that is. */
int64_t weir__supervisor_failed(struct weir__supervisor *supervisor, int64_t now_ns, int for_good);

/* How long until the next worker may start in a free seat, in milliseconds, rounded up; 0: now. */
int64_t weir__supervisor_wait_ms(const struct weir__supervisor *supervisor, int64_t now_ns);

/* When starts are given up; INT64_MAX: not in the current state. */
int64_t weir__supervisor_until_ns(const struct weir__supervisor *supervisor);

#endif
