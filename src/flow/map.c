#include "config.h"

#include "flow/checkpoint.h"
#include "flow/lane_call.h"
#include "flow/map.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "proc/command.h"
#include "proc/result.h"
#include "rpc/message.h"

enum {
    TICK_MS = 25,
    FIRST_TICK_MS = 1, /* after the start of a worker */
    NAP_MS = 1,        /* the loop makes it between one and two */
    SAVE_MS = 500,     /* from one checkpoint to the next */
    SAVE_SHARE = 30,   /* or so many times what the last one took, where that is less */
};

/* --- Queues --------------------------------------------------------------- */

void weir__queue_init(struct weir__queue *queue)
{
    *queue = (struct weir__queue){0};
    queue->last = &queue->first;
}

void weir__queue_push(struct weir__queue *queue, struct weir__record *record)
{
    record->next = NULL;
    *queue->last = record;
    queue->last = &record->next;
    queue->count++;
    queue->bytes += record->length;
}

struct weir__record *weir__queue_pop(struct weir__queue *queue)
{
    struct weir__record *record = queue->first;

    if (record == NULL)
        return NULL;
    queue->first = record->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count--;
    queue->bytes -= record->length;
    return record;
}

void weir__queue_take(struct weir__queue *queue, struct weir__record *record)
{
    struct weir__record **at = &queue->first;

    while (*at != record)
        at = &(*at)->next;
    *at = record->next;
    if (*at == NULL)
        queue->last = at;
    queue->count--;
    queue->bytes -= record->length;
}

void weir__queue_put(struct weir__queue *queue, struct weir__record *record)
{
    struct weir__queue one;

    weir__queue_init(&one);
    weir__queue_push(&one, record);
    weir__queue_merge(queue, &one);
}

void weir__queue_merge(struct weir__queue *queue, struct weir__queue *from)
{
    struct weir__queue merged;

    weir__queue_init(&merged);
    while (queue->first != NULL || from->first != NULL) {
        struct weir__queue *next = queue;

        if (queue->first == NULL
            || (from->first != NULL && from->first->seq < queue->first->seq))
            next = from;
        weir__queue_push(&merged, weir__queue_pop(next));
    }
    *queue = merged;
    if (queue->first == NULL)
        queue->last = &queue->first;
    weir__queue_init(from);
}

/* --- What becomes of records ---------------------------------------------- */

void weir__map_end(struct weir_map *map, int status, enum weir_why why, const char *format, ...)
{
    va_list args;

    if (map->end.status != 0)
        return;
    map->end.grace_ms = map->options.grace_ms;
    map->end.status = status;
    map->end.why = why;
    va_start(args, format);
    vsnprintf(map->end.reason, sizeof map->end.reason, format, args);
    va_end(args);
}

void weir__map_fail(struct weir_map *map, const struct weir_error *error)
{
    weir__life_fail(&map->life, error);
    weir__map_end(map, 5, WEIR_WHY_NONE, "%s", error->text);
}

void weir__map_settle(struct weir_map *map, struct weir__record *record,
                      enum weir__outcome outcome, const char *bytes, size_t length)
{
    struct weir_error error;

    if (weir__order_settle(&map->order, record, outcome, bytes, length, &error) < 0)
        weir__map_fail(map, &error);
    map->report.answered += outcome == WEIR__ANSWERED;
    map->report.dropped += outcome == WEIR__DROPPED;
    map->report.dead += outcome == WEIR__DEAD;
    weir__records_give_back(&map->records, record);
}

/* "error -32602: there is no x" */
static void say_error(const struct weir__slice *error, const char *reason, char *text, size_t size)
{
    static const char *const names[] = {"code", "message"};
    struct weir__slice found[2];
    char *message;

    snprintf(text, size, "%s", reason);
    if (error == NULL)
        return;
    weir__object_get(*error, names, found, 2);
    message = weir__slice_string(found[1], NULL);
    snprintf(text, size, "%s %.*s: %.200s", reason, (int)found[0].length, found[0].bytes,
             message != NULL ? message : "");
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = ' '; /* a reason is one line */
    free(message);
}

