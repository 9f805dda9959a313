#include "config.h"

#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t now(clockid_t id)
{
    struct timespec time;

    clock_gettime(id, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t weir__clock_ns(void)
{
    return now(CLOCK_MONOTONIC);
}

int64_t weir__clock_in_ms(int64_t ms)
{
    int64_t now_ns = weir__clock_ns();

    return ms > (INT64_MAX - now_ns) / 1000000 ? INT64_MAX : now_ns + ms * 1000000;
}

int64_t weir__clock_wall_ns(void)
{
    return now(CLOCK_REALTIME);
}

void weir__clock_format(int64_t wall_ns, char text[WEIR__TIME_SIZE])
{
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm utc = {0};
    char day[sizeof "2026-01-02T03:04:05"];

    gmtime_r(&seconds, &utc);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, WEIR__TIME_SIZE, "%s.%03uZ", day,
             (unsigned)((uint64_t)wall_ns / 1000000 % 1000));
}
