/* What a report shows of weir map and weir each. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_tree.h"
#include "base/printable.h"
#include "cli/report_kinds.h"
#include "cli/report_parts.h"

enum {
    STEPS = 120,      /* of a series */
    STEPS_LEAST = 4,  /* fewer show nothing */
    TIMES = 256,      /* buckets */
    SLOTS_SHOWN = 64, /* in bars; the table has all workers */
};

/* A title, and of which stage of a pipeline. */
static const char *title_of(char *text, size_t size, const char *title, const char *stage)
{
    weir__sentence(text, size, "%s%s%s", title, *stage != '\0' ? " of " : "", stage);
    return text;
}

/* The last step is short: its rate would say nothing.  Returns how many steps there are then. */
static size_t join_last(double *ends, double *rates, double *failed, double *levels, size_t count)
{
    size_t last = count - 1;

    ends[last - 1] = ends[last];
    rates[last - 1] += rates[last];
    failed[last - 1] += failed[last];
    levels[last - 1] = fmax(levels[last - 1], levels[last]);
    return last;
}

/* Records a second, and how many worked on them, over time. */
static void add_series(json_t **sections, const json_t *document, const char *stage)
{
    const json_t *series = json_object_get(document, "series");
    const json_t *settled = json_object_get(series, "settled");
    const json_t *dead = json_object_get(series, "dead"), *busy = json_object_get(series, "busy");
    double step_ms = part_number_of(series, "step_ms"), ends[STEPS], rates[STEPS], failed[STEPS],
           levels[STEPS], most_failed = 0, most_busy = 0;
    double wall_ms = part_number_of(document, "wall_ms");
    size_t count = json_array_size(settled) < STEPS ? json_array_size(settled) : STEPS;
    int is_each = strcmp(part_text_of(document, "kind", ""), "each") == 0;
    json_t *rate = json_array(), *level = json_array();
    char title[300];

    for (size_t i = 0; i < count; i++) {
        ends[i] = fmin((double)(i + 1) * step_ms, wall_ms);
        failed[i] = part_number_at(dead, i);
        rates[i] = part_number_at(settled, i) - failed[i];
        levels[i] = part_number_at(busy, i);
    }
    if (count > 1 && ends[count - 1] - ends[count - 2] < step_ms / 2)
        count = join_last(ends, rates, failed, levels, count);
    for (size_t i = 0; i < count; i++) {
        double step_s = (ends[i] - (i > 0 ? ends[i - 1] : 0)) / 1000;

        most_failed = fmax(most_failed, failed[i]);
        most_busy = fmax(most_busy, levels[i]);
        failed[i] = step_s > 0 ? failed[i] / step_s : NAN;
        rates[i] = step_s > 0 ? rates[i] / step_s : NAN;
    }
    if (count >= STEPS_LEAST) {
        part_line(&rate, "answered", part_plain, 1, ends, rates, count, "/s");
        if (most_failed > 0)
            part_line(&rate, "failed", part_bad, 0, ends, failed, count, "/s");
        if (most_busy > 1)
            part_line(&level, is_each ? "programs" : "workers", part_plain, 1, ends, levels, count,
                      "");
    }
    part_chart(sections, title_of(title, sizeof title, "Records a second", stage), wall_ms, "/s",
               rate);
    part_chart(sections,
               title_of(title, sizeof title, is_each ? "Programs that ran" : "Workers with records",
                        stage),
               wall_ms, "", level);
}

static void add_failures(json_t **sections, const json_t *document, const char *stage)
{
    const json_t *failures = json_object_get(document, "failures");
    json_t *rows = json_array();
    char title[300], value[REPORT_VALUE];

    for (size_t i = 0; i < json_array_size(failures); i++) {
        const json_t *one = json_array_get(failures, i);
        const char *reason = part_text_of(one, "reason", ""), *end = part_text_of(one, "end", "");
        json_t *row = json_array();

        part_cell_count(&row, one, "line");
        part_cell_duration(&row, one, "at_ms");
        part_cell(&row, reason);
        part_cell(&row, strstr(reason, end) == NULL ? end : "");
        part_cell(&row, part_text_of(one, "stderr", ""));
        weir__tree_append(&rows, row);
    }
    snprintf(value, sizeof value,
             json_array_size(failures) < part_number_of(document, "dead") ? "First failures"
                                                                          : "Failures");
    part_table(sections, title_of(title, sizeof title, value, stage),
               json_pack("[s,s,s,s,s]", "line", "after", "reason", "worker", "stderr"), rows);
}

