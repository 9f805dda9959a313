/* Runs a map, from its start to its end. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "map/each.h"
#include "map/map.h"

enum {
    START_PATIENCE_MS = 2000, /* no worker runs for this long, without a launcher: none can */
    TICK_MS = 25,
    FIRST_TICK_MS = 1, /* after the start of a worker */
    COALESCE_MS = 1,   /* the loop makes it one to two */
    STALL_MS = 1000,   /* report a worker that holds up the others for this long */
    WAIT_MS = 3000,    /* and launchers if none has begun */
    LAUNCHES = 8,      /* started at once: sshd accepts ten */
    LAUNCH_MS = 2000,  /* one that takes longer does not delay the next */
};

/* --- Who gets what ----------------------------------------------------------- */

static int input_is_over(const struct weir_map *map)
{
    return map->end.status != 0 || weir__map_input_is_over(map);
}

/* Launchers are started a few at a time: the remote end may accept no more. */
static int has_enough_launches(const struct weir_map *map, int64_t now_ns)
{
    size_t fresh = 0;

    if (!map->is_launched)
        return 0;
    for (const struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next)
        fresh += weir__map_worker_is_live(worker) && !weir__map_worker_has_begun(worker)
                 && now_ns - worker->started_ns < (int64_t)LAUNCH_MS * 1000000;
    return fresh >= LAUNCHES;
}

/* The seat for a new worker; NULL: none now. */
static struct weir__seat *free_seat(const struct weir_map *map)
{
    int64_t now_ns;

    if (map->end.status != 0 || map->workers.count >= map->options.workers
        || weir__warm_is_full(&map->workers.warm)) /* the next is due when one is forked or fails */
        return NULL;
    now_ns = weir__clock_ns();
    return has_enough_launches(map, now_ns) ? NULL : weir__map_worker_find_seat(map, now_ns);
}

static struct weir__map_worker *start_lane(struct weir_map *map, struct weir__seat *seat)
{
    struct weir_error error;
    struct weir__map_worker *worker = weir__map_worker_start(map, seat, &error);

    if (worker != NULL)
        weir__timer_start(map->run.tick, FIRST_TICK_MS);
    else if (error.status == WEIR_ERR_SYSTEM) /* for example, its directory */
        weir__map_end(map, 4, WEIR_STOP_NONE, "the worker cannot run: %.500s", error.text);
    else
        weir__map_fail(map, &error);
    return worker;
}

/* The worker with room that has the least to do, of all or of those that have begun; NULL: none. */
static struct weir__map_worker *idlest(const struct weir_map *map, int has_begun)
{
    struct weir__map_worker *found = NULL;

    for (struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next)
        if (weir__map_worker_has_room(worker) && (!has_begun || weir__map_worker_has_begun(worker))
            && !weir__map_worker_refuses(worker, map->in.returned.first)
            && (found == NULL || weir__map_worker_ahead(worker) < weir__map_worker_ahead(found)))
            found = worker;
    return found;
}

/* Sends each quarantined record to a worker of its own; nothing else is sent meanwhile. */
static void give_out_quarantined(struct weir_map *map)
{
    const struct weir__record_queue *quarantined = &map->workers.quarantined;
    struct weir__seat *seat;
    struct weir__map_worker *worker;

    for (worker = map->workers.first; worker != NULL && quarantined->count > 0;
         worker = worker->next)
        weir__map_worker_fill_alone(worker);
    while (quarantined->count > 0 && (seat = free_seat(map)) != NULL
           && (worker = start_lane(map, seat)) != NULL)
        weir__map_worker_fill_alone(worker);
}

/* Assigns available records: to an idle worker, else to a new one, else gradually to those with
 * the least, so that few records are spread out. Records that a slow launcher held are not left to
 * the next one: they go to workers that have begun, as far as these have room. */
