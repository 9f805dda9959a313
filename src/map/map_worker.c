/* A worker of a map: start, records, replies, checks and end. */
#include "config.h"

#include "map/map_worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
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
static void note_window(struct weir__map_worker *worker, int64_t now_ns, int64_t waited_ns,
                        size_t replies, int is_first)
{
    struct weir_map *map = worker->map;

    worker->longest_ns -= worker->longest_ns / 64;
    if (waited_ns > worker->longest_ns)
        worker->longest_ns = waited_ns;
    worker->turn_since_ns = worker->moved_ns = now_ns;
    worker->cut_off_ns = 0; /* it still answers what it has read */
    worker->node_is_due |= is_first && map->options.node_from != NULL;
    weir__map_worker_find_node(worker);
    if (is_first && worker->process.state == WEIR__WORKER_CLOSING) {
        if (map->workers.answers_at_end && worker->window.records >= map->workers.launch_window
            && map->workers.launch_window < map->options.window)
            map->workers.launch_window *= 2; /* the next one can take more at a time */
        map->workers.answers_at_end = 1;
    }
    weir__window_note(&worker->window, waited_ns, replies);
    weir__window_fit(&worker->window, replies, map->options.window);
    if (worker->window.records > map->workers.start_window && replies > 1)
        map->workers.start_window =
            worker->window.records < SURE_WINDOW ? worker->window.records : SURE_WINDOW;
}

static void bytes_came(void *owner, const char *bytes, size_t length)
{
    struct weir__map_worker *worker = owner;
    struct weir_map *map = worker->map;
    int64_t now_ns = weir__clock_ns();
    int64_t waited_ns = now_ns - worker->turn_since_ns;
    uint64_t answered = worker->answered, done = worker->done;
    const char *end = bytes + length, *line;
    ssize_t got = 0;
    int is_useful = 1;

    while (is_useful && (got = weir__line_splitter_next(&worker->lines, &bytes, end, &line)) > 0)
        is_useful = worker->protocol->take_line(worker, line, (size_t)got, now_ns);
    if (got == WEIR_ERR_NOMEM) {
        struct weir_error error;

        weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory for a reply");
        weir__map_fail(map, &error);
        return;
    }
    if (got < 0)
        weir__map_worker_desync(worker);
    if (map->out.replies.length >= FLUSH_SIZE)
        weir__map_output_flush(map); /* frees memory for what is written */
    if (worker->answered > answered)
        note_window(worker, now_ns, waited_ns,
                    worker->done > done ? (size_t)(worker->done - done) : 1, answered == 0);
    map->changed(map);
}

/* Emits a line of its stderr as an event. */
static void emit_line(void *owner, const struct weir_line *line)
{
    const struct weir__map_worker *worker = owner;
    const struct weir_map *map = worker->map;

    weir__context_tell(map->operation.weir, (struct weir_event){
                                                .kind = WEIR_EVENT_STDERR_LINE,
                                                .stage = map->label.stage,
                                                .name = map->label.name,
                                                .pid = worker->process.result.pid,
                                                .number = !map->label.is_quiet,
                                                .text = line->bytes,
                                                .length = line->length,
                                            });
}

static void pid_is_known(void *owner)
{
    struct weir__map_worker *worker = owner;

    weir__map_worker_find_node(worker);
    if (worker->map->options.warm) /* the next may be forked */
        worker->map->changed(worker->map);
}

static void has_room(void *owner)
{
    struct weir__map_worker *worker = owner;

    worker->map->changed(worker->map);
}

static int owes(void *owner)
{
    return weir__map_worker_owes(owner);
}

static void is_over(void *owner)
{
    struct weir__map_worker *worker = owner;

    weir__map_worker_ended(worker);
    worker->map->changed(worker->map);
}

static const struct weir__worker_ops worker_ops = {
    .on_bytes = bytes_came,
    .on_started = pid_is_known,
    .on_room = has_room,
    .owes = owes,
    .on_over = is_over,
};

