#include "config.h"

#include "flow/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "flow/lane_call.h"
#include "text/syntax.h"

enum {
    TICK_MS = 25,     /* how often it is looked at */
    PATIENCE_MS = 50, /* nothing moves: the worker may be buffering its output */
    CLOSE_MS = 300,   /* the same before its input is closed */
    START_CLOSE_MS = 2000, /* the same before the first reply */
    BYTES_A_MS = 8192,     /* for so much more it has a millisecond more */
    PIPE_SIZE = 256 * 1024, /* a fast worker's naps, and still a small part of a user's share */
    CUT_OFF_MS = 1000, /* it has closed stdin or stdout: so long until it must have ended */
    RESTART_MS = 10,  /* before a worker is started where one died without a reply; doubles */
    FRUITLESS = 8,    /* so many die without any reply: the worker cannot run */
    STDERR_KEPT = 4096,
    LONGEST_ERROR_LINE = 64 * 1024,
    MAX_REPLY = 64 * 1024 * 1024,
};

int weir__lane_is_live(const struct weir__lane *lane)
{
    return !lane->is_over && lane->worker.state == WEIR__WORKER_ALIVE;
}

/* What it had in flight goes out again, each alone. */
static void suspect_all(struct weir__lane *lane)
{
    struct weir_map *map = lane->map;

    if (lane->call != NULL)
        weir__call_forget(lane);
    map->in_flight -= lane->flight.count;
    map->report.redelivered += lane->flight.count;
    weir__queue_merge(&map->suspects, &lane->flight);
    weir__buffer_clear(&lane->partial);
}

/* The only record that the worker had since it was sent, and the worker died of it
 * or was too slow: one failure more.  Returns 1 when that was the last one. */
static int count_failure(struct weir__lane *lane, const char *reason)
{
    struct weir_map *map = lane->map;
    struct weir__record *record = lane->flight.first;

    if (lane->flight.count != 1 || !lane->is_alone)
        return 0;
    record->attempts++;
    if (record->attempts <= map->options.retries || !map->has_answered)
        return 0;
    weir__queue_pop(&lane->flight);
    map->in_flight--;
    weir__map_bury(map, record, reason, &lane->worker, NULL);
    return 1;
}

/* Whether the worker never had what was sent: it did not start, or died with all
 * of it unread.  Then no record can have caused that. */
static int never_had_them(const struct weir__lane *lane)
{
    if (lane->call != NULL && lane->worker.result.end != WEIR_NOT_STARTED)
        return weir__call_never_had_them(lane);
    return lane->worker.result.end == WEIR_NOT_STARTED
           || (lane->flight.count > 0 && lane->worker.left_unread >= lane->flight.bytes);
}

/* A worker ended, or was given up, without a reply.  After so many the fault is
 * not a record's; and a worker that never had one has none to blame. */
static void count_fruitless(struct weir__lane *lane, const char *how, int blameless)
{
    struct weir_map *map = lane->map;
    char tail[200];

    map->fruitless++;
    map->blameless += blameless != 0;
    map->start_after_ns =
        weir__clock_ns()
        + ((int64_t)RESTART_MS << (map->fruitless < 7 ? map->fruitless - 1 : 6)) * 1000000;
    if (map->blameless < FRUITLESS
        && (map->has_answered
            || (map->fruitless < FRUITLESS && lane->worker.result.end != WEIR_NOT_STARTED)))
        return;
    weir__worker_tail(&lane->worker, tail, sizeof tail);
    weir__map_end(map, 4, WEIR_WHY_NONE, "the worker cannot run: %s%s%s", how,
                  tail[0] != '\0' ? "; it said: " : "", tail);
}

static void stop(struct weir__lane *lane)
{
    if (lane->worker.state != WEIR__WORKER_DYING)
        lane->map->lane_count--;
    weir__worker_stop(&lane->worker, lane->map->options.grace_ms);
}

void weir__lane_give_up_unheard(struct weir__lane *lane, const char *how)
{
    stop(lane);
    count_fruitless(lane, how, 1);
    lane->map->report.retries++;
    suspect_all(lane);
}

void weir__lane_retire(struct weir__lane *lane)
{
    stop(lane);
    lane->map->report.retries += lane->flight.count > 0;
    suspect_all(lane);
}

