#include "config.h"

#include "cli/report_value.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void report_duration(char text[REPORT_VALUE], double ms)
{
    double s = ms / 1000;

    if (ms < 1)
        snprintf(text, REPORT_VALUE, "%.3g ms", ms);
    else if (ms < 1000)
        snprintf(text, REPORT_VALUE, ms < 100 ? "%.1f ms" : "%.0f ms", ms);
    else if (s < 60)
        snprintf(text, REPORT_VALUE, "%.2f s", s);
    else if (s < 3600)
        snprintf(text, REPORT_VALUE, "%d min %d s", (int)s / 60, (int)s % 60);
    else if (!(s < 1e15))
        snprintf(text, REPORT_VALUE, "%.3g s", s);
    else
        snprintf(text, REPORT_VALUE, "%lld h %d min", (long long)s / 3600,
                 (int)((long long)s % 3600) / 60);
}

void report_size(char text[REPORT_VALUE], double bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, REPORT_VALUE, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes,
             units[unit]);
}

void report_amount(char text[REPORT_VALUE], double amount, const char *unit)
{
    if (strcmp(unit, "ms") == 0)
        report_duration(text, amount);
    else if (strcmp(unit, "bytes") == 0)
        report_size(text, amount);
    else
        snprintf(text, REPORT_VALUE,
                 amount < 1                               ? "%.2g%s"
                 : amount < 10 && amount != floor(amount) ? "%.1f%s"
                                                          : "%.0f%s",
                 amount, strcmp(unit, "/s") == 0 ? unit : "");
}
