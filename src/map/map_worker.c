/* A worker of a map: start, records, replies, checks and end. */
#include "config.h"

#include "map/map_worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "map/map.h"

enum {
    TICK_MS = 25,           /* interval of checks */
    PIPE_SIZE = 256 * 1024, /* enough for a fast worker's coalesced replies, and a small part of
                             * a user's limit */
    CUT_OFF_MS = 1000,      /* time to exit after it has closed stdin or stdout */
    SURE_WINDOW = 64,       /* the maximum for a new worker, however fast others are */
    LAST_WORD_MS = 500,     /* time to exit for a late worker whose input has been closed */
    STDERR_KEPT = 4096,
    FLUSH_SIZE = 128 * 1024,
    MAX_REPLY = 64 * 1024 * 1024,
};

/* --- What its worker says ---------------------------------------------------- */

/* Replies have come: adjusts the number of records in flight. */
static void note_pace(struct weir__lane *lane, int64_t now_ns, int64_t waited_ns, size_t replies,
                      int is_first)
{
    struct weir_map *map = lane->map;

    lane->turn_since_ns = lane->moved_ns = now_ns;
    lane->cut_off_ns = 0; /* it still answers what it has read */
    if (is_first && lane->worker.state == WEIR__WORKER_CLOSING)
        map->lanes.answers_at_end = 1;
    weir__pace_note(&lane->pace, waited_ns, replies);
    weir__pace_fit(&lane->pace, replies, map->options.window);
    if (lane->pace.window > map->lanes.start_window && replies > 1)
        map->lanes.start_window = lane->pace.window < SURE_WINDOW ? lane->pace.window : SURE_WINDOW;
}

static void bytes_came(void *owner, const char *bytes, size_t length)
{
    struct weir__lane *lane = owner;
    struct weir_map *map = lane->map;
    int64_t now_ns = weir__clock_ns();
    int64_t waited_ns = now_ns - lane->turn_since_ns;
    uint64_t answered = lane->answered, done = lane->done;
    const char *end = bytes + length, *line;
    ssize_t got = 0;
    int is_useful = 1;

    while (is_useful && (got = weir__line_splitter_next(&lane->lines, &bytes, end, &line)) > 0)
        is_useful = lane->protocol->take_line(lane, line, (size_t)got, now_ns);
    if (got == WEIR_ERR_NOMEM) {
        struct weir_error error;

        weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory for a reply");
        weir__map_fail(map, &error);
        return;
    }
    if (got < 0)
        weir__lane_desync(lane);
    if (map->out.replies.length >= FLUSH_SIZE)
        weir__map_output_flush(map); /* frees memory for what is written */
    if (lane->answered > answered)
        note_pace(lane, now_ns, waited_ns, lane->done > done ? (size_t)(lane->done - done) : 1,
                  answered == 0);
    map->changed(map);
}

/* Emits a line of its stderr as an event. */
static void tell_line(void *owner, const struct weir_line *line)
{
    const struct weir__lane *lane = owner;
    const struct weir_map *map = lane->map;

    weir__context_tell(map->life.weir, (struct weir_event){
                                           .kind = WEIR_EVENT_STDERR_LINE,
                                           .stage = map->news.stage,
                                           .name = map->news.name,
                                           .pid = lane->worker.result.pid,
                                           .number = !map->news.is_quiet,
                                           .text = line->bytes,
                                           .length = line->length,
                                       });
}

static void has_room(void *owner)
{
    struct weir__lane *lane = owner;

    lane->map->changed(lane->map);
}

static int owes(void *owner)
{
    return weir__lane_owes(owner);
}

static void is_over(void *owner)
{
    struct weir__lane *lane = owner;

    weir__lane_ended(lane);
    lane->map->changed(lane->map);
}

static const struct weir__worker_ops worker_ops = {
    .on_bytes = bytes_came,
    .on_room = has_room,
    .owes = owes,
    .on_over = is_over,
};

/* The same, with lines of stderr as events. */
static const struct weir__worker_ops line_ops = {
    .on_bytes = bytes_came,
    .on_stderr_line = tell_line,
    .on_room = has_room,
    .owes = owes,
    .on_over = is_over,
};

/* --- Its life ---------------------------------------------------------------- */

struct weir__seat *weir__lane_find_seat(const struct weir_map *map, int64_t now_ns)
{
    struct weir__seat *seat = weir__supervisor_seat(&map->lanes.supervisor, NULL);

    return seat != NULL && seat->backoff.next_ns <= now_ns ? seat : NULL;
}

struct weir__lane *weir__lane_start(struct weir_map *map, struct weir__seat *seat,
                                    struct weir_error *error)
{
    struct weir__lane *lane = calloc(1, sizeof *lane), **last = &map->lanes.first;
    const struct weir__worker_ops *ops = &worker_ops;
    struct weir__worker_options options = {
        .command = &map->command,
        .grace_ms = map->options.grace_ms,
        .drain_ms = 1000,
        .stderr_kept = STDERR_KEPT,
        .forwarder = &map->forwarder,
        .pipe_size = PIPE_SIZE,
        .is_launched = map->is_launched,
        .stop = map->stop_command.argv != NULL ? &map->stop_command : NULL,
    };

