#include "config.h"

#include "cli/hadoop.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/output.h"

enum { EVERY_MS = 1000 };

/* Hadoop sums the values, so only the increase is reported. */
static void report_counter(const char *name, uint64_t total, uint64_t *told)
{
    char line[128];
    int length =
        snprintf(line, sizeof line, "reporter:counter:weir,%s,%" PRIu64 "\n", name, total - *told);

    output_say(line, (size_t)length);
    *told = total;
}

int hadoop_tick(void *context)
{
    struct hadoop *hadoop = context;
    int64_t now_ns = weir__clock_ns();
    struct weir_map_progress seen;

    if (hadoop->next_ns == 0)
        hadoop->next_ns = now_ns + (int64_t)EVERY_MS * 1000000;
    if (now_ns < hadoop->next_ns)
        return (int)((hadoop->next_ns - now_ns) / 1000000) + 1;
    hadoop->next_ns = now_ns + (int64_t)EVERY_MS * 1000000;
    weir_map_look(hadoop->map, &seen);
    report_counter("records", seen.records, &hadoop->records);
    report_counter("dead", seen.dead, &hadoop->dead);
    return EVERY_MS;
}

void hadoop_end(struct hadoop *hadoop, const struct weir_map_report *report)
{
    const struct {
        const char *name;
        uint64_t total;
    } rest[] = {
        {"answered", report->answered},   {"dropped", report->dropped},
        {"unsettled", report->unsettled}, {"retries", report->retries},
        {"crashes", report->crashes},     {"timeouts", report->timeouts},
        {"desyncs", report->desyncs},
    };

    report_counter("records", report->records, &hadoop->records);
    report_counter("dead", report->dead, &hadoop->dead);
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        report_counter(rest[i].name, rest[i].total, &(uint64_t){0});
}
