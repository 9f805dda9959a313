/* A worker's records in flight, and how they leave: answered, quarantined or dead. */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "map/map.h"
#include "map/record_keys.h"

enum {
    RESTART_MS = 10, /* delay if a record may have killed the worker; doubles up to */
    RESTART_MOST_MS = 640,
    NOTICE_MS = 1000,             /* no worker runs for this long: that is reported */
    KEPT_BYTES = 4 * 1024 * 1024, /* of records that a worker has left out, until it ends */
    CANNOT_EXECUTE = 126,         /* a launcher's status if the program cannot be executed; 127:
                                   * not found */
    WAS_KILLED = 128, /* above: a shell's status after a signal, or ssh's after a lost link */
};

/* --- How much it may have ---------------------------------------------------- */

int weir__lane_is_live(const struct weir__lane *lane)
{
    return !lane->is_over && lane->worker.state == WEIR__WORKER_ALIVE;
}

int weir__lane_has_begun(const struct weir__lane *lane)
{
    if (lane->protocol->has_begun != NULL)
        return lane->protocol->has_begun(lane);
    return lane->answered > 0 || (!lane->map->is_launched && weir__worker_has_read(&lane->worker));
}

/* A worker may answer in any order: of two records with the same key it would be unknown which
 * reply is whose. */
int weir__lane_refuses(const struct weir__lane *lane, const struct weir__record *record)
{
    return lane->keys != NULL && record != NULL && weir__keys_have(&lane->keys->table, record);
}

size_t weir__lane_ahead(const struct weir__lane *lane)
{
    return lane->protocol->ahead != NULL ? lane->protocol->ahead(lane) : lane->flight.count;
}

static int is_full(const struct weir__lane *lane)
{
    const struct weir_map_options *options = &lane->map->options;
    size_t count = weir__lane_ahead(lane), bytes = lane->flight.bytes;

    if (count < lane->flight.count) { /* the others have been left out, so far */
        if (bytes + lane->flight.count * sizeof *lane->flight.first >= KEPT_BYTES)
            return 1;
        bytes = bytes / lane->flight.count * count;
    }
    return count >= options->window || bytes >= options->window_bytes
           || count * lane->reply_size >= options->window_bytes
           || weir__worker_unsent(&lane->worker) >= options->window_bytes
           || weir__worker_unsent(&lane->worker) >= WEIR__LANE_UNSENT;
}

int weir__lane_is_full(const struct weir__lane *lane)
{
    return is_full(lane);
}

int weir__lane_has_room(const struct weir__lane *lane)
{
    size_t window =
        lane->protocol->window != NULL ? lane->protocol->window(lane) : lane->pace.window;

    return lane->worker.in_fd >= 0 && weir__lane_ahead(lane) < window && weir__lane_is_live(lane)
           && lane->ghosts == 0 && (lane->flight.count == 0 || !is_full(lane));
}

/* --- Answered ---------------------------------------------------------------- */

void weir__lane_vouch(struct weir__lane *lane)
{
    struct weir__lanes *lanes = &lane->map->lanes;

    weir__seat_succeeded(lane->seat);
    lanes->fruitless.failures = 0;
    weir__supervisor_succeeded(&lanes->supervisor);
    lanes->has_answered = 1;
}

void weir__lane_note_reply(struct weir__lane *lane, size_t length, int64_t took_ns)
{
    weir__lane_vouch(lane);
    lane->answered++;
    lane->done++;
    lane->has_kept_up |= lane->flight.count == 0 && lane->worker.state == WEIR__WORKER_ALIVE;
    lane->reply_size -= lane->reply_size / 64;
    if (length > lane->reply_size)
        lane->reply_size = length;
    weir__latency_count(&lane->map->latency, took_ns);
}

/* --- Not answered ------------------------------------------------------------ */

/* Quarantines its records: each is sent again, alone. */
static void suspect_all(struct weir__lane *lane)
{
    struct weir_map *map = lane->map;

    if (lane->protocol->forget != NULL)
        lane->protocol->forget(lane);
    map->report.redelivered += lane->flight.count;
    weir__queue_merge(&map->lanes.suspects, &lane->flight);
    weir__line_splitter_clear(&lane->lines);
}