void weir__map_bury(struct weir_map *map, struct weir__record *record, const char *reason,
                    struct weir__worker *exit_of, const struct weir__slice *error)
{
    char why[300];
    struct weir__buffer letter = {0};
    int is_invalid = strncmp(reason, "invalid", 7) == 0;

    say_error(error, reason, why, sizeof why);
    map->report.invalid += is_invalid;
    map->report.oversize += strcmp(reason, "oversize") == 0;
    weir__context_tell(map->life.weir, (struct weir_event){
                                      .kind = WEIR_EVENT_RECORD_FAILED,
                                      .stage = map->stage,
                                      .name = map->name,
                                      .number = (int64_t)record->line,
                                      .bytes = record->offset,
                                      .text = why,
                                      .length = strlen(why),
                                  });
    if (map->options.on_error == WEIR_MAP_FAIL)
        weir__map_end(map, 3, WEIR_WHY_NONE,
                      "record %llu (line %llu) is dead: %s: mend it, or go on without it with "
                      "--on-error skip or --dead-letter FILE",
                      (unsigned long long)record->seq, (unsigned long long)record->line, why);
    if (map->options.on_error == WEIR_MAP_FAIL) {
        map->report.dead++;
        free(record); /* its slot stays open: nothing after it is written */
        return;
    }
    if (map->letters_fd >= 0
        && weir__letter_make(record, is_invalid ? "invalid" : reason, exit_of, error,
                             &letter)
               < 0) {
        weir__fail(&map->life.error, WEIR_ERR_NOMEM, 0, "no memory for a dead letter");
        weir__map_fail(map, &map->life.error);
    }
    weir__map_settle(map, record, WEIR__DEAD, letter.bytes, letter.length);
    weir__buffer_clear(&letter);
}

/* --- The pump ------------------------------------------------------------- */

static int input_is_over(const struct weir_map *map)
{
    return map->end.status != 0 || (weir__records_over(&map->records) && map->unsent == NULL);
}

int weir__map_take(struct weir_map *map, struct weir__record **record)
{
    if (map->unsent == NULL)
        return weir__mapio_next(map, record);
    *record = map->unsent;
    map->unsent = NULL;
    return 1;
}

static int may_start(const struct weir_map *map)
{
    return map->end.status == 0 && map->lane_count < map->options.workers
           && weir__clock_ns() >= map->start_after_ns;
}

static struct weir__lane *start_lane(struct weir_map *map)
{
    struct weir__lane *lane;

    if (weir__lane_start(map, &lane) < 0) {
        if (map->life.error.status == WEIR_ERR_SYSTEM) /* its directory, say */
            weir__map_end(map, 4, WEIR_WHY_NONE, "the worker cannot run: %.500s", map->life.error.text);
        else
            weir__map_fail(map, &map->life.error);
        return NULL;
    }
    weir__timer_start(map->tick, FIRST_TICK_MS);
    return lane;
}

static int has_record(struct weir_map *map)
{
    return map->unsent != NULL || weir__mapio_next(map, &map->unsent) == 1;
}

/* Of the lanes that have room, the one with the least to do; NULL for none. */
static struct weir__lane *idlest(const struct weir_map *map)
{
    struct weir__lane *found = NULL;

    for (struct weir__lane *lane = map->lanes; lane != NULL; lane = lane->next)
        if (weir__lane_has_room(lane)
            && (found == NULL || lane->flight.count < found->flight.count))
            found = lane;
    return found;
}

/* Each suspect to a worker of its own; nothing else goes out meanwhile. */
static void give_out_suspects(struct weir_map *map)
{
    struct weir__lane *lane;

    for (lane = map->lanes; lane != NULL && map->suspects.count > 0; lane = lane->next)
        weir__lane_fill_alone(lane);
    while (map->suspects.count > 0 && may_start(map) && (lane = start_lane(map)) != NULL)
        weir__lane_fill_alone(lane);
}