    if (lane == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a worker");
        return NULL;
    }
    lane->map = map;
    lane->seat = seat;
    lane->protocol = map->options.call != NULL  ? &weir__protocol_calls
                     : map->options.key != NULL ? &weir__protocol_keyed
                                                : &weir__protocol_lines;
    lane->lines.longest = map->options.max_record + lane->protocol->around;
    if (lane->lines.longest < lane->protocol->around || lane->lines.longest > MAX_REPLY)
        lane->lines.longest = MAX_REPLY;
    lane->pace.window = map->lanes.start_window;
    /* With call it reports its start; for others it may not matter. */
    lane->has_started = map->options.call != NULL || map->options.start_timeout_ms == WEIR_FOREVER;
    lane->started_ns = lane->moved_ns = lane->turn_since_ns = weir__clock_ns();
    weir__queue_init(&lane->flight);
    if (map->options.stderr_fd < 0 && map->life.weir->on_event != NULL)
        ops = &line_ops;
    if (weir__worker_start(&lane->worker, map->life.weir, &options, ops, lane, error) < 0) {
        free(lane);
        return NULL;
    }
    if (lane->protocol->begin != NULL && lane->protocol->begin(lane) < 0) {
        weir__lane_free(lane);
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a worker");
        return NULL;
    }
    while (*last != NULL)
        last = &(*last)->next;
    *last = lane;
    map->lanes.count++;
    seat->worker = lane;
    return lane;
}

void weir__lane_free(struct weir__lane *lane)
{
    weir__queue_clear(&lane->flight);
    weir__line_splitter_clear(&lane->lines);
    if (lane->protocol->free != NULL)
        lane->protocol->free(lane);
    weir__worker_clear(&lane->worker);
    free(lane);
}

void weir__lane_close_input(struct weir__lane *lane)
{
    if (lane->protocol->is_busy != NULL && lane->protocol->is_busy(lane))
        return; /* a stream may still need credit */
    if (weir__lane_is_live(lane))
        weir__worker_close_input(&lane->worker);
}

void weir__lane_finish(struct weir__lane *lane)
{
    if (lane->flight.count == 0 || lane->protocol->nudge == NULL) {
        weir__lane_close_input(lane);
    } else if (weir__lane_is_live(lane) && !lane->is_ending) {
        lane->is_ending = 1;
        weir__timer_start(lane->map->run.tick, 1);
    }
}

void weir__lane_pause(struct weir__lane *lane, int pause)
{
    if (!lane->is_over)
        weir__worker_pause(&lane->worker, pause && lane->worker.state != WEIR__WORKER_DYING);
}

/* --- Records for it ---------------------------------------------------------- */

static void send(struct weir__lane *lane, struct weir__record *record)
{
    struct weir_map *map = lane->map;
    struct weir_error error;

    lane->is_alone = lane->flight.count == 0;
    if (weir__lane_ahead(lane) == 0)
        lane->turn_since_ns = weir__clock_ns();
    if (lane->is_alone)
        lane->since_line = record->line;
    if (lane->keys != NULL)
        weir__queue_push_linked(&lane->flight, record);
    else
        weir__queue_push(&lane->flight, record);
    if ((lane->protocol->send != NULL
             ? lane->protocol->send(lane, record)
             : weir__worker_send(&lane->worker, record->bytes, record->length))
        < 0) {
        weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory to send records");
        weir__map_fail(map, &error);
    }
    if (weir__worker_unsent(&lane->worker) >= WEIR__LANE_UNSENT)
        weir__worker_flush(&lane->worker);
}

size_t weir__lane_fill(struct weir__lane *lane, size_t count)
{
    struct weir_map *map = lane->map;
    struct weir__record *record;
    size_t sent = 0;

    while (sent < count && map->end.status == 0 && weir__lane_has_room(lane)
           && weir__map_input_take(map, &record) == 1) {
        if (weir__lane_refuses(lane, record)) {
            weir__queue_put(&map->in.returned, record);
            break;
        }
        send(lane, record);
        sent++;
    }
    return sent;
}

/* Only until some worker has answered, other records are tried first: the quarantined one may be
 * the one that kills workers. */
void weir__lane_fill_alone(struct weir__lane *lane)
{
    struct weir_map *map = lane->map;
    struct weir__record *record;

    if (!weir__lane_is_live(lane) || lane->worker.in_fd < 0 || lane->flight.count > 0
        || (lane->keys != NULL && lane->ghosts > 0))
        return;
    if (map->lanes.has_answered || weir__map_input_take(map, &record) != 1)
        record = weir__queue_pop(&map->lanes.suspects);
    send(lane, record);
}