static void give_out(struct weir_map *map)
{
    while (map->workers.quarantined.count == 0) {
        int came_back = map->is_launched && map->in.returned.count > 0;
        struct weir__map_worker *begun = came_back ? idlest(map, 1) : NULL;
        struct weir__map_worker *worker = begun != NULL ? begun : idlest(map, 0);
        size_t ahead = worker != NULL ? weir__map_worker_ahead(worker) : 0;
        struct weir__seat *seat;

        if (begun == NULL && (worker == NULL || ahead > 0) && (seat = free_seat(map)) != NULL
            && weir__map_input_has(map) && start_lane(map, seat) != NULL)
            continue;
        if (worker == NULL
            || (weir__map_worker_fill(worker, ahead / 2 + 1) == 0
                && !weir__map_worker_refuses(worker, map->in.returned.first)))
            break;
    }
    give_out_quarantined(map);
    for (struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next)
        if (!worker->is_over)
            weir__worker_flush(&worker->process);
}

/* --- A worker that does not begin ----------------------------------------------- */

/* Whether it has records and has not begun. */
static int holds_back(const struct weir__map_worker *worker)
{
    return weir__map_worker_is_live(worker) && worker->inflight.count > 0
           && !weir__map_worker_has_begun(worker);
}

static const struct weir__map_worker *find_holder(const struct weir_map *map)
{
    const struct weir__map_worker *worker = map->workers.first;

    while (worker != NULL && !holds_back(worker))
        worker = worker->next;
    return worker;
}

static int is_idle(const struct weir__map_worker *worker)
{
    return weir__map_worker_is_live(worker) && worker->inflight.count == 0
           && weir__map_worker_has_room(worker) && weir__map_worker_has_begun(worker);
}

/* If a worker waits, for example for a slot, and another is idle, that one gets the records. */
static void take_back(struct weir_map *map, int64_t now_ns)
{
    const struct weir__map_worker *idle = map->workers.first;
    char which[40];

    while (idle != NULL && !is_idle(idle))
        idle = idle->next;
    if (idle == NULL || map->workers.quarantined.count > 0 || map->end.status != 0)
        return;
    for (struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next) {
        if (!holds_back(worker) || now_ns - worker->started_ns < (int64_t)STALL_MS * 1000000)
            continue;
        if (worker->process.result.pid > 0)
            snprintf(which, sizeof which, " (pid %ld)", (long)worker->process.result.pid);
        else /* it waits for its warm parent, for example */
            snprintf(which, sizeof which, " that is being started");
        weir__map_notice(map, WEIR__NOTICE_STALL,
                         "a worker%s has not started reading for a second: its records go to other "
                         "workers",
                         which);
        weir__map_worker_take_back(worker);
    }
}

/* Reports what has held up everything for a second. */
static void report_stall(struct weir_map *map, int64_t now_ns)
{
    const struct weir__map_worker *worker = map->workers.first;

    if (map->is_launched && !map->workers.has_answered && worker != NULL && holds_back(worker)
        && now_ns - worker->started_ns >= (int64_t)WAIT_MS * 1000000)
        weir__map_notice(map, WEIR__NOTICE_STALL,
                         "no worker has started: the launcher has run for "
                         "%d seconds",
                         WAIT_MS / 1000);
    if (!map->run.is_stalled || now_ns - map->run.stalled_since_ns < (int64_t)STALL_MS * 1000000)
        return;
    while (worker != NULL
           && (worker->is_over || worker->inflight.first == NULL
               || worker->inflight.first->seq != map->reorder.next))
        worker = worker->next;
    if (worker != NULL && map->each != NULL) /* whose pid is not told before its end */
        weir__map_notice(map, WEIR__NOTICE_STALL,
                         "the output for the record in line %llu holds back %llu others: its "
                         "program has run for more than a second",
                         (unsigned long long)worker->inflight.first->line,
                         (unsigned long long)map->reorder.held_records);
    else if (worker != NULL)
        weir__map_notice(map, WEIR__NOTICE_STALL,
                         "%llu replies wait for that of the record in line %llu, which a worker "
                         "(pid %ld) has had for more than a second",
                         (unsigned long long)map->reorder.held_records,
                         (unsigned long long)worker->inflight.first->line,
                         (long)worker->process.result.pid);
}