/* Gives out what there is: to a worker that has nothing to do, else to a new one,
 * else by and by to those that have the least, so that few records are spread. */
static void give_out(struct weir_map *map)
{
    while (map->suspects.count == 0) {
        struct weir__lane *lane = idlest(map);

        if ((lane == NULL || lane->flight.count > 0) && may_start(map) && has_record(map)
            && start_lane(map) != NULL)
            continue;
        if (lane == NULL || weir__lane_fill(lane, lane->flight.count / 2 + 1) == 0)
            break;
    }
    give_out_suspects(map);
    for (struct weir__lane *lane = map->lanes; lane != NULL; lane = lane->next)
        if (!lane->is_over)
            weir__worker_flush(&lane->worker);
}

/* Says goodbye to workers that have nothing to wait for. */
static void close_lanes(struct weir_map *map)
{
    int stop = map->end.status != 0 && !map->end.drains;

    if (!stop && !(input_is_over(map) && (map->suspects.count == 0 || map->end.drains)))
        return;
    for (struct weir__lane *lane = map->lanes; lane != NULL; lane = lane->next) {
        if (lane->is_over || lane->worker.state == WEIR__WORKER_DYING)
            continue;
        if (stop) {
            map->lane_count--;
            weir__worker_stop(&lane->worker, map->end.grace_ms);
        } else {
            weir__lane_close_input(lane);
        }
    }
}

static void free_gone_lanes(struct weir_map *map)
{
    for (struct weir__lane **at = &map->lanes; *at != NULL;) {
        struct weir__lane *lane = *at;

        if (!lane->is_over) {
            at = &lane->next;
            continue;
        }
        weir__map_note_worker(map, lane);
        *at = lane->next;
        weir__lane_free(lane);
    }
}

static int is_done(const struct weir_map *map)
{
    if (map->was_finished)
        return 1;
    if (map->end.leaves && map->lanes == NULL)
        return 1;
    if (map->lanes != NULL || !weir__passer_is_empty(&map->passer))
        return 0;
    if (map->end.status != 0)
        return map->out_failed || weir__mapio_is_empty(map);
    return input_is_over(map) && map->suspects.count == 0 && map->in_flight == 0
           && weir__mapio_is_empty(map);
}

/* Where output or memory holds the input back, that is time lost. */
static void watch_stall(struct weir_map *map)
{
    int held = weir__order_is_full(&map->order, map->options.reorder_bytes);

    if (held && !map->stalled)
        map->stalled_since_ns = weir__clock_ns();
    if (!held && map->stalled)
        map->report.reorder_stall_ns += weir__clock_ns() - map->stalled_since_ns;
    map->stalled = held;
}

/* A paused reader of ours pauses the workers: their replies have no place. */
static void pause_lanes(struct weir_map *map)
{
    int full = weir__mapio_is_full(map);

    if (full == map->paused)
        return;
    map->paused = full;
    for (struct weir__lane *lane = map->lanes; lane != NULL; lane = lane->next)
        if (!lane->is_over)
            weir__worker_pause(&lane->worker, full && lane->worker.state != WEIR__WORKER_DYING);
}

/* Where the workers have enough to do, what they have done waits until there is
 * more of it: that costs them and us far less than to look after each reply. */
static void rest(struct weir_map *map)
{
    int any = 0;

    for (struct weir__lane *lane = map->lanes; lane != NULL; lane = lane->next)
        any |= weir__lane_nap(lane);
    if (any && !map->naps)
        weir__timer_start(map->nap, NAP_MS);
    map->naps |= any;
    weir__mapio_await(map);
}