/* The same, with lines of stderr as events. */
static const struct weir__worker_ops line_ops = {
    .on_bytes = bytes_came,
    .on_started = pid_is_known,
    .on_stderr_line = emit_line,
    .on_room = has_room,
    .owes = owes,
    .on_over = is_over,
};

/* --- Its life ---------------------------------------------------------------- */

struct weir__seat *weir__map_worker_find_seat(const struct weir_map *map, int64_t now_ns)
{
    struct weir__seat *seat = weir__supervisor_seat(&map->workers.supervisor, NULL);

    return seat != NULL && seat->backoff.next_ns <= now_ns ? seat : NULL;
}

struct weir__map_worker *weir__map_worker_new(struct weir_map *map, struct weir__seat *seat,
                                              const struct weir__protocol *protocol)
{
    struct weir__map_worker *worker = calloc(1, sizeof *worker);

    if (worker == NULL)
        return NULL;
    worker->map = map;
    worker->seat = seat;
    worker->protocol = protocol;
    weir__record_queue_init(&worker->inflight);
    return worker;
}

int weir__map_worker_launch(struct weir__map_worker *worker,
                            const struct weir__worker_options *options,
                            const struct weir__worker_ops *ops, struct weir_error *error)
{
    struct weir_map *map = worker->map;
    struct weir__map_worker **last = &map->workers.first;
    int status;

    worker->started_ns = worker->moved_ns = worker->turn_since_ns = weir__clock_ns();
    status = weir__worker_start(&worker->process, map->operation.weir, options, ops, worker, error);
    if (status == 0 && worker->protocol->begin != NULL && worker->protocol->begin(worker) < 0)
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a worker");
    if (status < 0)
        return status;
    while (*last != NULL)
        last = &(*last)->next;
    *last = worker;
    map->workers.count++;
    worker->seat->worker = worker;
    worker->starts = ++worker->seat->starts;
    return 0;
}

struct weir__map_worker *weir__map_worker_start(struct weir_map *map, struct weir__seat *seat,
                                                struct weir_error *error)
{
    const struct weir__protocol *protocol = map->options.call != NULL  ? &weir__protocol_calls
                                            : map->options.key != NULL ? &weir__protocol_keyed
                                                                       : &weir__protocol_lines;
    struct weir__map_worker *worker = weir__map_worker_new(map, seat, protocol);
    const struct weir__worker_ops *ops = &worker_ops;
    struct weir__worker_options options = {
        .command = &map->command,
        .grace_ms = map->options.grace_ms,
        .stop_sequence = &map->stop,
        .drain_ms = 1000,
        .stderr_kept = STDERR_KEPT,
        .forwarder = &map->forwarder,
        .pipe_size = PIPE_SIZE,
        .pty_output = map->options.pty_output,
        .is_launched = map->is_launched,
        .slot = weir__supervisor_slot(&map->workers.supervisor, seat),
        .stop = map->stop_command.argv != NULL ? &map->stop_command : NULL,
    };

    int status = 0;

    if (worker == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a worker");
        return NULL;
    }
    worker->lines.longest = map->options.max_record + protocol->around;
    if (worker->lines.longest < protocol->around || worker->lines.longest > MAX_REPLY)
        worker->lines.longest = MAX_REPLY;
    worker->lines.is_nul = map->in.reader.is_nul;
    worker->window.records = map->workers.start_window;
    /* With call it reports its start; for others it may not matter. */
    worker->has_started =
        map->options.call != NULL || map->options.start_timeout_ms == WEIR_FOREVER;
    if (map->options.stderr_fd < 0 && map->operation.weir->on_event != NULL)
        ops = &line_ops;
    if (map->options.warm)
        status = weir__warm_connect(&map->workers.warm, map->operation.weir, &options, error);
    if (status == 0)
        status = weir__map_worker_launch(worker, &options, ops, error);
    if (options.warm > 0)
        weir__close(&options.warm);
    if (status == 0)
        return worker;
    weir__map_worker_free(worker);
    return NULL;
}