/* --- Goodbye ---------------------------------------------------------------- */

/* Closes the input of workers that have nothing to wait for. An idle one stays for records that
 * another may not begin. */
static void close_workers(struct weir_map *map)
{
    int stop = map->end.status != 0 && !map->end.drains;
    const struct weir__map_worker *holder;

    if (!stop && !(input_is_over(map) && (map->workers.quarantined.count == 0 || map->end.drains)))
        return;
    holder = !stop && !map->end.drains ? find_holder(map) : NULL;
    for (struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next) {
        if (worker->is_over || worker->process.state == WEIR__WORKER_DYING)
            continue;
        if (stop)
            weir__map_worker_stop(worker, map->end.grace_ms);
        else if (worker->ghosts > 0 && worker->inflight.count == 0)
            weir__map_worker_retire(worker); /* it has not begun, and may never */
        else if (holder == NULL || !is_idle(worker))
            weir__map_worker_finish(worker);
    }
}

static void free_gone_lanes(struct weir_map *map)
{
    for (struct weir__map_worker **at = &map->workers.first; *at != NULL;) {
        struct weir__map_worker *worker = *at;

        if (!worker->is_over) {
            at = &worker->next;
            continue;
        }
        if (map->each == NULL)
            weir__map_note_worker(map, worker);
        *at = worker->next;
        weir__map_worker_free(worker);
    }
}

static int is_done(const struct weir_map *map)
{
    if (map->checkpoint.was_finished)
        return 1;
    if (map->end.leaves && map->workers.first == NULL)
        return 1;
    if (map->workers.first != NULL || !weir__stderr_forwarder_is_empty(&map->forwarder))
        return 0;
    if (map->end.status != 0)
        return map->out.failed || weir__map_output_is_empty(map);
    return input_is_over(map) && map->workers.quarantined.count == 0
           && weir__map_output_is_empty(map);
}

/* Counts the time in which output or memory holds back the input. */
static void watch_stall(struct weir_map *map)
{
    int held = weir__reorder_is_full(&map->reorder, map->options.reorder_bytes);

    if (held && !map->run.is_stalled)
        map->run.stalled_since_ns = weir__clock_ns();
    if (!held && map->run.is_stalled)
        map->report.reorder_stall_ns += weir__clock_ns() - map->run.stalled_since_ns;
    map->run.is_stalled = held;
}

/* Notes since when the same record has held back the output. */
static void watch_next(struct weir_map *map)
{
    if (map->run.next == map->reorder.next && map->run.next_since_ns > 0)
        return;
    map->run.next = map->reorder.next;
    map->run.next_since_ns = weir__clock_ns();
}

/* If our reader pauses, so do the workers: there is no room for their replies. */
static void pause_workers(struct weir_map *map)
{
    int full = weir__map_output_is_full(map);

    if (full == map->run.is_paused)
        return;
    map->run.is_paused = full;
    for (struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next)
        weir__map_worker_pause(worker, full);
}

/* If the workers have enough to do, their replies are left to accumulate: that is much cheaper
 * for both sides than handling each one. */
static void rest(struct weir_map *map)
{
    int any = 0;

    for (struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next)
        any |= weir__map_worker_coalesce(worker);
    if (any && !map->run.is_coalescing)
        weir__timer_start(map->run.coalesce, COALESCE_MS);
    map->run.is_coalescing |= any;
    weir__map_input_await(map, map->run.is_coalescing);
}

/* --- The end -------------------------------------------------------------- */

void weir__map_close(struct weir_map *map)
{
    weir__timer_close(&map->run.tick);
    weir__timer_close(&map->run.coalesce);
    weir__timer_close(&map->run.soon);
    weir__timer_close(&map->run.deadline);
    while (map->workers.first != NULL) {
        struct weir__map_worker *worker = map->workers.first;

        map->workers.first = worker->next;
        weir__map_worker_free(worker);
    }
    weir__reorder_clear(&map->reorder);
    weir__each_close(map);
    weir__warm_close(&map->workers.warm);
    weir__stderr_forwarder_close(&map->forwarder);
    weir__map_input_close(map);
    weir__map_output_close(map);
    weir__checkpoint_close(map);
    weir__buffer_clear(&map->scratch);
    weir__supervisor_close(&map->workers.supervisor);
}

