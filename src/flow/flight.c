/* What a lane has in flight, and how it leaves: answered, as a suspect, or dead. */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "flow/map.h"

enum {
    RESTART_MS = 10, /* before a worker is started where one died without a reply; doubles */
    FRUITLESS = 8,   /* so many die without any reply: the worker cannot run */
};

/* --- How much it may have ---------------------------------------------------- */

int weir__lane_is_live(const struct weir__lane *lane)
{
    return !lane->is_over && lane->worker.state == WEIR__WORKER_ALIVE;
}

static int is_full(const struct weir__lane *lane)
{
    const struct weir_map_options *options = &lane->map->options;

    return lane->flight.count >= options->window || lane->flight.bytes >= options->window_bytes
           || lane->flight.count * lane->reply_size >= options->window_bytes
           || weir__worker_unsent(&lane->worker) >= options->window_bytes;
}

int weir__lane_is_full(const struct weir__lane *lane)
{
    return is_full(lane);
}

int weir__lane_has_room(const struct weir__lane *lane)
{
    size_t window = lane->speech->window != NULL ? lane->speech->window(lane) : lane->pace.window;

    return lane->worker.in_fd >= 0 && lane->flight.count < window && weir__lane_is_live(lane)
           && (lane->flight.count == 0 || !is_full(lane));
}

/* --- Answered ---------------------------------------------------------------- */

static void vouch(struct weir__lanes *lanes)
{
    lanes->fruitless = lanes->blameless = 0;
    lanes->has_answered = 1;
}

void weir__lane_vouch(struct weir__lane *lane)
{
    vouch(&lane->map->lanes);
}

void weir__lane_note_reply(struct weir__lane *lane, size_t length, int64_t took_ns)
{
    vouch(&lane->map->lanes);
    lane->answered++;
    lane->reply_size -= lane->reply_size / 64;
    if (length > lane->reply_size)
        lane->reply_size = length;
    weir__latency_count(&lane->map->latency, took_ns);
}

/* --- Not answered ------------------------------------------------------------ */

/* What it had goes out again, each alone. */
static void suspect_all(struct weir__lane *lane)
{
    struct weir_map *map = lane->map;

    if (lane->speech->forget != NULL)
        lane->speech->forget(lane);
    map->report.redelivered += lane->flight.count;
    weir__queue_merge(&map->lanes.suspects, &lane->flight);
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
    if (record->attempts <= map->options.retries || !map->lanes.has_answered)
        return 0;
    weir__queue_pop(&lane->flight);
    weir__map_bury(map, record, reason, &lane->worker, NULL);
    return 1;
}

/* Whether the worker never had what was sent: it did not start, or died with all
 * of it unread.  Then no record can have caused that. */
static int never_had_them(const struct weir__lane *lane)
{
    if (lane->worker.result.end == WEIR_NOT_STARTED)
        return 1;
    if (lane->speech->never_had_them != NULL)
        return lane->speech->never_had_them(lane);
    return lane->flight.count > 0 && lane->worker.left_unread >= lane->flight.bytes;
}

/* A worker ended, or was given up, without a reply.  After so many the fault is
 * not a record's; and a worker that never had one has none to blame. */
static void count_fruitless(struct weir__lane *lane, const char *how, int blameless)
{
    struct weir_map *map = lane->map;
    struct weir__lanes *lanes = &map->lanes;
    char tail[200];

    lanes->fruitless++;
    lanes->blameless += blameless != 0;
    lanes->start_after_ns =
        weir__clock_ns()
        + ((int64_t)RESTART_MS << (lanes->fruitless < 7 ? lanes->fruitless - 1 : 6)) * 1000000;
    if (lanes->blameless < FRUITLESS
        && (lanes->has_answered
            || (lanes->fruitless < FRUITLESS && lane->worker.result.end != WEIR_NOT_STARTED)))
        return;
    weir__worker_tail(&lane->worker, tail, sizeof tail);
    weir__map_end(map, 4, WEIR_WHY_NONE, "the worker cannot run: %s%s%s", how,
                  tail[0] != '\0' ? "; it said: " : "", tail);
}

/* --- The worker goes --------------------------------------------------------- */

void weir__lane_stop(struct weir__lane *lane, int64_t grace_ms)
{
    if (lane->worker.state != WEIR__WORKER_DYING)
        lane->map->lanes.count--;
    weir__worker_stop(&lane->worker, grace_ms);
}

void weir__lane_give_up_unheard(struct weir__lane *lane, const char *how)
{
    weir__lane_stop(lane, lane->map->options.grace_ms);
    count_fruitless(lane, how, 1);
    lane->map->report.retries++;
    suspect_all(lane);
}

void weir__lane_retire(struct weir__lane *lane)
{
    weir__lane_stop(lane, lane->map->options.grace_ms);
    lane->map->report.retries += lane->flight.count > 0;
    suspect_all(lane);
}

void weir__lane_give_up(struct weir__lane *lane, const char *reason, const char *how)
{
    weir__lane_stop(lane, lane->map->options.grace_ms);
    if (lane->answered == 0)
        count_fruitless(lane, how, 0);
    if (!count_failure(lane, reason) && lane->flight.count > 0)
        lane->map->report.retries++;
    suspect_all(lane);
}

void weir__lane_desync(struct weir__lane *lane)
{
    lane->map->report.desyncs++;
    weir__lane_give_up(lane, "desync",
                       "it printed a line that is no reply: one line of JSON is "
                       "due for each record, and nothing else");
}

int weir__lane_owes(const struct weir__lane *lane)
{
    return lane->flight.count > 0 || lane->worker.state == WEIR__WORKER_ALIVE;
}

void weir__lane_ended(struct weir__lane *lane)
{
    struct weir_map *map = lane->map;
    int blameless = never_had_them(lane);
    char how[300];

    lane->is_over = 1;
    if (lane->worker.state == WEIR__WORKER_DYING)
        return;
    map->lanes.count--;
    if (weir__lane_owes(lane)) {
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
