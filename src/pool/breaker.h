/* pool/breaker.h - a circuit breaker: calls that would probably fail are refused at once.
 *
 *   CLOSED --enough calls in the window, too many of them bad--> OPEN
 *   OPEN --its time is over--> HALF_OPEN, which lets one call at a time through
 *   HALF_OPEN --3 good--> CLOSED
 *   HALF_OPEN --one bad--> OPEN, twice as long as before, at most 60 s
 */
#ifndef WEIR_POOL_BREAKER_H
#define WEIR_POOL_BREAKER_H

#include <stdint.h>

enum { WEIR__BREAKER_SLICES = 10 };

struct weir__breaker_spec {
    unsigned calls;   /* least number of calls in the window */
    unsigned percent; /* of them that are bad */
    int64_t window_ms;
    int64_t open_ms; /* the first time */
    int64_t slow_ms; /* a call that takes longer is bad; 0: however long */
};

enum weir__breaker_state { WEIR__BREAKER_CLOSED, WEIR__BREAKER_OPEN, WEIR__BREAKER_HALF_OPEN };

enum weir__verdict { WEIR__VERDICT_NONE, WEIR__VERDICT_GOOD, WEIR__VERDICT_BAD };

enum weir__admission { WEIR__ADMISSION_REFUSED, WEIR__ADMISSION_GIVEN, WEIR__ADMISSION_TRIAL };

/* Set spec; the rest is zero. */
struct weir__breaker {
    const struct weir__breaker_spec *spec; /* borrowed; NULL: there is none */
    enum weir__breaker_state state;
    struct {
        int64_t number; /* of the slice of time that it counts */
        uint32_t all, bad;
    } slices[WEIR__BREAKER_SLICES];
    int64_t open_ms; /* how long it is open this time */
    int64_t until_ns;
    int is_trying; /* a call is let through */
    unsigned good;
};

/* "closed", "open", "half_open". */
const char *weir__breaker_state_name(enum weir__breaker_state state);

/* Whether a call may run now.  A trial is the only one while the breaker is half open. */
enum weir__admission weir__breaker_admit(struct weir__breaker *breaker, int64_t now_ns);

/* A call is over that was admitted.  Returns 1 if the state has changed. */
int weir__breaker_count(struct weir__breaker *breaker, enum weir__verdict verdict, int is_trial,
                        int64_t now_ns);

/* How long it still refuses calls, in milliseconds, rounded up. */
int64_t weir__breaker_left_ms(const struct weir__breaker *breaker, int64_t now_ns);

#endif