/* Writes what there is to write, then the checkpoint.  Where something cannot be written yet the
 * old checkpoint holds. */
static void save_checkpoint(struct weir_map *map, int finished)
{
    if (!weir__checkpoint_is_stale(map, finished))
        return;
    weir__map_output_flush(map);
    if (!map->out.failed && !map->out.letters.failed && weir__map_output_is_empty(map))
        weir__checkpoint_save(map, finished);
}

/* The host's memory takes all there is: it may look at it after the end. */
static void pass_rest(struct weir_map *map)
{
    struct weir_error error;

    if (map->feed.feed == NULL)
        return;
    map->reorder.most_unwritten = 0;
    if (weir__reorder_release(&map->reorder, &error) < 0)
        weir__map_fail(map, &error);
    weir__map_feed_pass(map, 1);
    weir__feed_finish(map->feed.feed);
}

/* Must be the last call of a callback: the owner may free the map in it. */
static void finish(struct weir_map *map)
{
    struct weir_error error;

    save_checkpoint(map, map->end.status == 0 && !map->checkpoint.was_finished);
    if (map->end.status == 0 && map->out.file.fd >= 0
        && weir__atomic_file_commit(&map->out.file, &error) < 0)
        weir__map_end(map, 5, WEIR_STOP_NONE, "%s", error.text);
    pass_rest(map);
    weir__map_report_fill(map);
    weir__map_close(map);
    weir__operation_end(&map->operation);
}

/* --- Round and round -------------------------------------------------------- */

static void pump(struct weir_map *map)
{
    map->run.again = 1;
    if (map->run.is_pumping || map->operation.over)
        return;
    map->run.is_pumping = 1;
    weir__map_input_turn(map);
    watch_next(map);
    while (map->run.again) {
        map->run.again = map->in.is_wanted = 0;
        free_gone_lanes(map);
        if (map->end.status == 0 && !map->checkpoint.was_finished && map->each != NULL)
            weir__each_give_out(map);
        else if (map->end.status == 0 && !map->checkpoint.was_finished)
            give_out(map);
        close_workers(map);
        weir__map_output_flush(map);
        pause_workers(map);
        watch_stall(map);
    }
    map->run.is_pumping = 0;
    rest(map);
    if (map->in.is_behind)
        weir__timer_start(map->run.soon, 0);
    if (is_done(map))
        finish(map);
}

/* --- Time ----------------------------------------------------------------- */

static void coalesce_is_over(void *data)
{
    struct weir_map *map = data;

    map->run.is_coalescing = 0;
    map->run.is_pumping = 1; /* once for all of them */
    for (struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next)
        weir__map_worker_wake(worker);
    map->run.is_pumping = 0;
    pump(map);
}

/* A map that ends waits for its reader, but not for a stalled one. */
static void watch_reader(struct weir_map *map, int64_t now_ns)
{
    if (map->end.status == 0 || map->workers.first != NULL || map->out.sent != map->run.sent) {
        map->run.sent = map->out.sent;
        map->run.sent_since_ns = now_ns;
    } else if (map->end.why != WEIR_STOP_NONE
               && now_ns - map->run.sent_since_ns > map->end.grace_ms * 1000000) {
        map->end.leaves = 1;
    }
}

/* A drain lasts while replies come: workers that are silent for the grace are stopped. */
static void watch_drain(struct weir_map *map, int64_t now_ns)
{
    const struct weir_map_report *report = &map->report;
    uint64_t settled = report->answered + report->dropped + report->dead;

    if (settled != map->end.drain_settled) {
        map->end.drain_settled = settled;
        map->end.drain_moved_ns = now_ns;
    }
    if (map->end.drains && now_ns - map->end.drain_moved_ns >= map->end.grace_ms * 1000000)
        map->end.drains = 0;
}