void weir__map_worker_free(struct weir__map_worker *worker)
{
    weir__record_queue_clear(&worker->inflight);
    weir__line_splitter_clear(&worker->lines);
    if (worker->protocol->free != NULL)
        worker->protocol->free(worker);
    weir__worker_clear(&worker->process);
    free(worker->node);
    free(worker);
}

static void close_input(struct weir__map_worker *worker)
{
    if (worker->protocol->is_busy != NULL && worker->protocol->is_busy(worker))
        return; /* a stream may still need credit */
    if (weir__map_worker_is_live(worker))
        weir__worker_close_input(&worker->process);
}

void weir__map_worker_finish(struct weir__map_worker *worker)
{
    if (worker->inflight.count == 0 || worker->protocol->unstick == NULL) {
        close_input(worker);
    } else if (weir__map_worker_is_live(worker) && !worker->is_ending) {
        worker->is_ending = 1;
        weir__timer_start(worker->map->run.tick, 1);
    }
}

void weir__map_worker_pause(struct weir__map_worker *worker, int pause)
{
    if (!worker->is_over)
        weir__worker_pause(&worker->process, pause && worker->process.state != WEIR__WORKER_DYING);
}

/* --- Records for it ---------------------------------------------------------- */

static void send(struct weir__map_worker *worker, struct weir__record *record)
{
    struct weir_map *map = worker->map;
    struct weir_error error;

    worker->is_alone = worker->inflight.count == 0;
    if (weir__map_worker_ahead(worker) == 0)
        worker->turn_since_ns = weir__clock_ns();
    if (worker->is_alone)
        worker->since_line = record->line;
    if (worker->keys != NULL)
        weir__record_queue_push_linked(&worker->inflight, record);
    else
        weir__record_queue_push(&worker->inflight, record);
    if ((worker->protocol->send != NULL
             ? worker->protocol->send(worker, record)
             : weir__worker_send(&worker->process, record->bytes, record->length))
        < 0) {
        weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory to send records");
        weir__map_fail(map, &error);
    }
    if (weir__worker_unsent(&worker->process) >= WEIR__MAP_WORKER_UNSENT)
        weir__worker_flush(&worker->process);
}

size_t weir__map_worker_fill(struct weir__map_worker *worker, size_t count)
{
    struct weir_map *map = worker->map;
    struct weir__record *record;
    size_t sent = 0;

    while (sent < count && map->end.status == 0 && weir__map_worker_has_room(worker)
           && weir__map_input_take(map, &record) == 1) {
        if (weir__map_worker_refuses(worker, record)) {
            weir__record_queue_put(&map->in.returned, record);
            break;
        }
        send(worker, record);
        sent++;
    }
    return sent;
}

/* Only until some worker has answered, other records are tried first: the quarantined one may be
 * the one that kills workers. */
void weir__map_worker_fill_alone(struct weir__map_worker *worker)
{
    struct weir_map *map = worker->map;
    struct weir__record *record;

    if (!weir__map_worker_is_live(worker) || worker->process.in_fd < 0 || worker->inflight.count > 0
        || (worker->keys != NULL && worker->ghosts > 0))
        return;
    if (map->workers.has_answered || weir__map_input_take(map, &record) != 1)
        record = weir__record_queue_pop(&map->workers.quarantined);
    send(worker, record);
}

/* --- Time -------------------------------------------------------------------- */

int weir__map_worker_coalesce(struct weir__map_worker *worker)
{
    size_t count = weir__map_worker_ahead(worker);
    size_t size = count > 0 ? worker->inflight.bytes / worker->inflight.count : 0;
    int coalesce =
        weir__map_worker_is_live(worker)
        && weir__window_may_coalesce(&worker->window, count,
                                     size > worker->reply_size ? size : worker->reply_size,
                                     worker->process.pipe_size);

    if (!worker->is_over)
        weir__worker_coalesce(&worker->process, coalesce);
    return coalesce;
}

void weir__map_worker_wake(struct weir__map_worker *worker)
{
    if (worker->is_over || !worker->process.is_coalescing)
        return;
    worker->window.flows = 0;
    weir__worker_read(&worker->process);
}

