/* Starts a map; the functions its owner calls. */
#include "config.h"

#include "map/each.h"
#include "map/map.h"

#include <stddef.h>
#include <stdlib.h>

#include <weir/lines.h>
#include <weir/pool.h>

#include "base/clock.h"
#include "base/error.h"

/* --- The start ------------------------------------------------------------ */

static int begin_or_close(struct weir__operation *operation, const void *given)
{
    struct weir_map *map = (struct weir_map *)operation;
    int status = weir__map_begin(map, &operation->error);

    (void)given;
    if (status < 0)
        weir__map_close(map);
    return status;
}

static void abandon(struct weir__operation *operation)
{
    weir__map_close((struct weir_map *)operation);
}

static void notify_owner(struct weir__operation *operation)
{
    struct weir_map *map = (struct weir_map *)operation;

    if (map->done != NULL)
        map->done(map, operation->failed == 0 ? &map->report : NULL,
                  operation->failed == 0 ? NULL : &operation->error, map->context);
}

static void destroy(struct weir__operation *operation)
{
    struct weir_map *map = (struct weir_map *)operation;

    weir__record_queue_clear(&map->workers.quarantined);
    weir_map_report_clear(&map->report);
    weir__map_feed_clear(map);
    weir__map_options_clear(map);
    free(map);
}

static const struct weir__operation_ops operation_ops = {
    .noun = "the map",
    .result_at = offsetof(struct weir_map, report),
    .result_size = sizeof(struct weir_map_report),
    .begin = begin_or_close,
    .abandon = abandon,
    .report = notify_owner,
    .destroy = destroy,
};

/* Gives the parts that do not know a map what they need of its options. */
static void set_up(struct weir_map *map)
{
    const struct weir_map_options *options = &map->options;
    const size_t longest_call = WEIR_MAX_LINE - weir__protocol_calls.around;
    struct weir__record_reader *records = &map->in.reader;

    map->label.name = map->command.argv[0];
    records->max_record = options->max_record;
    records->is_opaque = options->format != WEIR_MAP_NDJSON;
    records->is_named = options->dialect == WEIR_DIALECT_MCP;
    records->is_nul = options->format == WEIR_MAP_NUL;
    records->check_syntax = !options->unchecked;
    records->encoding = (enum weir__record_encoding)options->encoding;
    records->key = options->key;
    if (options->call != NULL && records->max_record > longest_call)
        records->max_record = longest_call;
    map->reorder.is_flat = options->call != NULL;
    map->reorder.ordered = !options->unordered;
    if (map->each != NULL) {
        map->reorder.deliver = weir__each_deliver;
        map->reorder.owner = map;
        map->reorder.spool = &map->each->spool;
    }
    map->reorder.most_unwritten = WEIR__OUTPUT_FULL;
    map->reorder.replies = &map->out.replies;
    map->reorder.letters = &map->out.letters.waiting;
}

weir_map_t *weir_map_start(weir_t *weir, const struct weir_map_options *options, weir_map_done done,
                           void *context, struct weir_error *error)
{
    struct weir_map *map = calloc(1, sizeof *map);
    int status;

    if (map != NULL)
        map->report.course = calloc(1, sizeof *map->report.course);
    if (map == NULL || map->report.course == NULL) {
        free(map);
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a map");
        return NULL;
    }
    map->operation.weir = weir;
    map->operation.ops = &operation_ops;
    if (weir->client.trace != NULL)
        map->sampler = weir__trace_sampler(weir->client.trace);
    map->done = done;
    map->context = context;
    map->in.fd = map->out.fd = map->out.letters.fd = map->out.file.fd = map->out.file.dir = -1;
    map->checkpoint.fd = map->forwarder.fd = -1;
    map->report.started_at_ns = weir__clock_wall_ns();
    map->started_ns = weir__clock_ns();
    map->workers.start_window = 1;
    map->workers.launch_window = WEIR__LAUNCH_WINDOW;
    weir__record_queue_init(&map->workers.quarantined);
    weir__record_queue_init(&map->in.returned);
    status = weir__map_options_copy(map, options, &map->operation.error);
    if (status == 0 && map->options.input == WEIR_MAP_FED)
        status = weir__map_feed_init(map, &map->operation.error);
    if (status == 0)
        set_up(map);
    if (status < 0) {
        if (error != NULL)
            *error = map->operation.error;
        destroy(&map->operation);
        return NULL;
    }
    return weir__operation_begin(&map->operation, NULL, 0, error) == 0 ? map : NULL;
}

/* --- The owner's side ----------------------------------------------------- */

int weir_map_take(weir_map_t *map, struct weir_map_report *report, struct weir_error *error)
{
    return weir__operation_take(&map->operation, report, error);
}

int weir_map_wait(weir_map_t *map, struct weir_map_report *report, struct weir_error *error)
{
    if (map->feed.feed != NULL)
        weir__map_feed_drop(map);
    return weir__operation_wait(&map->operation, report, error);
}

int weir_map_run(weir_t *weir, const struct weir_map_options *options,
                 struct weir_map_report *report, struct weir_error *error)
{
    struct weir_error why;
    weir_map_t *map = weir_map_start(weir, options, NULL, NULL, &why);

    if (map != NULL && map->feed.feed != NULL) {
        weir_map_free(map);
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a map that is fed has an owner: use weir_map_start()");
    }
    return weir__operation_finish(map != NULL ? &map->operation : NULL, report, &why, error);
}

/* Gives all workers what is left of the time: also those that are being stopped. */
static void stop_workers(struct weir_map *map)
{
    for (struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next)
        if (!worker->is_over)
            weir__map_worker_stop(worker, map->end.grace_ms);
}

static void cancel(struct weir__operation *operation, int signal)
{
    struct weir_map *map = (struct weir_map *)operation;

    if (map->end.status == 0) {
        weir__map_end(map, 128 + signal, WEIR_STOP_CANCELLED, "stopped as asked");
        map->end.drains = 1;
        map->end.drain_moved_ns = weir__clock_ns();
        map->end.grace_ms = map->options.grace_ms;
    } else {
        map->end.drains = 0;
        map->end.leaves = 1;
        map->end.grace_ms = 0;
        stop_workers(map);
    }
    weir__map_wake(map);
}

void weir__map_stop(struct weir_map *map, int status, enum weir_stop_reason why, int64_t grace_ms)
{
    int is_stopping = map->end.status != 0;

    if (map->operation.over)
        return;
    weir__map_end(map, status, why, "stopped with its pipeline");
    map->end.drains = 0;
    map->end.grace_ms = grace_ms;
    if (is_stopping)
        stop_workers(map);
    weir__map_wake(map);
}

void weir_map_cancel(weir_map_t *map, int signal)
{
    weir__operation_ask(&map->operation, cancel, signal);
}

static void stop(struct weir__operation *operation, int signal)
{
    struct weir_map *map = (struct weir_map *)operation;

    weir__map_end(map, 128 + signal, WEIR_STOP_CANCELLED, "stopped as asked");
    map->end.drains = 0;
    map->end.leaves = 1;
    weir__map_wake(map);
}

void weir_map_stop(weir_map_t *map, int signal)
{
    weir__operation_ask(&map->operation, stop, signal);
}

void weir_map_free(weir_map_t *map)
{
    if (map != NULL)
        weir__operation_free(&map->operation);
}
