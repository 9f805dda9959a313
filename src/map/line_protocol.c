/* A worker that answers each line with a line, in order. */
#include "config.h"

#include <stdio.h>

#include "map/map.h"
#include "rpc/rpc_parse.h"
#include "text/json_validate.h"
#include "work/attention.h"

enum {
    PATIENCE_MS = 50,        /* nothing moves: the worker may be buffering its output */
    CLOSE_MS = 300,          /* the same before its input is closed */
    START_CLOSE_MS = 2000,   /* the same before the first reply */
    LAUNCH_CLOSE_MS = 10000, /* the same with a launcher, which reads ahead */
    END_MS = 50,             /* the same at the end of the input */
    STEADY_END_MS = 10,      /* and its rate is known from enough replies */
    STEADY_REPLIES = 16,
    KEYED_MS = 2,        /* one that may leave records out: before it gets more */
    KEYED_CLOSE_MS = 10, /* or the end of its input */
    BYTES_A_MS = 8192,   /* one more millisecond for this many bytes */
    STEADY_MS = 25,      /* interval of checks once its rate is known */
    HINT_MS = 1000,      /* report a worker that has read everything and is silent */
    UNSURE_MS = 1000,    /* unknown whether it waits for input: time before its end */
    UNSURE_REPLIES = 10, /* the same in multiples of the time per reply */
    BUSY_MS = 30000,     /* it is busy: time before its end, or one that polls would hang */
    LOOKS = 8,           /* checks in the time that it has been silent */
};

/* In the order of enum weir_map_format. */
static const char *const advice[] = {
    ("a worker prints one line for each record: null with --drop-null for one to be left out, or "
     "name a member that each reply keeps with --key, such as --key /id --drop-missing"),
    "a worker prints one line for each record, an empty one too",
    "a worker prints one reply for each record, and ends it with NUL",
};

int weir__lines_is_good(const struct weir_map *map, const char *bytes, size_t length)
{
    if (map->in.reader.is_opaque)
        return 1;
    if (map->options.encoding == WEIR_MAP_RAW)
        return weir__json_syntax(bytes, length, NULL);
    return weir__json_syntax_utf8(bytes, length, NULL);
}

/* A worker with functions that is not called answers each line with an error. */
static int speaks_rpc(struct weir__map_worker *worker, const struct weir__record *record,
                      const char *bytes, size_t length)
{
    static const char *const names[] = {"jsonrpc", "error"};
    struct weir__slice reply = {bytes, length}, sent = {record->bytes, record->length - 1};
    struct weir__slice found[2], asked = {NULL, 0};

    if (weir__slice_type(reply) != 'o')
        return 0;
    weir__object_get(reply, names, found, 2);
    if (!weir__slice_is(found[0], "2.0") || weir__slice_type(found[1]) != 'o')
        return 0;
    if (!worker->map->options.unchecked && weir__slice_type(sent) == 'o')
        weir__object_get(sent, names, &asked, 1);
    return asked.bytes == NULL; /* the records may be requests themselves */
}

static int take_line(struct weir__map_worker *worker, const char *bytes, size_t length,
                     int64_t now_ns)
{
    struct weir_map *map = worker->map;
    struct weir__record *record = worker->inflight.first;
    enum weir__outcome outcome = WEIR__ANSWERED;

    if (!weir__lines_is_good(map, bytes, length - 1)) {
        weir__map_worker_desync(worker);
        return 0;
    }
    if (worker->ghosts > 0) {
        worker->ghosts--;
        worker->answered++;
        weir__map_worker_mark_healthy(worker);
        return 1;
    }
    if (worker->late_ns > 0) { /* too late and ignored: only their number counts */
        worker->late_replies++;
        return 1;
    }
    if (record == NULL) {
        weir__map_worker_end_untrusted(worker, "a worker gave more replies than it had records",
                                       map->in.reader.is_nul
                                           ? "make it end one reply for each record with NUL"
                                           : "make it print one line for each record");
        weir__map_worker_retire(worker);
        return 0;
    }
    if (worker->answered == 0 && !map->in.reader.is_opaque
        && speaks_rpc(worker, record, bytes, length - 1)) {
        weir__map_end(map, 4, WEIR_STOP_NONE,
                      "the worker cannot run: it answers with a JSON-RPC error, as a worker with "
                      "functions does: name the function to call with --call NAME");
        return 0;
    }
    weir__record_queue_pop(&worker->inflight);
    weir__map_worker_note_reply(worker, record, length, now_ns - worker->turn_since_ns, now_ns);
    if (map->options.drop_null && weir__json_is_null(bytes, length - 1))
        outcome = WEIR__DROPPED;
    weir__map_settle(map, record, outcome, bytes, outcome == WEIR__ANSWERED ? length : 0);
    return 1;
}