static void nap_is_over(void *data)
{
    struct weir_map *map = data;

    map->naps = 0;
    map->pumping = 1; /* once for all of them */
    for (struct weir__lane *lane = map->lanes; lane != NULL; lane = lane->next)
        weir__lane_wake(lane);
    map->pumping = 0;
    weir__map_pump(map);
}

void weir__map_pump(struct weir_map *map)
{
    map->pump_again = 1;
    if (map->pumping || map->life.over)
        return;
    map->pumping = 1;
    while (map->pump_again) {
        map->pump_again = map->in_is_wanted = 0;
        free_gone_lanes(map);
        if (map->end.status == 0 && !map->was_finished)
            give_out(map);
        close_lanes(map);
        weir__mapio_flush(map);
        pause_lanes(map);
        watch_stall(map);
    }
    map->pumping = 0;
    rest(map);
    if (is_done(map))
        weir__map_finish(map);
}

/* Makes what is done so far last, where somebody asked for it. */
static void save(struct weir_map *map, int finished)
{
    const struct weir_map_report *report = &map->report;
    uint64_t settled = report->answered + report->dropped + report->dead + 1;
    int64_t began_ns = weir__clock_ns(), pause_ns;
    int failed;

    map->save_again_ns = began_ns + (int64_t)SAVE_MS * 1000000;
    if (settled == map->settled_saved && !finished)
        return; /* nothing is new */
    if (map->options.checkpoint == NULL || map->out_fd < 0 || map->end.status == 6)
        return;
    weir__mapio_flush(map);
    if (map->out_failed || map->letters_failed || !weir__mapio_is_empty(map))
        return; /* the old checkpoint holds */
    failed = weir__checkpoint_save(map, finished, map->report.dead > 0);
    pause_ns = (weir__clock_ns() - began_ns) * SAVE_SHARE;
    if (began_ns + pause_ns < map->save_again_ns)
        map->save_again_ns = began_ns + pause_ns;
    if (failed == 0)
        map->settled_saved = settled;
    else
        weir__map_end(map, 5, WEIR_WHY_NONE, "cannot save the checkpoint %s: %s",
                      map->options.checkpoint, strerror(failed));
}

static void tick(void *data)
{
    struct weir_map *map = data;
    int64_t now_ns = weir__clock_ns(), next_ms = TICK_MS;

    for (struct weir__lane *lane = map->lanes; lane != NULL; lane = lane->next) {
        int64_t ms = weir__lane_tick(lane, now_ns);

        next_ms = ms < next_ms ? ms : next_ms;
    }
    weir__timer_start(map->tick, next_ms);
    if (now_ns >= map->save_again_ns)
        save(map, 0);
    weir__map_pump(map);
}

static void time_is_up(void *data)
{
    struct weir_map *map = data;

    weir__map_end(map, 124, WEIR_WHY_TIMEOUT, "the time is up");
    map->end.drains = 0; /* also when it was ending already */
    if (map->is_late)
        map->end.leaves = 1;
    else
        weir__timer_start(map->deadline, map->end.grace_ms); /* for whoever reads us */
    map->is_late = 1;
    weir__map_pump(map);
}

static void passer_changed(void *owner)
{
    struct weir_map *map = owner;

    for (struct weir__lane *lane = map->lanes; lane != NULL; lane = lane->next)
        if (weir__capture_is_open(&lane->worker.errors))
            weir__capture_pause(&lane->worker.errors, weir__passer_is_full(&map->passer));
    weir__map_pump(map);
}

/* --- The end -------------------------------------------------------------- */

struct look {
    const struct weir_map *map;
    struct weir_map_progress *progress;
};