/* The only record that the worker had since it was sent caused its death or a timeout. Counts a
 * failure; returns 1 if that was the last allowed one. */
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

/* Whether the worker never got its records: it did not start, or died with all of them unread.
 * Then no record can have caused it. */
static int never_had_them(const struct weir__lane *lane)
{
    if (lane->worker.result.end == WEIR_NOT_STARTED)
        return 1;
    if (lane->protocol->never_had_them != NULL)
        return lane->protocol->never_had_them(lane);
    return lane->flight.count > 0 && lane->worker.left_unread >= lane->flight.bytes;
}

/* Whether there is a worker that works, or one started before until_ns that may yet begin: those
 * started later would prolong the wait forever. */
static int has_hope(const struct weir__lane *but, int64_t until_ns)
{
    for (const struct weir__lane *lane = but->map->lanes.first; lane != NULL; lane = lane->next)
        if (lane != but && !lane->is_over && lane->worker.state != WEIR__WORKER_DYING
            && (lane->started_ns < until_ns || weir__lane_has_begun(lane)))
            return 1;
    return 0;
}

/* No need to wait for the next one to fail like that. */
static int cannot_be_executed(const struct weir__lane *lane)
{
    const struct weir_result *result = &lane->worker.result;

    return result->end == WEIR_NOT_STARTED
           || (lane->worker.exited && result->end == WEIR_EXITED
               && (result->code == CANNOT_EXECUTE || result->code == CANNOT_EXECUTE + 1));
}

/* No worker has run for a second. */
static void report_failing(struct weir__lane *lane, const char *how, const char *tail)
{
    weir__map_notice(lane->map, WEIR__NOTICE_START,
                     "no worker can be started: %.300s%s%.200s: retried for %g s", how,
                     tail[0] != '\0' ? "; stderr: " : "", tail,
                     (double)lane->map->lanes.supervisor.patience_ms / 1000);
}

/* A worker ended, or was given up.  Without a reply a record may have caused that, where
 * workers run at all; otherwise, when none has run for some time, none can. */
static void note_loss(struct weir__lane *lane, const char *how, int blameless)
{
    struct weir_map *map = lane->map;
    struct weir__lanes *lanes = &map->lanes;
    struct weir__supervisor *supervisor = &lanes->supervisor;
    int64_t now_ns = weir__clock_ns(), until_ns;
    char tail[200];

    if (lane->answered > 0) {
        weir__supervisor_put_off(supervisor, lane->seat, now_ns);
        return;
    }
    weir__backoff_failed(&lanes->fruitless, now_ns, RESTART_MS, RESTART_MOST_MS);
    if (lanes->has_answered && !blameless) {
        weir__supervisor_succeeded(supervisor);
        lane->seat->backoff.next_ns = lanes->fruitless.next_ns;
        return;
    }
    weir__supervisor_put_off(supervisor, lane->seat, now_ns);
    until_ns = weir__supervisor_failed(supervisor, now_ns,
                                       !lanes->has_answered && cannot_be_executed(lane));
    weir__worker_tail(&lane->worker, tail, sizeof tail);
    if (!supervisor->is_hopeless && (now_ns < until_ns || has_hope(lane, until_ns))) {
        if (now_ns - supervisor->failing_since_ns >= (int64_t)NOTICE_MS * 1000000
            && !has_hope(lane, until_ns))
            report_failing(lane, how, tail);
        return;
    }
    weir__map_end(map, 4, WEIR_STOP_NONE, "the worker cannot run: %s%s%s", how,
                  tail[0] != '\0' ? "; stderr: " : "", tail);
}

/* --- The worker goes --------------------------------------------------------- */

void weir__lane_stop(struct weir__lane *lane, int64_t grace_ms)
{
    if (lane->worker.state != WEIR__WORKER_DYING) {
        lane->map->lanes.count--;
        lane->seat->worker = NULL;
    }
    weir__worker_stop(&lane->worker, grace_ms);
}