/* The worker is of no more use, though it may live on for its grace. */
static void give_up(struct weir__lane *lane, const char *reason, const char *how)
{
    struct weir_map *map = lane->map;

    stop(lane);
    if (lane->answered == 0)
        count_fruitless(lane, how, 0);
    if (!count_failure(lane, reason) && lane->flight.count > 0)
        map->report.retries++;
    suspect_all(lane);
}

static int is_good_reply(const struct weir_map *map, const char *bytes, size_t length)
{
    if (map->options.encoding == WEIR_MAP_RAW)
        return weir__json_syntax(bytes, length, NULL);
    return weir__json_syntax_utf8(bytes, length, NULL);
}

void weir__lane_desync(struct weir__lane *lane)
{
    lane->map->report.desyncs++;
    give_up(lane, "desync", "it printed a line that is no reply");
}

static int is_too_long(const struct weir__lane *lane, size_t length)
{
    size_t around = lane->call != NULL ? WEIR__CALL_ENVELOPE : 1;

    return length > lane->map->options.max_record + around || length > MAX_REPLY;
}

void weir__lane_note_reply(struct weir__lane *lane, size_t length, int64_t took_ns)
{
    struct weir_map *map = lane->map;

    map->fruitless = map->blameless = 0;
    map->has_answered = 1;
    lane->answered++;
    lane->reply_size -= lane->reply_size / 64;
    if (length > lane->reply_size)
        lane->reply_size = length;
    weir__latency_count(&map->latency, took_ns);
}

/* Takes one reply, with its LF.  Returns 0 when the lane is of no more use. */
static int take_reply(struct weir__lane *lane, const char *bytes, size_t length, int64_t now_ns)
{
    struct weir_map *map = lane->map;
    struct weir__record *record = lane->flight.first;
    enum weir__outcome outcome = WEIR__ANSWERED;

    if (lane->call != NULL && !is_too_long(lane, length))
        return weir__call_hear(lane, bytes, length - 1, now_ns);
    if (is_too_long(lane, length) || !is_good_reply(map, bytes, length - 1)) {
        weir__lane_desync(lane);
        return 0;
    }
    if (record == NULL) {
        weir__map_end(map, 3, WEIR_WHY_NONE,
                      "a worker gave more replies than it had records: none of them can be "
                      "trusted: make it print one line for each");
        weir__lane_desync(lane);
        return 0;
    }
    weir__queue_pop(&lane->flight);
    map->in_flight--;
    weir__lane_note_reply(lane, length, now_ns - lane->turn_since_ns);
    if (map->options.drop_null && weir__json_is_null(bytes, length - 1))
        outcome = WEIR__DROPPED;
    weir__map_settle(map, record, outcome, bytes, outcome == WEIR__ANSWERED ? length : 0);
    return 1;
}

