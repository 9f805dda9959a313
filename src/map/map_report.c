/* A map's progress, its report, and the JSON document. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/clock.h"
#include "base/json_tree.h"
#include "map/each.h"
#include "map/map.h"
#include "proc/result.h"
#include "proc/result_json.h"
#include "text/json_text.h"

enum { WORKERS_REPORTED = 1000 }; /* of more, only the last entry is replaced */

/* --- While it runs --------------------------------------------------------- */

struct look {
    const struct weir_map *map;
    struct weir_map_progress progress;
};

static void look_at_time(struct look *look, const struct weir__map_worker *worker, int64_t now_ns)
{
    int64_t age_ns = now_ns - worker->started_ns;

    if (look->map->each == NULL || worker->inflight.count == 0
        || age_ns < look->progress.slowest_ns)
        return;
    look->progress.slowest = worker->inflight.first->seq + 1;
    look->progress.slowest_ns = age_ns;
}

static void do_look(void *data)
{
    struct look *look = data;
    const struct weir_map *map = look->map;
    int64_t now_ns = weir__clock_ns();

    look->progress = (struct weir_map_progress){
        .size = sizeof look->progress,
        .records = map->in.reader.seq,
        .bytes = map->in.reader.bytes_in,
        .settled = map->report.answered + map->report.dropped + map->report.dead,
        .dead = map->report.dead,
        .input_size = map->in.size,
        .input_offset = map->reorder.next_offset,
    };
    for (const struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next) {
        size_t place = look->progress.worker_count;

        if (worker->is_over)
            continue;
        look->progress.in_flight += worker->inflight.count;
        look_at_time(look, worker, now_ns);
        look->progress.worker_count++;
        if (place < WEIR_MAP_SHARES)
            look->progress.shares[place] = (struct weir_map_share){
                .pid = worker->process.result.pid,
                .records = worker->answered,
                .in_flight = worker->inflight.count,
            };
    }
}

void weir_map_look_sized(weir_map_t *map, struct weir_map_progress *progress, size_t size)
{
    struct look look = {.map = map};

    weir__context_do(map->operation.weir, do_look, &look);
    weir__options_init(progress, size, &look.progress, sizeof look.progress);
}

/* --- At the end ------------------------------------------------------------ */

static void worker_clear(struct weir_map_worker *worker)
{
    weir_result_clear(&worker->result);
    free(worker->node);
}

void weir__map_note_worker(struct weir_map *map, const struct weir__map_worker *from)
{
    struct weir_map_report *report = &map->report;
    const char *node = from->process.far_node;
    struct weir_map_worker *worker;

    if (report->worker_count < WORKERS_REPORTED) {
        size_t count = report->worker_count;

        if ((count & (count - 1)) == 0) { /* it is full: twice as many, so that few are moved */
            struct weir_map_worker *workers =
                realloc(report->workers, (count > 0 ? 2 * count : 1) * sizeof *workers);

            if (workers == NULL)
                return;
            report->workers = workers;
        }
        report->worker_count++;
    } else {
        worker_clear(&report->workers[WORKERS_REPORTED - 1]);
    }
    worker = &report->workers[report->worker_count - 1];
    *worker = (struct weir_map_worker){.result = from->process.result, .records = from->answered};
    worker->slot = from->process.slot;
    worker->starts = from->starts;
    worker->start_ns = from->started_ns - map->started_ns;
    if (node == NULL && !map->is_launched)
        node = getenv("SLURMD_NODENAME");
    if (node != NULL)
        worker->node = strdup(node);
    worker->result.argv = NULL; /* the worker keeps them */
    worker->result.cwd = NULL;
    worker->result.out = worker->result.err = (struct weir_output){0};
}

