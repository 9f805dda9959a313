#include "config.h"

#include "work/backoff.h"

/* A longer wait in nanoseconds would overflow. */
#define LONGEST_MS (INT64_MAX / 4 / 1000000)

void weir__backoff_failed(struct weir__backoff *backoff, int64_t now_ns, int64_t first_ms,
                          int64_t most_ms)
{
    /* The low bits of the clock and the address: no two waits are alike. */
    uint64_t mixed =
        ((uint64_t)now_ns ^ (uint64_t)(uintptr_t)backoff) * UINT64_C(0x9e3779b97f4a7c15);
    double share;

    mixed = (mixed ^ mixed >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    share = (double)(mixed >> 11) / 9007199254740992.0;
    if (most_ms > LONGEST_MS)
        most_ms = LONGEST_MS;
    for (unsigned i = 0; i < backoff->failures && first_ms < most_ms; i++)
        first_ms = first_ms > 0 ? first_ms * 2 : 1;
    if (first_ms > most_ms)
        first_ms = most_ms;
    backoff->failures++;
    backoff->next_ns = now_ns + (int64_t)(share * (double)first_ms * 1e6);
}