static void replies_came(void *owner, const char *bytes, size_t length)
{
    struct weir__lane *lane = owner;
    struct weir_map *map = lane->map;
    int64_t now_ns = weir__clock_ns();
    int64_t waited_ns = now_ns - lane->turn_since_ns;
    uint64_t before = lane->answered;
    const char *end = bytes + length, *lf;
    int useful = 1;

    while (useful && (lf = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
        size_t line = (size_t)(lf - bytes) + 1;

        if (lane->partial.length > 0) {
            if (weir__buffer_add(&lane->partial, bytes, line, &map->life.error) < 0) {
                weir__map_fail(map, &map->life.error);
                return;
            }
            useful = take_reply(lane, lane->partial.bytes, lane->partial.length, now_ns);
            lane->partial.length = 0;
        } else {
            useful = take_reply(lane, bytes, line, now_ns);
        }
        bytes = lf + 1;
    }
    if (useful && bytes < end) {
        weir__buffer_add(&lane->partial, bytes, (size_t)(end - bytes), NULL);
        if (is_too_long(lane, lane->partial.length))
            weir__lane_desync(lane);
    }
    if (lane->answered > before) {
        lane->turn_since_ns = lane->moved_ns = now_ns;
        lane->cut_off_ns = 0; /* what it has read it still answers */
        if (before == 0 && lane->worker.state == WEIR__WORKER_CLOSING)
            map->answers_at_end = 1;
        weir__pace_note(&lane->pace, waited_ns, (size_t)(lane->answered - before));
        weir__pace_fit(&lane->pace, (size_t)(lane->answered - before), map->options.window);
        if (lane->pace.window > map->start_window && lane->answered - before > 1)
            map->start_window = lane->pace.window < 64 ? lane->pace.window : 64;
    }
    weir__map_pump(map);
}

/* A line of its stderr, for whoever shows it among other news. */
static void tell_line(const struct weir__lane *lane, const struct weir_line *line)
{
    weir__context_tell(lane->map->life.weir, (struct weir_event){
                                            .kind = WEIR_EVENT_STDERR_LINE,
                                            .stage = lane->map->stage,
                                            .name = lane->map->name,
                                            .pid = lane->worker.result.pid,
                                            .number = !lane->map->is_quiet,
                                            .text = line->bytes,
                                            .length = line->length,
                                        });
}

static void tell_lines(struct weir__lane *lane, const char *bytes, size_t length)
{
    static const char left_out[] = "[... a line over 64 KiB ...]";
    struct weir_line line;
    int status;

    if (lane->lines == NULL || weir_lines_feed(lane->lines, bytes, length, NULL) < 0)
        return;
    while ((status = weir_lines_next(lane->lines, &line, NULL)) == 1)
        tell_line(lane, &line);
    if (status == 0)
        return;
    weir_lines_free(lane->lines);
    lane->lines = weir_lines_new(LONGEST_ERROR_LINE);
    tell_line(lane, &(struct weir_line){.bytes = left_out, .length = sizeof left_out - 1});
}

static void errors_came(void *owner, const char *bytes, size_t length)
{
    struct weir__lane *lane = owner;
    struct weir__passer *passer = &lane->map->passer;

    weir__passer_add(passer, bytes, length);
    tell_lines(lane, bytes, length);
    if (weir__passer_is_full(passer))
        weir__capture_pause(&lane->worker.errors, 1);
}

static void has_room(void *owner)
{
    struct weir__lane *lane = owner;

    weir__map_pump(lane->map);
}

static int owes(void *owner)
{
    const struct weir__lane *lane = owner;

    return lane->flight.count > 0 || lane->worker.state == WEIR__WORKER_ALIVE;
}

/* Nothing of the worker is left. */
static void is_over(void *owner)
{
    struct weir__lane *lane = owner;
    struct weir_map *map = lane->map;
    int was_dying = lane->worker.state == WEIR__WORKER_DYING;
    int blameless = never_had_them(lane);
    char how[300];
    struct weir_line line;

    if (lane->lines != NULL && weir_lines_rest(lane->lines, &line, NULL) == 1)
        tell_line(lane, &line);
    lane->is_over = 1;
    if (!was_dying) {
        map->lane_count--;
        if (owes(lane)) {
            if (lane->flight.count > 0)
                map->report.crashes++;
            weir_result_sentence(&lane->worker.result, how, sizeof how);
            if (lane->answered == 0)
                count_fruitless(lane, how, blameless);
            if ((blameless || !count_failure(lane, "crash")) && lane->flight.count > 0)
                map->report.retries++;
        }
        suspect_all(lane);
    }
    weir__map_pump(map);
}

static const struct weir__worker_ops worker_ops = {
    .on_bytes = replies_came,
    .on_stderr = errors_came,
    .on_room = has_room,
    .owes = owes,
    .on_over = is_over,
};

int weir__lane_start(struct weir_map *map, struct weir__lane **started)
{
    struct weir__lane *lane = calloc(1, sizeof *lane), **last = &map->lanes;
    struct weir__worker_options options = {
        .command = &map->options.command,
        .grace_ms = map->options.grace_ms,
        .drain_ms = 1000,
        .stderr_kept = STDERR_KEPT,
        .pipe_size = PIPE_SIZE,
        .is_launched = map->is_launched,
        .stop = map->stop_command.argv != NULL ? &map->stop_command : NULL,
    };
    int status;

    if (lane == NULL)
        return weir__fail(&map->life.error, WEIR_ERR_NOMEM, 0, "no memory for a worker");
    lane->map = map;
    lane->pace.window = map->start_window;
    lane->has_started = map->options.call != NULL /* it says so */
                        || map->options.start_timeout_ms == WEIR_FOREVER; /* nobody wants to know */
    lane->started_ns = lane->moved_ns = lane->turn_since_ns = weir__clock_ns();
    weir__queue_init(&lane->flight);
    if (map->options.stderr_fd < 0 && map->life.weir->on_event != NULL)
        lane->lines = weir_lines_new(LONGEST_ERROR_LINE);
    status = weir__worker_start(&lane->worker, map->life.weir, &options, &worker_ops, lane,
                                &map->life.error);
    if (status < 0) {
        weir_lines_free(lane->lines);
        free(lane);
        return status;
    }
    status = map->options.call != NULL ? weir__call_greet(lane) : 0;
    if (status < 0) {
        weir__lane_free(lane);
        return status;
    }
    while (*last != NULL)
        last = &(*last)->next;
    *last = *started = lane;
    map->lane_count++;
    return 0;
}

static void send(struct weir__lane *lane, struct weir__record *record)
{
    struct weir_map *map = lane->map;

    lane->is_alone = lane->flight.count == 0;
    if (lane->is_alone)
        lane->turn_since_ns = weir__clock_ns();
    weir__queue_push(&lane->flight, record);
    map->in_flight++;
    if ((lane->call != NULL ? weir__call_send(lane, record)
                            : weir__worker_send(&lane->worker, record->bytes, record->length))
        < 0) {
        weir__fail(&map->life.error, WEIR_ERR_NOMEM, 0, "no memory to send records");
        weir__map_fail(map, &map->life.error);
    }
}

/* All that it may have in flight, in records or in bytes that go in or come out. */
static int is_full(const struct weir__lane *lane)
{
    const struct weir_map_options *options = &lane->map->options;

    return lane->flight.count >= options->window || lane->flight.bytes >= options->window_bytes
           || lane->flight.count * lane->reply_size >= options->window_bytes
           || weir__worker_unsent(&lane->worker) >= options->window_bytes;
}

static int is_fed(const struct weir__lane *lane)
{
    return weir__lane_is_live(lane) && lane->worker.in_fd >= 0;
}

int weir__lane_has_room(const struct weir__lane *lane)
{
    size_t window = lane->call != NULL ? weir__call_window(lane, lane->pace.window) : lane->pace.window;

    return is_fed(lane) && lane->flight.count < window
           && (lane->flight.count == 0 || !is_full(lane));
}

size_t weir__lane_fill(struct weir__lane *lane, size_t count)
{
    struct weir_map *map = lane->map;
    struct weir__record *record;
    size_t sent = 0;

    while (sent < count && map->end.status == 0 && weir__lane_has_room(lane)
           && weir__map_take(map, &record) == 1) {
        send(lane, record);
        sent++;
    }
    return sent;
}

/* Only until some worker has answered, other records are tried before: the suspect
 * may well be the one that kills them. */
void weir__lane_fill_alone(struct weir__lane *lane)
{
    struct weir_map *map = lane->map;
    struct weir__record *record;

    if (!is_fed(lane) || lane->flight.count > 0)
        return;
    if (map->has_answered || weir__map_take(map, &record) != 1)
        record = weir__queue_pop(&map->suspects);
    send(lane, record);
}

int weir__lane_nap(struct weir__lane *lane)
{
    size_t count = lane->flight.count, size = count > 0 ? lane->flight.bytes / count : 0;
    int nap = weir__lane_is_live(lane)
              && weir__pace_may_nap(&lane->pace, count,
                                    size > lane->reply_size ? size : lane->reply_size,
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

void weir__lane_close_input(struct weir__lane *lane)
{
    if (lane->call != NULL && weir__call_is_busy(lane))
        return; /* a stream may need credit yet */
    if (weir__lane_is_live(lane))
        weir__worker_close_input(&lane->worker);
}

/* It can answer no more, or read no more, and has had the time to end. */
static int is_cut_off_too_long(struct weir__lane *lane, int64_t now_ns)
{
    if (!weir__worker_is_cut_off(&lane->worker))
        return 0;
    if (lane->cut_off_ns == 0)
        lane->cut_off_ns = now_ns;
    return now_ns - lane->cut_off_ns >= (int64_t)CUT_OFF_MS * 1000000;
}

/* How long nothing may move before the lane gets more, or its end.  A worker's
 * first window grows fast: what it keeps back at a time is not known yet, and one
 * that is slow has more unread before it has much.  One that reads ahead all it can
 * get, as ssh does, has the time to start. */
static int64_t patience_ms(const struct weir__lane *lane, int must_end, int has_enough)
{
    if (lane->answered > 0)
        return has_enough ? CLOSE_MS : PATIENCE_MS;
    if (must_end)
        return has_enough && !lane->map->answers_at_end ? START_CLOSE_MS : CLOSE_MS;
    return 1 + (int64_t)(lane->flight.bytes / BYTES_A_MS);
}

/* Many programs keep their output back until they have a buffer full, or their
 * input ends: where nothing moves they are given more, or the end.  One that has
 * not yet read what it was given is at work, or still starting, and waits for
 * nothing.  Returns in how many ms to look again. */
static int64_t wait_or_nudge(struct weir__lane *lane, int64_t now_ns)
{
    const struct weir_map *map = lane->map;
    int has_enough =
        is_full(lane) || weir__order_is_full(&map->order, map->options.reorder_bytes);
    int must_end = map->suspects.count > 0 || lane->flight.first->attempts > 0 || has_enough;
    int64_t patience_ns = patience_ms(lane, must_end, has_enough) * 1000000;
    int64_t age_ns = now_ns - lane->turn_since_ns;

    if (weir__worker_unread(&lane->worker) > 0
        || weir__worker_has_output(&lane->worker)) { /* it is we who were late */
        lane->moved_ns = now_ns;
    } else if (now_ns - lane->moved_ns >= patience_ns && age_ns >= patience_ns) {
        if (must_end)
            weir__lane_close_input(lane);
        else if (lane->flight.count >= lane->pace.window)
            lane->pace.window *= 2;
        lane->moved_ns = now_ns;
    }
    if (lane->answered > 0 || must_end || age_ns >= (int64_t)8 * TICK_MS * 1000000)
        return TICK_MS;
    return 1 + age_ns / 8000000;
}

/* A launcher may be long at it.  Its worker has started when it has read something
 * of what was sent, or answered; the first record's time begins then.  Returns 0
 * as long as it has not. */
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
        weir__lane_give_up_unheard(lane, "it did not start in time");
    }
    return 0;
}

int64_t weir__lane_tick(struct weir__lane *lane, int64_t now_ns)
{
    const struct weir_map_options *options = &lane->map->options;
    int64_t turn_ns;

    if (lane->is_over || lane->worker.state == WEIR__WORKER_DYING)
        return TICK_MS;
    if ((lane->call != NULL && !weir__call_tick(lane, now_ns)) || lane->flight.count == 0)
        return TICK_MS;
    if (!lane->has_started && !has_started(lane, now_ns))
        return TICK_MS;
    turn_ns = lane->call != NULL ? weir__call_turn_ns(lane) : lane->turn_since_ns;
    if (options->record_timeout_ms != WEIR_FOREVER
        && now_ns - turn_ns >= options->record_timeout_ms * 1000000
        && !weir__worker_has_output(&lane->worker)) { /* unread is not late */
        lane->map->report.timeouts++;
        give_up(lane, "timeout", "it did not answer in time");
        return TICK_MS;
    }
    if (is_cut_off_too_long(lane, now_ns)) {
        lane->map->report.crashes++;
        give_up(lane, "crash", "it closed its input or output");
        return TICK_MS;
    }
    if (lane->call != NULL || lane->worker.state != WEIR__WORKER_ALIVE)
        return TICK_MS;
    return wait_or_nudge(lane, now_ns);
}

void weir__lane_free(struct weir__lane *lane)
{
    struct weir__record *record;

    while ((record = weir__queue_pop(&lane->flight)) != NULL)
        free(record);
    weir__buffer_clear(&lane->partial);
    weir__call_free(lane);
    weir_lines_free(lane->lines);
    weir__worker_clear(&lane->worker);
    free(lane);
}