void weir__lane_give_up_unheard(struct weir__lane *lane, const char *how)
{
    weir__lane_stop(lane, lane->map->options.grace_ms);
    note_loss(lane, how, 1);
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
    note_loss(lane, how, 0);
    if (!count_failure(lane, reason) && lane->flight.count > 0)
        lane->map->report.retries++;
    suspect_all(lane);
}

void weir__lane_desync(struct weir__lane *lane)
{
    lane->map->report.desyncs++;
    weir__lane_give_up(lane, "desync",
                       "it printed a line that is not a reply: it must print one line of JSON for "
                       "each record, and nothing else");
}

/* It is unknown which record has no reply, or two. */
void weir__lane_distrust(struct weir__lane *lane, const char *what, const char *advice)
{
    struct weir_map *map = lane->map;

    map->report.desyncs++;
    if (map->end.untrusted_line == 0 || lane->since_line < map->end.untrusted_line)
        map->end.untrusted_line = lane->since_line;
    weir__map_end(map, 3, WEIR_STOP_NONE,
                  "desync: %s: from the record in line %llu on the output cannot be trusted: %s",
                  what, (unsigned long long)lane->since_line, advice);
}

void weir__lane_take_back(struct weir__lane *lane)
{
    struct weir_map *map = lane->map;
    int was_alone = lane->flight.first->attempts > 0;

    if (lane->protocol->forget != NULL)
        lane->protocol->forget(lane);
    lane->ghosts += lane->flight.count;
    map->report.redelivered += lane->flight.count;
    weir__queue_merge(was_alone ? &map->lanes.suspects : &map->in.returned, &lane->flight);
}

int weir__lane_owes(const struct weir__lane *lane)
{
    return lane->flight.count > 0 || lane->worker.state == WEIR__WORKER_ALIVE;
}

/* Whether it ended by itself because its input did. One that answered nothing and failed may
 * never have begun. */
static int ended_with_its_input(const struct weir__lane *lane)
{
    const struct weir_result *result = &lane->worker.result;

    return lane->worker.state == WEIR__WORKER_CLOSING && lane->worker.left_unread == 0
           && result->end == WEIR_EXITED && result->code <= WAS_KILLED
           && (weir__lane_ended_well(lane) || lane->answered > 0);
}

/* grep exits with 1 and prints nothing if it finds nothing. */
int weir__lane_ended_well(const struct weir__lane *lane)
{
    const struct weir_result *result = &lane->worker.result;

    return result->end == WEIR_EXITED
           && (result->code == 0
               || (result->code == 1 && lane->answered == 0
                   && lane->worker.state == WEIR__WORKER_CLOSING
                   && lane->worker.errors.total == 0));
}

void weir__lane_died(struct weir__lane *lane)
{
    const struct weir_result *result = &lane->worker.result;
    int blameless = never_had_them(lane);
    int left = weir__lane_ended_well(lane) && !lane->map->is_launched;
    char how[300];

    if (lane->flight.count > 0 && !left)
        lane->map->report.crashes++;
    weir_result_sentence(result, how, sizeof how);
    if (left && !blameless && lane->flight.count == 1 && lane->is_alone)
        weir__lane_vouch(lane); /* it runs and ends well: the record is to blame */
    else
        note_loss(lane, how, blameless);
    if ((blameless || !count_failure(lane, left ? "no reply" : "crash")) && lane->flight.count > 0)
        lane->map->report.retries++;
}

void weir__lane_ended(struct weir__lane *lane)
{
    lane->is_over = 1;
    if (lane->worker.state == WEIR__WORKER_DYING)
        return;
    lane->map->lanes.count--;
    lane->seat->worker = NULL;
    if (lane->flight.count > 0 && lane->protocol->left_out != NULL && ended_with_its_input(lane))
        lane->protocol->left_out(lane);
    else if (weir__lane_owes(lane))
        weir__lane_died(lane);
    suspect_all(lane);
}
