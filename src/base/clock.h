/* base/clock.h - a monotonic clock to measure and wait by, and the wall clock. */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds on CLOCK_MONOTONIC: deadlines and durations. */
int64_t weir__clock_ns(void);

/* The time in ms from now; INT64_MAX, which never comes, where that is too far away. */
int64_t weir__clock_in_ms(int64_t ms);

/* Nanoseconds since 1970 on CLOCK_REALTIME: what is shown to people. */
int64_t weir__clock_wall_ns(void);

enum { WEIR__TIME_SIZE = sizeof "2026-01-02T03:04:05.678Z" };

/* Writes wall_ns as RFC 3339 in UTC with milliseconds. */
void weir__clock_format(int64_t wall_ns, char text[WEIR__TIME_SIZE]);

#endif