/* What is shown of the workers of a slot together. */
struct slot {
    json_t *lives;
    unsigned starts;
    double records;
    int has_failed;
};

static void add_life(struct slot *slot, const json_t *worker)
{
    char ended[REPORT_VALUE * 2];

    if (slot->starts++ == 0)
        slot->lives = json_array();
    slot->records += part_number_of(worker, "records");
    slot->has_failed |= !part_is_well(worker);
    part_bar(&slot->lives, "", part_number_of(worker, "start_ms"),
             part_number_of(worker, "wall_ms"), part_is_well(worker) ? part_good : part_bad,
             part_ending(ended, sizeof ended, worker));
}

/* When the workers of each slot lived, and how many records they answered. */
static void add_lives(json_t **sections, const json_t *workers, double span)
{
    struct slot slots[SLOTS_SHOWN] = {0};
    json_t *lives = json_array(), *records = json_array();
    char label[REPORT_VALUE], note[REPORT_VALUE];
    double most = 0;
    int has_starts = 1;

    for (size_t i = 0; i < json_array_size(workers); i++) {
        const json_t *worker = json_array_get(workers, i);
        double place = part_number_of(worker, "slot");

        has_starts &= json_is_number(json_object_get(worker, "start_ms"));
        if (place >= 0 && place < SLOTS_SHOWN)
            add_life(&slots[(size_t)place], worker);
    }
    for (size_t i = 0; i < SLOTS_SHOWN; i++) {
        if (slots[i].starts == 0)
            continue;
        most = fmax(most, slots[i].records);
        snprintf(label, sizeof label, "worker %zu", i);
        snprintf(note, sizeof note, "%.0f", slots[i].records);
        part_bar(&records, label, 0, slots[i].records, slots[i].has_failed ? part_bad : part_good,
                 note);
        snprintf(note, sizeof note, "%u %s", slots[i].starts,
                 slots[i].starts == 1 ? "start" : "starts");
        if (has_starts)
            part_row(&lives, label, note, slots[i].lives);
        else
            json_decref(slots[i].lives);
    }
    part_bars(sections, "Lives of the workers", span, "ms", lives);
    part_bars(sections, "Records of each worker", most, "records", records);
}

/* How many records took how long. */
static void add_times(json_t **sections, const json_t *times)
{
    const json_t *bounds = json_object_get(times, "bounds_ms");
    const json_t *counts = json_object_get(times, "counts");
    double limits[TIMES], numbers[TIMES];
    size_t count = json_array_size(counts) < TIMES ? json_array_size(counts) : TIMES;

    for (size_t i = 0; i < count; i++) {
        limits[i] = part_number_at(bounds, i);
        numbers[i] = part_number_at(counts, i);
    }
    part_histogram(sections, "Records by time", "records", limits, numbers, count, 0);
}

void report_map_stage(json_t **sections, const char *stage, const json_t *map)
{
    if (!json_is_object(map))
        return;
    add_series(sections, map, stage);
    add_failures(sections, map, stage);
}

static void add_workers(json_t **sections, const json_t *workers)
{
    json_t *rows = json_array();
    char label[REPORT_VALUE], ended[REPORT_VALUE * 2];

    for (size_t i = 0; i < json_array_size(workers); i++) {
        const json_t *worker = json_array_get(workers, i);
        json_t *row = json_array();

        snprintf(label, sizeof label, "worker %.0f", part_number_of(worker, "slot"));
        part_cell_number(&row, label, part_number_of(worker, "slot"));
        part_cell_count(&row, worker, "records");
        part_cell(&row, part_ending(ended, sizeof ended, worker));
        part_cell_count(&row, worker, "starts");
        part_cell_duration(&row, worker, "wall_ms");
        part_cell_duration(&row, worker, "user_ms");
        part_cell_duration(&row, worker, "system_ms");
        part_cell_kib(&row, worker, "max_rss_kb");
        part_cell(&row, part_text_of(worker, "node", ""));
        weir__tree_append(&rows, row);
    }
    part_table(sections, "Workers",
               json_pack("[s,s,s,s,s,s,s,s,s]", "worker", "records", "end", "starts", "time",
                         "user CPU", "system CPU", "peak memory", "node"),
               rows);
}