/* --- Time -------------------------------------------------------------------- */

int weir__lane_nap(struct weir__lane *lane)
{
    size_t count = weir__lane_ahead(lane);
    size_t size = count > 0 ? lane->flight.bytes / lane->flight.count : 0;
    int nap =
        weir__lane_is_live(lane)
        && weir__pace_may_nap(&lane->pace, count, size > lane->reply_size ? size : lane->reply_size,
                              lane->worker.pipe_size);

    if (!lane->is_over)
        weir__worker_nap(&lane->worker, nap);
    return nap;
}

void weir__lane_wake(struct weir__lane *lane)
{
    if (lane->is_over || !lane->worker.napping)
        return;
    lane->pace.flows = 0;
    weir__worker_read(&lane->worker);
}

/* It can no longer answer or read, and has had time to exit. */
static int is_cut_off_too_long(struct weir__lane *lane, int64_t now_ns)
{
    if (!weir__worker_is_cut_off(&lane->worker))
        return 0;
    if (lane->cut_off_ns == 0)
        lane->cut_off_ns = now_ns;
    return now_ns - lane->cut_off_ns >= (int64_t)CUT_OFF_MS * 1000000;
}

/* A launcher may take long. Its worker has started once it has read some input or answered; the
 * time of the first record begins then. Returns 0 until then. */
static int has_started(struct weir__lane *lane, int64_t now_ns)
{
    if (lane->answered > 0 || weir__worker_has_read(&lane->worker)
        || weir__worker_has_output(&lane->worker)) {
        lane->has_started = 1;
        lane->turn_since_ns = now_ns;
        return 1;
    }
    if (now_ns - lane->started_ns >= lane->map->options.start_timeout_ms * 1000000) {
        lane->map->report.timeouts++;
        weir__map_notice(lane->map, WEIR__NOTICE_LATE_START,
                         "a worker (pid %ld) did not start within %g s: it is stopped, and another "
                         "is started",
                         (long)lane->worker.result.pid,
                         (double)lane->map->options.start_timeout_ms / 1000);
        weir__lane_give_up_unheard(lane, "it did not start in time");
    }
    return 0;
}

/* Its first record is late. If the worker may have left one out before, its input is closed
 * first: then it ends without further replies. Returns when to check again. */
static int64_t be_late(struct weir__lane *lane, int64_t now_ns)
{
    int may_lack_one =
        lane->protocol->left_out != NULL && !(lane->flight.count == 1 && lane->is_alone);

    if (may_lack_one && lane->late_ns == 0) {
        lane->late_ns = now_ns;
        weir__lane_close_input(lane);
    }
    if (may_lack_one && now_ns - lane->late_ns < (int64_t)LAST_WORD_MS * 1000000)
        return TICK_MS;
    lane->map->report.timeouts++;
    weir__lane_give_up(lane, "timeout", "it did not answer in time");
    return TICK_MS;
}

static int is_late(const struct weir__lane *lane, int64_t now_ns)
{
    int64_t timeout_ms = lane->map->options.record_timeout_ms;
    int64_t turn_ns =
        lane->protocol->turn_ns != NULL ? lane->protocol->turn_ns(lane) : lane->turn_since_ns;

    if (timeout_ms == WEIR_FOREVER || weir__lane_ahead(lane) == 0)
        return 0;
    return lane->late_ns > 0
           || (now_ns - turn_ns >= timeout_ms * 1000000
               && !weir__worker_has_output(&lane->worker)); /* unread is not late */
}

int64_t weir__lane_tick(struct weir__lane *lane, int64_t now_ns)
{
    const struct weir__protocol *protocol = lane->protocol;

    if (lane->is_over || lane->worker.state == WEIR__WORKER_DYING)
        return TICK_MS;
    if (protocol->tick != NULL && !protocol->tick(lane, now_ns))
        return TICK_MS;
    if (lane->flight.count == 0 && lane->ghosts == 0)
        return TICK_MS;
    if (!lane->has_started && !has_started(lane, now_ns))
        return TICK_MS;
    if (lane->flight.count == 0)
        return TICK_MS;
    if (is_late(lane, now_ns))
        return be_late(lane, now_ns);
    if (is_cut_off_too_long(lane, now_ns)) {
        if (protocol->left_out != NULL && lane->keys == NULL
            && lane->worker.state == WEIR__WORKER_CLOSING
            && lane->worker.out_watch == NULL) { /* it cannot answer any more */
            protocol->left_out(lane);
            weir__lane_retire(lane);
            return TICK_MS;
        }
        lane->map->report.crashes++;
        weir__lane_give_up(lane, "crash", "it closed its input or output");
        return TICK_MS;
    }
    if (protocol->nudge == NULL || lane->worker.state != WEIR__WORKER_ALIVE)
        return TICK_MS;
    return protocol->nudge(lane, now_ns);
}