/* It can no longer answer or read, and has had time to exit. */
static int is_cut_off_too_long(struct weir__map_worker *worker, int64_t now_ns)
{
    if (!weir__worker_is_cut_off(&worker->process))
        return 0;
    if (worker->cut_off_ns == 0)
        worker->cut_off_ns = now_ns;
    return now_ns - worker->cut_off_ns >= (int64_t)CUT_OFF_MS * 1000000;
}

/* A launcher may take long. Its worker has started once it has read some input or answered; the
 * time of the first record begins then. Returns 0 until then. */
static int has_started(struct weir__map_worker *worker, int64_t now_ns)
{
    if (worker->answered > 0 || weir__worker_has_read(&worker->process)
        || weir__worker_has_output(&worker->process)) {
        worker->has_started = 1;
        worker->turn_since_ns = now_ns;
        return 1;
    }
    if (now_ns - worker->started_ns >= worker->map->options.start_timeout_ms * 1000000) {
        worker->map->report.timeouts++;
        weir__map_notice(worker->map, WEIR__NOTICE_LATE_START,
                         "a worker (pid %ld) did not start within %g s: it is stopped, and another "
                         "is started",
                         (long)worker->process.result.pid,
                         (double)worker->map->options.start_timeout_ms / 1000);
        weir__map_worker_give_up_blameless(worker, "it did not start in time");
    }
    return 0;
}

/* Its first record is late. If the worker may have left one out before, its input is closed
 * first: then it ends without further replies. Returns when to check again. */
static int64_t handle_late(struct weir__map_worker *worker, int64_t now_ns)
{
    int may_lack_one =
        worker->protocol->left_out != NULL && !(worker->inflight.count == 1 && worker->is_alone);

    if (may_lack_one && worker->late_ns == 0) {
        worker->late_ns = now_ns;
        close_input(worker);
    }
    if (may_lack_one && now_ns - worker->late_ns < (int64_t)LAST_WORD_MS * 1000000)
        return TICK_MS;
    worker->map->report.timeouts++;
    weir__map_worker_give_up(worker, "timeout", "it did not answer in time");
    return TICK_MS;
}

static int is_late(const struct weir__map_worker *worker, int64_t now_ns)
{
    int64_t timeout_ms = worker->map->options.record_timeout_ms;
    int64_t turn_ns = worker->protocol->turn_ns != NULL ? worker->protocol->turn_ns(worker)
                                                        : worker->turn_since_ns;

    if (timeout_ms == WEIR_FOREVER || weir__map_worker_ahead(worker) == 0)
        return 0;
    return worker->late_ns > 0
           || (now_ns - turn_ns >= timeout_ms * 1000000
               && !weir__worker_has_output(&worker->process)); /* unread is not late */
}

int64_t weir__map_worker_tick(struct weir__map_worker *worker, int64_t now_ns)
{
    const struct weir__protocol *protocol = worker->protocol;

    if (worker->is_over || worker->process.state == WEIR__WORKER_DYING)
        return TICK_MS;
    if (protocol->tick != NULL && !protocol->tick(worker, now_ns))
        return TICK_MS;
    if (worker->inflight.count == 0 && worker->ghosts == 0)
        return TICK_MS;
    if (!worker->has_started && !has_started(worker, now_ns))
        return TICK_MS;
    if (worker->inflight.count == 0)
        return TICK_MS;
    if (is_late(worker, now_ns))
        return handle_late(worker, now_ns);
    if (is_cut_off_too_long(worker, now_ns)) {
        if (protocol->left_out != NULL && worker->keys == NULL
            && worker->process.state == WEIR__WORKER_CLOSING
            && worker->process.out_fd < 0) { /* it cannot answer any more */
            protocol->left_out(worker);
            weir__map_worker_retire(worker);
            return TICK_MS;
        }
        worker->map->report.crashes++;
        weir__map_worker_give_up(worker, "crash", "it closed its input or output");
        return TICK_MS;
    }
    if (protocol->unstick == NULL || worker->process.state != WEIR__WORKER_ALIVE)
        return TICK_MS;
    return protocol->unstick(worker, now_ns);
}