void weir__map_report_fill(struct weir_map *map)
{
    struct weir_map_report *report = &map->report;

    weir__course_end(map);
    report->records = map->checkpoint.was_finished ? map->reorder.next : map->in.reader.seq;
    report->bytes_in =
        map->checkpoint.was_finished ? map->reorder.next_offset : map->in.reader.bytes_in;
    report->blank = map->checkpoint.was_finished ? map->reorder.tally.blank : map->in.reader.blank;
    if (map->options.checkpoint != NULL)
        report->checkpoint = strdup(map->options.checkpoint);
    if (map->options.key != NULL)
        report->key = strdup(map->options.key);
    report->records_out = map->reorder.tally.records_out;
    report->bytes_out = map->reorder.tally.bytes_out;
    report->unsettled = report->records - report->answered - report->dropped - report->dead;
    report->reorder_peak_records = map->reorder.peak_records;
    report->reorder_peak_bytes = map->reorder.peak_bytes;
    report->latency_p50_ns = weir__histogram_percentile(&map->latency, 50);
    report->latency_p95_ns = weir__histogram_percentile(&map->latency, 95);
    report->latency_p99_ns = weir__histogram_percentile(&map->latency, 99);
    report->latency_max_ns = map->latency.max_ns;
    report->wall_ns = weir__clock_ns() - map->started_ns;
    report->why = map->end.why;
    report->status = map->end.status != 0                   ? map->end.status
                     : report->dead > map->options.max_dead ? 1
                                                            : 0;
    report->max_dead = map->options.max_dead;
    report->format = map->options.format;
    if (map->each != NULL) {
        report->slots = map->each->slots;
        report->slot_count = report->slots != NULL ? map->options.workers : 0;
        map->each->slots = NULL;
        for (size_t i = 0; i < report->slot_count && map->each->hosts.count > 0; i++)
            if (strcmp(map->each->hosts.slots[i], ":") != 0)
                report->slots[i].host = strdup(map->each->hosts.slots[i]);
    }
    if (map->end.status != 0 && map->end.status != 3 && map->end.untrusted_line > 0)
        snprintf(report->reason, sizeof report->reason,
                 "%.300s; desync: from the record in line %llu on the output cannot be trusted",
                 map->end.reason, (unsigned long long)map->end.untrusted_line);
    else if (map->end.status != 0)
        snprintf(report->reason, sizeof report->reason, "%s", map->end.reason);
    else if (report->status != 0)
        snprintf(report->reason, sizeof report->reason, "%llu of %llu records %s dead%s%s",
                 (unsigned long long)report->dead, (unsigned long long)report->records,
                 report->dead == 1 ? "is" : "are",
                 map->each != NULL && map->each->first_failure[0] != '\0' ? "; the first failure: "
                                                                          : "",
                 map->each != NULL ? map->each->first_failure : "");
}

void weir_map_report_clear(struct weir_map_report *report)
{
    if (report == NULL)
        return;
    for (size_t i = 0; i < report->worker_count; i++)
        worker_clear(&report->workers[i]);
    free(report->workers);
    for (size_t i = 0; i < report->slot_count; i++)
        free(report->slots[i].host);
    free(report->slots);
    free(report->checkpoint);
    free(report->key);
    free(report->course);
    *report = (struct weir_map_report){0};
}

static json_t *milliseconds(int64_t ns)
{
    return json_real((double)(ns / 1000) / 1000);
}

static json_t *worker_json(const struct weir_map_worker *worker)
{
    json_t *object = weir__result_fields(&worker->result);

    json_object_del(object, "argv");
    weir__tree_set(&object, "records", json_integer((json_int_t)worker->records));
    weir__tree_set(&object, "node",
                   worker->node != NULL ? weir__json_text(worker->node) : json_null());
    weir__tree_set(&object, "slot", json_integer((json_int_t)worker->slot));
    weir__tree_set(&object, "starts", json_integer((json_int_t)worker->starts));
    weir__tree_set(&object, "start_ms", milliseconds(worker->start_ns));
    return object;
}