/* Unless there was only one record, it is unknown which has no reply. */
static void left_out(struct weir__map_worker *worker)
{
    unsigned long long replies = worker->answered + worker->late_replies;
    char what[200];

    if (worker->late_replies >= worker->inflight.count) { /* all of them, late */
        worker->map->report.timeouts++;
        worker->map->report.retries++;
        return;
    }
    if (worker->inflight.count == 1 && worker->is_alone) { /* it is known which */
        weir__map_worker_died(worker);
        return;
    }
    snprintf(what, sizeof what, "a worker gave %llu repl%s to %llu records and ended", replies,
             replies == 1 ? "y" : "ies",
             (unsigned long long)(worker->answered + worker->inflight.count));
    weir__map_worker_end_untrusted(worker, what, advice[worker->map->options.format]);
}

/* --- One that keeps its replies back ----------------------------------------- */

/* How long nothing may move before a worker that has kept up gets more records: probably it is slow
 * with this one, as it was with others. Each time it gets more it has as long again. */
static int64_t usual_ms(const struct weir__map_worker *worker)
{
    int64_t usual_ns = 2 * worker->longest_ns, given_ns = worker->moved_ns - worker->turn_since_ns;
    int64_t ms = (usual_ns > given_ns ? usual_ns : given_ns) / 1000000;

    return ms < PATIENCE_MS ? PATIENCE_MS : ms < BUSY_MS ? ms : BUSY_MS;
}

/* How long nothing may move before the worker gets more records, or the end of its input. A
 * worker's first window grows fast: what it holds back at a time is not known yet, and a slow
 * one has more unread before it has much. One that reads ahead all it can get, like ssh, has the
 * time to start. At the end of the input its end comes soon, but not before it could fail on a
 * record: then it is known to have failed on that one, and not to have left others out. */
static int64_t patience_ms(const struct weir__map_worker *worker, int must_end, int has_enough)
{
    if (worker->is_ending && worker->map->workers.quarantined.count == 0)
        return worker->answered < STEADY_REPLIES ? END_MS : STEADY_END_MS;
    if (worker->keys != NULL && worker->map->workers.quarantined.count == 0)
        return has_enough ? KEYED_CLOSE_MS : KEYED_MS;
    if (worker->answered > 0 && !must_end && worker->has_kept_up)
        return usual_ms(worker);
    if (worker->answered > 0)
        return has_enough ? CLOSE_MS : PATIENCE_MS;
    if (must_end)
        return has_enough && !worker->map->workers.answers_at_end ? START_CLOSE_MS : CLOSE_MS;
    return 1 + (int64_t)(worker->inflight.bytes / BYTES_A_MS);
}

/* It has read everything and has not answered for a second. */
static void give_hint(const struct weir__map_worker *worker)
{
    if (!worker->has_kept_up && !worker->map->options.line_buffered
        && !worker->map->options.pty_output)
        weir__map_notice(worker->map, WEIR__NOTICE_BUFFERS,
                         "a worker has read its records and has not answered for a second: if it "
                         "is not just slow, it keeps its output in a buffer: have it flush each "
                         "line, or try --line-buffered");
}

/* Whether its input may be closed. A failure after that counts as replies left out, so a worker
 * that is busy with a record, and may yet fail on it, keeps its input. With keys, or with one
 * record alone, it is clear whose failure it is. */
