/* What goes on in a map, from its begin to its end. */
#include "config.h"

#include "base/clock.h"
#include "flow/map.h"

enum {
    TICK_MS = 25,
    FIRST_TICK_MS = 1, /* after the start of a worker */
    NAP_MS = 1,        /* the loop makes it between one and two */
};

/* --- Who gets what ----------------------------------------------------------- */

static int input_is_over(const struct weir_map *map)
{
    return map->end.status != 0 || weir__map_input_is_over(map);
}

static int may_start(const struct weir_map *map)
{
    return map->end.status == 0 && map->lanes.count < map->options.workers
           && weir__clock_ns() >= map->lanes.start_after_ns;
}

static struct weir__lane *start_lane(struct weir_map *map)
{
    struct weir_error error;
    struct weir__lane *lane = weir__lane_start(map, &error);

    if (lane != NULL)
        weir__timer_start(map->run.tick, FIRST_TICK_MS);
    else if (error.status == WEIR_ERR_SYSTEM) /* its directory, say */
        weir__map_end(map, 4, WEIR_WHY_NONE, "the worker cannot run: %.500s", error.text);
    else
        weir__map_fail(map, &error);
    return lane;
}

/* Of the lanes that have room, the one with the least to do; NULL for none. */
static struct weir__lane *idlest(const struct weir_map *map)
{
    struct weir__lane *found = NULL;

    for (struct weir__lane *lane = map->lanes.first; lane != NULL; lane = lane->next)
        if (weir__lane_has_room(lane)
            && (found == NULL || lane->flight.count < found->flight.count))
            found = lane;
    return found;
}

/* Each suspect to a worker of its own; nothing else goes out meanwhile. */
static void give_out_suspects(struct weir_map *map)
{
    const struct weir__queue *suspects = &map->lanes.suspects;
    struct weir__lane *lane;

    for (lane = map->lanes.first; lane != NULL && suspects->count > 0; lane = lane->next)
        weir__lane_fill_alone(lane);
    while (suspects->count > 0 && may_start(map) && (lane = start_lane(map)) != NULL)
        weir__lane_fill_alone(lane);
}

/* Gives out what there is: to a worker that has nothing to do, else to a new one,
 * else by and by to those that have the least, so that few records are spread. */
static void give_out(struct weir_map *map)
{
    while (map->lanes.suspects.count == 0) {
        struct weir__lane *lane = idlest(map);

        if ((lane == NULL || lane->flight.count > 0) && may_start(map) && weir__map_input_has(map)
            && start_lane(map) != NULL)
            continue;
        if (lane == NULL || weir__lane_fill(lane, lane->flight.count / 2 + 1) == 0)
            break;
    }
    give_out_suspects(map);
    for (struct weir__lane *lane = map->lanes.first; lane != NULL; lane = lane->next)
        if (!lane->is_over)
            weir__worker_flush(&lane->worker);
}

/* Says goodbye to workers that have nothing to wait for. */
static void close_lanes(struct weir_map *map)
{
    int stop = map->end.status != 0 && !map->end.drains;

    if (!stop && !(input_is_over(map) && (map->lanes.suspects.count == 0 || map->end.drains)))
        return;
    for (struct weir__lane *lane = map->lanes.first; lane != NULL; lane = lane->next) {
        if (lane->is_over || lane->worker.state == WEIR__WORKER_DYING)
            continue;
        if (stop)
            weir__lane_stop(lane, map->end.grace_ms);
        else
            weir__lane_close_input(lane);
    }
}