/* In the order of enum weir_map_format. */
static const char *const format_names[] = {"ndjson", "line", "nul"};

#define NUMBER(n) json_integer((json_int_t)(n))

static json_t *slot_json(size_t number, const struct weir_each_slot *slot)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "slot", NUMBER(number), "jobs", NUMBER(slot->jobs),
                     "failed", NUMBER(slot->failed), "busy_ms", milliseconds(slot->busy_ns), "node",
                     slot->host != NULL ? weir__json_text(slot->host) : json_null());
}

json_t *weir__map_report_object(const struct weir_map_report *report)
{
    char started_at[WEIR__TIME_SIZE];
    json_t *workers = json_array(), *object;
    int is_each = report->slots != NULL;

    weir__clock_format(report->started_at_ns, started_at);
    for (size_t i = 0; i < report->worker_count; i++)
        weir__tree_append(&workers, worker_json(&report->workers[i]));
    object =
        json_pack("{s:i,s:s,s:b,s:i,s:o,s:s,s:s,s:o}", "weir", 1, "kind", is_each ? "each" : "map",
                  "ok", report->status == 0, "status", report->status, "reason",
                  weir__json_text(report->reason), "why", weir_stop_reason_name(report->why),
                  "started_at", started_at, "wall_ms", milliseconds(report->wall_ns));
    weir__tree_set(&object, "in",
                   json_pack("{s:o,s:o,s:o,s:o,s:o}", "records", NUMBER(report->records), "bytes",
                             NUMBER(report->bytes_in), "blank", NUMBER(report->blank), "invalid",
                             NUMBER(report->invalid), "oversize", NUMBER(report->oversize)));
    weir__tree_set(&object, "out",
                   json_pack("{s:o,s:o}", "records", NUMBER(report->records_out), "bytes",
                             NUMBER(report->bytes_out)));
    weir__tree_update(&object,
                      json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "answered",
                                NUMBER(report->answered), "dropped", NUMBER(report->dropped),
                                "missing", NUMBER(report->missing), "dead", NUMBER(report->dead),
                                "unsettled", NUMBER(report->unsettled), "retries",
                                NUMBER(report->retries), "redelivered", NUMBER(report->redelivered),
                                "crashes", NUMBER(report->crashes), "timeouts",
                                NUMBER(report->timeouts), "desyncs", NUMBER(report->desyncs),
                                "errors", NUMBER(report->errors), "noise", NUMBER(report->noise)));
    weir__tree_set(&object, "max_dead", NUMBER(report->max_dead));
    weir__tree_set(&object, "reorder",
                   json_pack("{s:o,s:o,s:o}", "peak_records", NUMBER(report->reorder_peak_records),
                             "peak_bytes", NUMBER(report->reorder_peak_bytes), "stall_ms",
                             milliseconds(report->reorder_stall_ns)));
    weir__tree_set(&object, "latency_ms",
                   json_pack("{s:o,s:o,s:o,s:o}", "p50", milliseconds(report->latency_p50_ns),
                             "p95", milliseconds(report->latency_p95_ns), "p99",
                             milliseconds(report->latency_p99_ns), "max",
                             milliseconds(report->latency_max_ns)));
    for (size_t i = 0; i < report->slot_count; i++)
        weir__tree_append(&workers, slot_json(i, &report->slots[i]));
    weir__tree_set(&object, is_each ? "jobs" : "workers", workers);
    weir__tree_set(&object, "checkpoint",
                   report->checkpoint != NULL ? weir__json_text(report->checkpoint) : json_null());
    weir__tree_set(&object, "key",
                   report->key != NULL ? weir__json_text(report->key) : json_null());
    weir__tree_set(&object, "format", json_string(format_names[report->format]));
    if (report->course != NULL)
        weir__course_add_json(report->course, &object);
    return object;
}

char *weir_map_report_json(const struct weir_map_report *report)
{
    return weir__json_print(weir__map_report_object(report));
}