static void tick(void *data)
{
    struct weir_map *map = data;
    int64_t now_ns = weir__clock_ns(), next_ms = TICK_MS;

    for (struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next) {
        int64_t ms = weir__map_worker_tick(worker, now_ns);

        next_ms = ms < next_ms ? ms : next_ms;
    }
    if (map->each != NULL)
        next_ms = weir__each_tick(map, now_ns, next_ms);
    weir__timer_start(map->run.tick, next_ms);
    weir__course_look(map, now_ns);
    watch_drain(map, now_ns);
    watch_reader(map, now_ns);
    take_back(map, now_ns);
    report_stall(map, now_ns);
    if (weir__checkpoint_is_due(map, now_ns))
        save_checkpoint(map, 0);
    pump(map);
}

static void soon(void *data)
{
    pump(data);
}

static void time_is_up(void *data)
{
    struct weir_map *map = data;

    weir__map_end(map, 124, WEIR_STOP_TIMEOUT, "timed out");
    map->end.drains = 0; /* also if it was ending already */
    if (map->run.is_late)
        map->end.leaves = 1;
    else
        weir__timer_start(map->run.deadline, map->end.grace_ms); /* for the reader of our output */
    map->run.is_late = 1;
    pump(map);
}

static void stderr_is_forwarded(void *owner)
{
    pump(owner);
}

/* --- The begin -------------------------------------------------------------- */

static int open_files(struct weir_map *map, struct weir_error *error)
{
    int status = weir__map_input_open(map, error);

    if (status == 0 && map->options.checkpoint != NULL)
        status = weir__checkpoint_load(map, error);
    if (map->end.status != 0 || map->checkpoint.was_finished)
        return status; /* the files are left alone */
    if (status == 0)
        status = weir__map_output_open(map, error);
    if (status == 0 && map->end.status == 0 && map->options.checkpoint != NULL)
        status = weir__checkpoint_resume(map, error);
    return status;
}

int weir__map_begin(struct weir_map *map, struct weir_error *error)
{
    const struct weir_map_options *options = &map->options;
    weir__loop *loop = map->operation.weir->loop;
    int status;

    map->changed = pump;
    status = open_files(map, error);
    map->report.course->settled_before =
        map->report.answered + map->report.dropped + map->report.dead;
    map->report.course->dead_before = map->report.dead;
    map->forwarder.owner = map;
    map->forwarder.on_empty = stderr_is_forwarded;
    if (status == 0)
        status = weir__stderr_forwarder_open(&map->forwarder, loop, options->stderr_fd, error);
    if (status == 0)
        status = weir__timer_new(loop, tick, map, &map->run.tick, error);
    if (status == 0)
        status = weir__timer_new(loop, coalesce_is_over, map, &map->run.coalesce, error);
    if (status == 0)
        status = weir__timer_new(loop, soon, map, &map->run.soon, error);
    map->workers.supervisor = (struct weir__supervisor){
        .first_ms = WEIR__BACKOFF_FIRST_MS,
        .most_ms = WEIR__BACKOFF_MOST_MS,
        .patience_ms = map->is_launched ? options->start_timeout_ms : (int64_t)START_PATIENCE_MS,
    };
    if (status == 0 && weir__supervisor_open(&map->workers.supervisor, options->workers) < 0)
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for workers");
    if (status == 0 && map->each != NULL)
        status = weir__each_open(map, error);
    if (status == 0 && options->timeout_ms != WEIR_FOREVER) {
        status = weir__timer_new(loop, time_is_up, map, &map->run.deadline, error);
        if (status == 0)
            weir__timer_start(map->run.deadline, options->timeout_ms);
    }
    if (status == 0)
        weir__map_wake(map); /* everything starts from the loop */
    return status;
}

void weir__map_wake(struct weir_map *map)
{
    weir__timer_start(map->run.tick, 0);
}