static void free_gone_lanes(struct weir_map *map)
{
    for (struct weir__lane **at = &map->lanes.first; *at != NULL;) {
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
    if (map->checkpoint.was_finished)
        return 1;
    if (map->end.leaves && map->lanes.first == NULL)
        return 1;
    if (map->lanes.first != NULL || !weir__passer_is_empty(&map->passer))
        return 0;
    if (map->end.status != 0)
        return map->out.failed || weir__map_output_is_empty(map);
    return input_is_over(map) && map->lanes.suspects.count == 0 && weir__map_output_is_empty(map);
}

/* Where output or memory holds the input back, that is time lost. */
static void watch_stall(struct weir_map *map)
{
    int held = weir__order_is_full(&map->order, map->options.reorder_bytes);

    if (held && !map->run.is_stalled)
        map->run.stalled_since_ns = weir__clock_ns();
    if (!held && map->run.is_stalled)
        map->report.reorder_stall_ns += weir__clock_ns() - map->run.stalled_since_ns;
    map->run.is_stalled = held;
}

/* A paused reader of ours pauses the workers: their replies have no place. */
static void pause_lanes(struct weir_map *map)
{
    int full = weir__map_output_is_full(map);

    if (full == map->run.is_paused)
        return;
    map->run.is_paused = full;
    for (struct weir__lane *lane = map->lanes.first; lane != NULL; lane = lane->next)
        weir__lane_pause(lane, full);
}

/* Where the workers have enough to do, what they have done waits until there is
 * more of it: that costs them and us far less than to look after each reply. */
static void rest(struct weir_map *map)
{
    int any = 0;

    for (struct weir__lane *lane = map->lanes.first; lane != NULL; lane = lane->next)
        any |= weir__lane_nap(lane);
    if (any && !map->run.naps)
        weir__timer_start(map->run.nap, NAP_MS);
    map->run.naps |= any;
    weir__map_input_await(map, map->run.naps);
}

/* --- The end -------------------------------------------------------------- */

void weir__map_close(struct weir_map *map)
{
    weir__timer_close(&map->run.tick);
    weir__timer_close(&map->run.nap);
    weir__timer_close(&map->run.deadline);
    while (map->lanes.first != NULL) {
        struct weir__lane *lane = map->lanes.first;

        map->lanes.first = lane->next;
        weir__lane_free(lane);
    }
    weir__passer_close(&map->passer);
    weir__map_input_close(map);
    weir__map_output_close(map);
    weir__checkpoint_close(map);
    weir__buffer_clear(&map->scratch);
    weir__order_clear(&map->order);
}

/* The last thing that a callback does: the owner may free the map here. */
static void finish(struct weir_map *map)
{
    struct weir_error error;

    weir__checkpoint_save(map, map->end.status == 0 && !map->checkpoint.was_finished);
    if (map->end.status == 0 && map->out.file.fd >= 0
        && weir__outfile_commit(&map->out.file, &error) < 0)
        weir__map_end(map, 5, WEIR_WHY_NONE, "%s", error.text);
    weir__map_report_fill(map);
    weir__map_close(map);
    weir__life_end(&map->life);
}

/* --- Round and round -------------------------------------------------------- */

static void pump(struct weir_map *map)
{
    map->run.again = 1;
    if (map->run.is_pumping || map->life.over)
        return;
    map->run.is_pumping = 1;
    while (map->run.again) {
        map->run.again = map->in.is_wanted = 0;
        free_gone_lanes(map);
        if (map->end.status == 0 && !map->checkpoint.was_finished)
            give_out(map);
        close_lanes(map);
        weir__map_output_flush(map);
        pause_lanes(map);
        watch_stall(map);
    }
    map->run.is_pumping = 0;
    rest(map);
    if (is_done(map))
        finish(map);
}

/* --- Time ----------------------------------------------------------------- */

static void nap_is_over(void *data)
{
    struct weir_map *map = data;

    map->run.naps = 0;
    map->run.is_pumping = 1; /* once for all of them */
    for (struct weir__lane *lane = map->lanes.first; lane != NULL; lane = lane->next)
        weir__lane_wake(lane);
    map->run.is_pumping = 0;
    pump(map);
}

/* A map that ends waits for its reader, but not for one that stands still. */
static void watch_reader(struct weir_map *map, int64_t now_ns)
{
    if (map->end.status == 0 || map->lanes.first != NULL || map->out.sent != map->run.sent) {
        map->run.sent = map->out.sent;
        map->run.sent_since_ns = now_ns;
    } else if (map->end.why != WEIR_WHY_NONE
               && now_ns - map->run.sent_since_ns > map->end.grace_ms * 1000000) {
        map->end.leaves = 1;
    }
}

static void tick(void *data)
{
    struct weir_map *map = data;
    int64_t now_ns = weir__clock_ns(), next_ms = TICK_MS;

    for (struct weir__lane *lane = map->lanes.first; lane != NULL; lane = lane->next) {
        int64_t ms = weir__lane_tick(lane, now_ns);

        next_ms = ms < next_ms ? ms : next_ms;
    }
    weir__timer_start(map->run.tick, next_ms);
    watch_reader(map, now_ns);
    weir__checkpoint_save_if_due(map, now_ns);
    pump(map);
}

static void time_is_up(void *data)
{
    struct weir_map *map = data;

    weir__map_end(map, 124, WEIR_WHY_TIMEOUT, "the time is up");
    map->end.drains = 0; /* also when it was ending already */
    if (map->run.is_late)
        map->end.leaves = 1;
    else
        weir__timer_start(map->run.deadline, map->end.grace_ms); /* for whoever reads us */
    map->run.is_late = 1;
    pump(map);
}

static void passer_changed(void *owner)
{
    struct weir_map *map = owner;

    for (struct weir__lane *lane = map->lanes.first; lane != NULL; lane = lane->next)
        if (weir__capture_is_open(&lane->worker.errors))
            weir__capture_pause(&lane->worker.errors, weir__passer_is_full(&map->passer));
    pump(map);
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
    weir__loop *loop = map->life.weir->loop;
    int status;

    map->changed = pump;
    status = open_files(map, error);
    map->passer.owner = map;
    map->passer.on_room = map->passer.on_empty = passer_changed;
    if (status == 0)
        status = weir__passer_start(&map->passer, loop, options->stderr_fd, error);
    if (status == 0)
        status = weir__timer_new(loop, tick, map, &map->run.tick, error);
    if (status == 0)
        status = weir__timer_new(loop, nap_is_over, map, &map->run.nap, error);
    if (status == 0 && options->timeout_ms != WEIR_FOREVER) {
        status = weir__timer_new(loop, time_is_up, map, &map->run.deadline, error);
        if (status == 0)
            weir__timer_start(map->run.deadline, options->timeout_ms);
    }
    if (status == 0)
        weir__map_wake(map); /* all begins from the loop */
    return status;
}

void weir__map_wake(struct weir_map *map)
{
    weir__timer_start(map->run.tick, 0);
}