static void do_look(void *data)
{
    const struct look *look = data;
    const struct weir_map *map = look->map;

    *look->progress = (struct weir_map_progress){
        .records = map->records.seq,
        .bytes = map->records.bytes_in,
        .settled = map->report.answered + map->report.dropped + map->report.dead,
        .dead = map->report.dead,
        .in_flight = map->in_flight,
        .input_size = map->in_size,
        .input_offset = map->order.next_offset,
    };
    for (const struct weir__lane *lane = map->lanes; lane != NULL; lane = lane->next) {
        size_t place = look->progress->worker_count;

        if (lane->is_over)
            continue;
        look->progress->worker_count++;
        if (place < WEIR_MAP_SHARES)
            look->progress->shares[place] = (struct weir_map_share){
                .pid = lane->worker.result.pid,
                .records = lane->answered,
                .in_flight = lane->flight.count,
            };
    }
}

void weir_map_look(weir_map_t *map, struct weir_map_progress *progress)
{
    struct look look = {map, progress};

    weir__context_do(map->life.weir, do_look, &look);
}

static void close_everything(struct weir_map *map)
{
    weir__timer_close(&map->tick);
    weir__timer_close(&map->nap);
    weir__timer_close(&map->deadline);
    while (map->lanes != NULL) {
        struct weir__lane *lane = map->lanes;

        map->lanes = lane->next;
        weir__lane_free(lane);
    }
    weir__passer_close(&map->passer);
    weir__mapio_close(map);
    weir__buffer_clear(&map->call_scratch);
    weir__records_clear(&map->records);
    weir__order_clear(&map->order);
}

/* The last thing that a callback does: the owner may free the map here. */
void weir__map_finish(struct weir_map *map)
{
    struct weir_error error;

    save(map, map->end.status == 0 && !map->was_finished);
    if (map->end.status == 0 && map->output.fd >= 0
        && weir__outfile_commit(&map->output, &error) < 0)
        weir__map_end(map, 5, WEIR_WHY_NONE, "%s", error.text);
    weir__map_report_fill(map);
    close_everything(map);
    weir__life_end(&map->life);
}

/* --- The start ------------------------------------------------------------ */

static int begin(struct weir_map *map)
{
    const struct weir_map_options *options = &map->options;
    weir__loop *loop = map->life.weir->loop;
    int status = weir__mapio_open(map, &map->life.error);

    map->passer.owner = map;
    map->passer.on_room = map->passer.on_empty = passer_changed;
    if (status == 0)
        status = weir__passer_start(&map->passer, loop, options->stderr_fd, &map->life.error);
    if (status == 0)
        status = weir__timer_new(loop, tick, map, &map->tick, &map->life.error);
    if (status == 0)
        status = weir__timer_new(loop, nap_is_over, map, &map->nap, &map->life.error);
    if (status == 0 && options->timeout_ms != WEIR_FOREVER) {
        status = weir__timer_new(loop, time_is_up, map, &map->deadline, &map->life.error);
        if (status == 0)
            weir__timer_start(map->deadline, options->timeout_ms);
    }
    if (status == 0)
        weir__timer_start(map->tick, 0); /* the first pump comes from the loop */
    return status;
}

static int begin_or_close(void *data)
{
    struct weir_map *map = data;
    int status = begin(map);

    if (status < 0)
        close_everything(map);
    return status;
}

static void abandon(struct weir__life *life)
{
    close_everything((struct weir_map *)life);
}

static void tell_owner(struct weir__life *life)
{
    struct weir_map *map = (struct weir_map *)life;

    if (map->done != NULL)
        map->done(map, life->failed == 0 ? &map->report : NULL,
                  life->failed == 0 ? NULL : &life->error, map->context);
}

static void destroy(struct weir__life *life)
{
    struct weir_map *map = (struct weir_map *)life;
    struct weir__record *record;

    free(map->ahead);
    while ((record = weir__queue_pop(&map->suspects)) != NULL)
        free(record);
    free(map->unsent);
    weir_map_report_clear(&map->report);
    weir__map_options_clear(map);
    free(map);
}

static const struct weir__life_ops life_ops = {"the map", abandon, tell_owner, destroy};