static void add_slots(json_t **sections, const json_t *slots, double span)
{
    json_t *bars = json_array(), *rows = json_array();
    char label[REPORT_VALUE], note[REPORT_VALUE];

    for (size_t i = 0; i < json_array_size(slots); i++) {
        const json_t *slot = json_array_get(slots, i);
        json_t *row = json_array();

        snprintf(label, sizeof label, "slot %.0f", part_number_of(slot, "slot") + 1);
        snprintf(note, sizeof note, "%.0f %% busy",
                 span > 0 ? 100 * part_number_of(slot, "busy_ms") / span : 0);
        part_bar(&bars, label, 0, part_number_of(slot, "busy_ms"),
                 part_number_of(slot, "failed") > 0 ? part_bad : part_good, note);
        part_cell_number(&row, label, part_number_of(slot, "slot"));
        part_cell_count(&row, slot, "jobs");
        part_cell_count(&row, slot, "failed");
        part_cell_duration(&row, slot, "busy_ms");
        part_cell(&row, part_text_of(slot, "node", ""));
        weir__tree_append(&rows, row);
    }
    part_bars(sections, "Time that each slot was busy", span, "ms", bars);
    part_table(sections, "Slots",
               json_pack("[s,s,s,s,s]", "slot", "programs", "failed", "busy", "node"), rows);
}

json_t *report_map_model(const json_t *document)
{
    json_t *facts = json_array(), *sections = json_array();
    const json_t *in = json_object_get(document, "in");
    double wall_ms = part_number_of(document, "wall_ms"),
           answered = part_number_of(document, "answered");
    const char *kind = part_text_of(document, "kind", "map");
    char verdict[400], value[REPORT_VALUE], title[32];

    part_start(&facts, document);
    part_duration(&facts, "time", document, "wall_ms");
    part_count(&facts, "status", document, "status", part_bad);
    part_count(&facts, "records", in, "records", part_plain);
    part_size(&facts, "input", in, "bytes", 1);
    part_size(&facts, "output", json_object_get(document, "out"), "bytes", 1);
    part_count(&facts, "answered", document, "answered", part_plain);
    if (wall_ms > 0) {
        snprintf(value, sizeof value, "%.0f", answered * 1000 / wall_ms);
        part_number(&facts, "answered a second", value, answered * 1000 / wall_ms, part_plain);
    }
    part_some(&facts, "dropped", document, "dropped", part_plain);
    part_count(&facts, "dead", document, "dead", part_bad);
    part_some(&facts, "unsettled", document, "unsettled", part_bad);
    part_some(&facts, "invalid", in, "invalid", part_bad);
    part_some(&facts, "oversize", in, "oversize", part_bad);
    part_some(&facts, "retries", document, "retries", part_plain);
    part_some(&facts, "redelivered", document, "redelivered", part_plain);
    part_some(&facts, "crashes", document, "crashes", part_bad);
    part_some(&facts, "timeouts", document, "timeouts", part_bad);
    if (part_number_of(json_object_get(document, "reorder"), "stall_ms") > 0)
        part_duration(&facts, "stalled by order", json_object_get(document, "reorder"), "stall_ms");
    part_section(&sections, "facts", "Summary", facts);
    add_series(&sections, document, "");
    add_failures(&sections, document, "");
    add_lives(&sections, json_object_get(document, "workers"), wall_ms);
    add_workers(&sections, json_object_get(document, "workers"));
    add_slots(&sections, json_object_get(document, "jobs"), wall_ms);
    part_latency(&sections, json_object_get(document, "latency_ms"));
    add_times(&sections, json_object_get(document, "latency_counts"));
    weir__sentence(title, sizeof title, "weir %s", kind);
    return part_model(title, part_verdict(verdict, sizeof verdict, document),
                      json_is_true(json_object_get(document, "ok")) ? part_good : part_bad,
                      sections);
}