static int may_end(const struct weir__map_worker *worker, int64_t age_ms, int64_t quiet_ms,
                   int is_awaited)
{
    int64_t unsure_ms = worker->window.reply_ns / 1000000 * UNSURE_REPLIES;

    if ((worker->keys != NULL && !is_awaited) || (worker->inflight.count == 1 && worker->is_alone))
        return 1;
    switch (weir__attention_of(worker->process.result.pid)) {
    case WEIR__WAITING:
        return 1;
    case WEIR__BUSY:
        return age_ms >= BUSY_MS;
    case WEIR__UNSURE:
        break;
    }
    if (unsure_ms < UNSURE_MS)
        unsure_ms = UNSURE_MS;
    return quiet_ms >= (unsure_ms < BUSY_MS ? unsure_ms : BUSY_MS);
}

/* Many programs hold back their output until a buffer is full or their input ends: if nothing
 * moves they get more records, or the end. One with unread input is busy or still starting, and
 * waits for nothing. With a launcher it is unknown whether it has started. */
int64_t weir__lines_unstick(struct weir__map_worker *worker, int64_t now_ns)
{
    const struct weir_map *map = worker->map;
    int is_silent = map->is_launched && worker->answered == 0;
    int has_enough = weir__map_worker_is_full(worker)
                     || weir__reorder_is_full(&map->reorder, map->options.reorder_bytes);
    int is_awaited = !has_enough && weir__map_worker_refuses(worker, map->in.returned.first);
    int must_end = map->workers.quarantined.count > 0 || worker->inflight.first->attempts > 0
                   || has_enough || worker->is_ending || is_awaited;
    int64_t patience_ns =
        (is_awaited ? CLOSE_MS : patience_ms(worker, must_end, has_enough)) * (int64_t)1000000;
    int64_t age_ns = now_ns - worker->turn_since_ns, quiet_ns;

    if (is_silent && !must_end
        && worker->window.records
               >= (map->workers.answers_at_end ? map->workers.launch_window : 1)) {
        must_end = 1;
        patience_ns = (int64_t)(map->workers.answers_at_end ? CLOSE_MS : LAUNCH_CLOSE_MS) * 1000000;
    }
    if (weir__worker_unread(&worker->process) > 0
        || weir__worker_has_output(&worker->process)) { /* we were late */
        worker->moved_ns = now_ns;
    } else {
        if (age_ns >= (int64_t)HINT_MS * 1000000 && !must_end)
            give_hint(worker);
        if (worker->is_ending && worker->inflight.count == 1 && worker->is_alone)
            patience_ns = 0; /* whatever happens, this record is the cause */
        quiet_ns = now_ns - worker->moved_ns < age_ns ? now_ns - worker->moved_ns : age_ns;
        if (quiet_ns >= patience_ns) {
            if (must_end && worker->process.out_fd < 0)
                ; /* it has closed its output, which is checked elsewhere */
            else if (must_end && !may_end(worker, age_ns / 1000000, quiet_ns / 1000000, is_awaited))
                return quiet_ns < (int64_t)LOOKS * STEADY_MS * 1000000
                           ? 1 + quiet_ns / (LOOKS * 1000000)
                           : STEADY_MS;
            else if (must_end)
                weir__worker_close_input(&worker->process);
            else if (weir__map_worker_ahead(worker) >= worker->window.records)
                worker->window.records *= 2;
            worker->moved_ns = now_ns;
        }
    }
    quiet_ns = now_ns - worker->moved_ns < age_ns ? now_ns - worker->moved_ns : age_ns;
    if (worker->is_ending || worker->keys != NULL)
        return patience_ns > quiet_ns ? (patience_ns - quiet_ns) / 1000000 + 1 : 1;
    if (worker->answered > 0 || must_end || age_ns >= (int64_t)8 * STEADY_MS * 1000000)
        return STEADY_MS;
    return 1 + age_ns / 8000000;
}

const struct weir__protocol weir__protocol_lines = {
    .around = 1, /* its end */
    .take_line = take_line,
    .left_out = left_out,
    .unstick = weir__lines_unstick,
};