weir_map_t *weir_map_start(weir_t *weir, const struct weir_map_options *options,
                           weir_map_done done, void *context, struct weir_error *error)
{
    struct weir_map *map = calloc(1, sizeof *map);
    int status;

    if (map == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a map");
        return NULL;
    }
    map->life.weir = weir;
    map->life.ops = &life_ops;
    map->done = done;
    map->context = context;
    map->in_fd = map->out_fd = map->letters_fd = map->output.fd = map->passer.fd = -1;
    map->checkpoint_fd = -1;
    map->start_window = 1;
    map->report.started_at_ns = weir__clock_wall_ns();
    map->started_ns = weir__clock_ns();
    weir__queue_init(&map->suspects);
    status = weir__map_options_copy(map, options);
    map->name = status == 0 ? map->options.command.argv[0] : "";
    map->records.max_record = map->options.max_record;
    map->records.check_syntax = !map->options.unchecked;
    map->records.encoding = (enum weir__record_encoding)map->options.encoding;
    if (map->options.call != NULL && map->records.max_record > WEIR_MAX_LINE - WEIR__CALL_ENVELOPE)
        map->records.max_record = WEIR_MAX_LINE - WEIR__CALL_ENVELOPE;
    map->order.is_flat = map->options.call != NULL;
    map->order.ordered = !map->options.unordered;
    map->order.replies = &map->replies;
    map->order.letters = &map->letters;
    if (status < 0) {
        if (error != NULL)
            *error = map->life.error;
        destroy(&map->life);
        return NULL;
    }
    return weir__life_begin(&map->life, begin_or_close, map, 0, error) == 0 ? map : NULL;
}

/* --- The owner's side ----------------------------------------------------- */

int weir_map_take(weir_map_t *map, struct weir_map_report *report, struct weir_error *error)
{
    int status = weir__life_check(&map->life, error);

    if (status < 0)
        return status;
    *report = map->report;
    map->report = (struct weir_map_report){0};
    return 0;
}

int weir_map_wait(weir_map_t *map, struct weir_map_report *report, struct weir_error *error)
{
    int status = weir__life_wait(&map->life, error);

    return status < 0 ? status : weir_map_take(map, report, error);
}

int weir_map_run(weir_t *weir, const struct weir_map_options *options,
                 struct weir_map_report *report, struct weir_error *error)
{
    struct weir_error why;
    weir_map_t *map = weir_map_start(weir, options, NULL, NULL, &why);
    int status;

    if (map == NULL) {
        if (error != NULL)
            *error = why;
        return why.status;
    }
    status = weir_map_wait(map, report, &why);
    if (status < 0 && error != NULL)
        *error = why;
    weir_map_free(map);
    return status;
}

struct order {
    struct weir_map *map;
    int signal;
};

static void do_cancel(void *data)
{
    struct order *order = data;
    struct weir_map *map = order->map;

    if (map->life.over)
        return;
    if (map->end.status == 0) {
        weir__map_end(map, 128 + order->signal, WEIR_WHY_CANCELLED, "stopped as asked");
        map->end.drains = 1;
        map->end.grace_ms = map->options.grace_ms;
    } else {
        map->end.drains = 0;
        map->end.leaves = 1;
        map->end.grace_ms = 0;
        for (struct weir__lane *lane = map->lanes; lane != NULL; lane = lane->next)
            if (!lane->is_over)
                weir__worker_stop(&lane->worker, 0);
    }
    weir__timer_start(map->tick, 0);
}

void weir__map_stop(struct weir_map *map, int status, enum weir_why why, int64_t grace_ms)
{
    if (map->life.over)
        return;
    weir__map_end(map, status, why, "stopped with its pipeline");
    map->end.drains = 0;
    map->end.grace_ms = grace_ms;
    weir__timer_start(map->tick, 0);
}

void weir_map_cancel(weir_map_t *map, int signal)
{
    struct order order = {map, signal};

    weir__context_do(map->life.weir, do_cancel, &order);
}

void weir_map_free(weir_map_t *map)
{
    if (map != NULL)
        weir__life_free(&map->life);
}
