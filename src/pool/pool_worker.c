#include "config.h"

#include "pool/pool_worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/process_tree.h"
#include "pool/call.h"
#include "pool/call_answer.h"
#include "pool/call_stream.h"
#include "pool/errand.h"
#include "pool/worker_calls.h"

enum {
    LOST_MS = 50,   /* time to wait for the exit of one that closed its output */
    DRAIN_MS = 100, /* how long other processes may hold the outputs open afterwards */
    STDERR_KEPT = 4096,
    KEPT_ROOM = 4096, /* of an empty output buffer */
};

static struct weir_pool *pool_of(const struct weir__pool_worker *worker)
{
    return worker->group->pool;
}

pid_t weir__pool_worker_pid(const struct weir__pool_worker *worker)
{
    return worker->handshake.pid > 0 ? worker->handshake.pid : worker->child.result.pid;
}

uint64_t weir__pool_worker_rss_kb(const struct weir__pool_worker *worker)
{
    struct weir__process_stat stat;

    return weir__process_stat(worker->child.result.pid, &stat) == 0 ? (uint64_t)stat.resident_kb
                                                                    : 0;
}

const char *weir__pool_worker_state(const struct weir__pool_worker *worker)
{
    static const char *const names[] = {
        [WEIR__POOL_WORKER_STARTING] = "starting", [WEIR__POOL_WORKER_READY] = "ready",
        [WEIR__POOL_WORKER_RETIRING] = "retiring", [WEIR__POOL_WORKER_LOST] = "lost",
        [WEIR__POOL_WORKER_BROKEN] = "lost",       [WEIR__POOL_WORKER_ENDING] = "ending",
    };

    if (worker->state != WEIR__POOL_WORKER_READY)
        return names[worker->state];
    return worker->lent != 0 ? "lent" : worker->flights > 0 ? "busy" : "ready";
}

static void set_alarm(struct weir__pool_worker *worker, int64_t ms)
{
    weir__timer_heap_set(&pool_of(worker)->timers, &worker->timer, weir__clock_in_ms(ms));
}

/* Shrinks a buffer that was large once. */
static void shrink(struct weir__pool_worker *worker)
{
    if (worker->child.sending.length == 0 && worker->child.sending.capacity > KEPT_ROOM)
        weir__buffer_clear(&worker->child.sending);
}

void weir__pool_worker_flush(struct weir__pool_worker *worker)
{
    int was_behind = weir__pool_worker_is_behind(worker);

    worker->is_dirty = 0;
    if (worker->state == WEIR__POOL_WORKER_ENDING)
        return;
    weir__worker_flush(&worker->child);
    shrink(worker);
    if (was_behind && !weir__pool_worker_is_behind(worker))
        pool_of(worker)->stale |= WEIR__STALE_CALLS;
}

/* --- The end --------------------------------------------------------------- */

/* Calls whose first byte is among the last unread bytes were not read. */
static void settle_calls(struct weir__pool_worker *worker, uint64_t unread)
{
    uint64_t all = worker->child.all_sent, read_up_to = unread < all ? all - unread : 0;

    for (size_t i = 0; i < worker->slot_count; i++)
        if (worker->slots[i] != NULL)
            weir__call_lost(worker->slots[i], worker->slots[i]->offset >= read_up_to,
                            worker->reason);
}

/* Takes the worker out of service, whether or not its process still runs. */
static void mark_lost(struct weir__pool_worker *worker, uint64_t unread)
{
    pool_of(worker)->worker_ops->on_lost(worker, worker->was_starting);
    settle_calls(worker, unread);
    pool_of(worker)->stale |= WEIR__STALE_WAITS;
}

/* Closes the input: the worker finishes what it has read, and exits. */
static void close_input(struct weir__pool_worker *worker)
{
    if (pool_of(worker)->is_client) { /* a connection is closed as a whole */
        worker->is_our_end = 1;
        weir__pool_worker_stop(worker, 0);
        return;
    }
    worker->state = WEIR__POOL_WORKER_ENDING;
    worker->is_our_end = 1;
    weir__worker_close_input(&worker->child);
    set_alarm(worker, worker->reader.dialect->end_ms > 0 && !pool_of(worker)->is_hurried
                          ? worker->reader.dialect->end_ms
                          : pool_of(worker)->options.interrupt_grace_ms);
}

void weir__pool_worker_stop(struct weir__pool_worker *worker, int64_t grace_ms)
{
    weir__timer_heap_clear(&pool_of(worker)->timers, &worker->timer);
    worker->state = WEIR__POOL_WORKER_ENDING;
    weir__worker_stop(&worker->child, grace_ms);
}

void weir__pool_worker_settle(struct weir__pool_worker *worker)
{
    /* If it has closed its end of the pipe, this shows how much it has read. */
    uint64_t unread =
        worker->child.has_refused ? worker->child.left_unread : weir__worker_unsent(&worker->child);

    if (worker->state == WEIR__POOL_WORKER_BROKEN) {
        weir__pool_worker_stop(worker, pool_of(worker)->options.grace_ms);
        mark_lost(worker, unread);
    } else if (worker->state == WEIR__POOL_WORKER_RETIRING && worker->flights == 0
               && worker->lent == 0) {
        close_input(worker);
    }
}

void weir__pool_worker_retire(struct weir__pool_worker *worker)
{
    if (worker->state == WEIR__POOL_WORKER_STARTING) {
        worker->is_our_end = 1;
        weir__pool_worker_stop(worker, pool_of(worker)->options.grace_ms);
    } else if (worker->state == WEIR__POOL_WORKER_READY) {
        weir__timer_heap_clear(&pool_of(worker)->timers, &worker->timer);
        worker->state = WEIR__POOL_WORKER_RETIRING;
        if (worker->lent != 0)
            pool_of(worker)->borrower->recall(pool_of(worker)->borrower_context, worker);
        weir__call_free_places(worker);
        weir__pool_worker_settle(worker);
    }
}

static void unlink_dirty(struct weir__pool_worker *worker)
{
    struct weir__pool_worker **at = &pool_of(worker)->dirty;

    while (*at != NULL && *at != worker)
        at = &(*at)->next_dirty;
    if (*at != NULL)
        *at = worker->next_dirty;
    worker->is_dirty = 0;
}

void weir__pool_worker_free(struct weir__pool_worker *worker)
{
    if (worker->is_dirty)
        unlink_dirty(worker);
    if (worker->seat->worker == worker)
        worker->seat->worker = NULL;
    weir__timer_heap_leave(&pool_of(worker)->timers, &worker->timer);
    weir__worker_clear(&worker->child);
    weir__line_splitter_clear(&worker->lines);
    weir__handshake_clear(&worker->handshake);
    weir__errands_end(worker);
    free(worker->slots);
    free(worker);
}

static void go_on(struct weir__pool_worker *worker, enum weir__handshake_step step);

/* It has not become ready: the first wait may be for the time to ask once more. */
static void is_slow_to_start(struct weir__pool_worker *worker)
{
    int64_t timeout_ms = worker->group->kind.start_timeout_ms,
            quiet_ms = worker->handshake.quiet_ms;

    if (quiet_ms > 0 && quiet_ms < timeout_ms) {
        set_alarm(worker, timeout_ms - quiet_ms);
        go_on(worker, weir__handshake_quiet(&worker->handshake, &pool_of(worker)->scratch));
        return;
    }
    if (pool_of(worker)->is_client) {
        weir__pool_worker_break(worker, "does not respond: waited for its greeting: is it stopped "
                                        "or overloaded?");
        return;
    }
    weir__handshake_time_out(&worker->handshake, timeout_ms);
    weir__pool_worker_break(worker, "%s", worker->handshake.reason);
}

/* Called when the time allowed for its state is over. */
static void on_alarm(void *owner)
{
    struct weir__pool_worker *worker = owner;

    switch (worker->state) {
    case WEIR__POOL_WORKER_STARTING:
        is_slow_to_start(worker);
        break;
    case WEIR__POOL_WORKER_READY:
        worker->is_old = 1;
        pool_of(worker)->stale |= WEIR__STALE_WORKERS;
        break;
    case WEIR__POOL_WORKER_LOST:
        weir__pool_worker_break(worker, "closed its %s",
                                worker->child.has_refused ? "standard input" : "standard output");
        break;
    case WEIR__POOL_WORKER_ENDING:
        weir__worker_stop(&worker->child, pool_of(worker)->options.grace_ms);
        break;
    case WEIR__POOL_WORKER_BROKEN:
    case WEIR__POOL_WORKER_RETIRING:
        break;
    }
}

/* --- Its output ------------------------------------------------------------ */

static void break_protocol(void *owner, const char *line, size_t length, const char *reason)
{
    struct weir__pool_worker *worker = owner;

    weir__pool_worker_break(worker, "printed a line that is not a message (%s): %.*s", reason,
                            (int)(length < 80 ? length : 80), line);
}

static unsigned own_window(const struct weir__pool_worker *worker)
{
    unsigned window = worker->group->kind.window;

    return window > 0 ? window : worker->handshake.concurrency;
}

static void be_ready(struct weir__pool_worker *worker)
{
    const struct weir_pool_options *options = &pool_of(worker)->options;

    worker->last_id = worker->handshake.last_id;
    worker->window = own_window(worker);
    worker->state = WEIR__POOL_WORKER_READY;
    weir__timer_heap_clear(&pool_of(worker)->timers, &worker->timer);
    if (options->recycle_age_ms != WEIR_FOREVER)
        set_alarm(worker, options->recycle_age_ms);
    if (weir__errands_begin(worker) < 0) {
        weir__pool_worker_break(worker, "could not be asked for its functions: no memory");
        return;
    }
    pool_of(worker)->worker_ops->on_ready(worker);
}

static void go_on(struct weir__pool_worker *worker, enum weir__handshake_step step)
{
    switch (step) {
    case WEIR__HANDSHAKE_READY:
        if (pool_of(worker)->scratch.length > 0)
            weir__pool_worker_give(worker); /* the last words of the handshake */
        be_ready(worker);
        break;
    case WEIR__HANDSHAKE_MORE:
        weir__pool_worker_give(worker);
        break;
    case WEIR__HANDSHAKE_UNRELATED:
        pool_of(worker)->late++;
        break;
    case WEIR__HANDSHAKE_FAILED:
        weir__pool_worker_break(worker, "%s", worker->handshake.reason);
        break;
    }
}

/* Marks the worker for replacement once it has answered enough calls or grown too large. */
static void count_answers(struct weir__pool_worker *worker, uint64_t calls)
{
    const struct weir_pool_options *options = &pool_of(worker)->options;

    if (worker->seat->worker == worker) /* no newer worker has its place */
        weir__seat_succeeded(worker->seat);
    worker->calls += calls;
    if (worker->is_old || worker->state != WEIR__POOL_WORKER_READY)
        return;
    if ((options->recycle_calls > 0 && worker->calls >= options->recycle_calls)
        || (options->recycle_rss_kb > 0
            && weir__pool_worker_rss_kb(worker) > options->recycle_rss_kb)) {
        worker->is_old = 1;
        pool_of(worker)->stale |= WEIR__STALE_WORKERS;
    }
}

static void take_message(struct weir__pool_worker *worker, const struct weir__incoming *message)
{
    struct weir_call *call = weir__pool_worker_find(worker, message->id);

    switch (message->kind) {
    case WEIR__INCOMING_RESULT:
    case WEIR__INCOMING_ERROR:
        if (call == NULL) {
            if (!weir__errand_answer(worker, message))
                pool_of(worker)->late++;
            return;
        }
        weir__call_answer(call, message);
        count_answers(worker, 1);
        break;
    case WEIR__INCOMING_CHUNK:
        if (call != NULL)
            weir__call_value(call, message->value);
        break;
    case WEIR__INCOMING_CREDIT:
        if (call != NULL)
            weir__call_credit(call, message->n);
        break;
    case WEIR__INCOMING_PROGRESS:
        if (call != NULL)
            weir__call_progress(call, message);
        break;
    case WEIR__INCOMING_CHANGED:
        weir__errand_list(worker);
        break;
    default:
        break;
    }
}

/* What a worker asks must not fill weir's memory with answers that it does not read. */
static void answer_request(struct weir__pool_worker *worker, const struct weir__incoming *request)
{
    struct weir_pool *pool = pool_of(worker);

    if (weir__pool_worker_is_behind(worker))
        weir__pool_worker_break(worker, "asks without reading the answers");
    else if (worker->reader.dialect->refuse(&pool->scratch, request->value, request->level) == 0)
        weir__pool_worker_give(worker);
}

/* An error of no call's, or in place of hello, is about the connection. */
static int is_refusal(const struct weir__pool_worker *worker, const struct weir__incoming *message)
{
    return pool_of(worker)->is_client && message->kind == WEIR__INCOMING_ERROR
           && (message->id <= 0 || worker->state == WEIR__POOL_WORKER_STARTING);
}

static void take_refusal(struct weir__pool_worker *worker, struct weir__slice error)
{
    static const char *const names[] = {"message"};
    struct weir__slice message;
    char *text;

    weir__object_get(error, names, &message, 1);
    text = weir__slice_string(message, NULL);
    weir__pool_worker_break(worker, "refused: %s", text != NULL ? text : "no reason given");
    free(text);
}

static int on_message(void *owner, const struct weir__incoming *message)
{
    struct weir__pool_worker *worker = owner;

    if (message->kind == WEIR__INCOMING_REQUEST)
        answer_request(worker, message);
    else if (is_refusal(worker, message))
        take_refusal(worker, message->value);
    else if (worker->state != WEIR__POOL_WORKER_STARTING)
        take_message(worker, message);
    else
        go_on(worker, weir__handshake_take(&worker->handshake, message, &pool_of(worker)->scratch));
    return weir__pool_worker_listens(worker);
}

static void read_lines(struct weir__pool_worker *worker, const char *bytes, size_t length)
{
    const char *end = bytes + length, *line;
    ssize_t got = 0;

    worker->reader.pid = weir__pool_worker_pid(worker);
    while (weir__pool_worker_listens(worker)
           && (got = weir__line_splitter_next(&worker->lines, &bytes, end, &line)) > 0)
        weir__message_reader_take(&worker->reader, line, (size_t)got - 1);
    if (got == WEIR_ERR_NOMEM)
        weir__pool_worker_break(worker, "printed a line that did not fit into memory");
    else if (got < 0)
        weir__pool_worker_break(worker, "printed a line of more than %zu bytes",
                                pool_of(worker)->options.max_line);
}

/* --- A borrower ------------------------------------------------------------- */

void weir__pool_worker_lend(struct weir__pool_worker *worker, uint64_t number)
{
    worker->lent = number;
    worker->window = 0;
    pool_of(worker)->lent++;
    weir__line_splitter_clear(&worker->lines);
    weir__worker_lend(&worker->child, 1);
}

void weir__pool_worker_take_back(struct weir__pool_worker *worker)
{
    worker->lent = 0;
    worker->window = own_window(worker);
    pool_of(worker)->lent--;
    pool_of(worker)->stale |= WEIR__STALE_WORKERS | WEIR__STALE_CALLS;
    weir__worker_lend(&worker->child, 0);
}

void weir__pool_worker_abandon(struct weir__pool_worker *worker)
{
    weir__pool_worker_take_back(worker);
    if (worker->state == WEIR__POOL_WORKER_READY || worker->state == WEIR__POOL_WORKER_RETIRING)
        close_input(worker);
}

void weir__pool_worker_count(struct weir__pool_worker *worker, uint64_t calls, uint64_t errors)
{
    pool_of(worker)->calls += calls;
    pool_of(worker)->errors += errors;
    if (calls > 0)
        count_answers(worker, calls);
}

void weir__pool_worker_interrupt(struct weir__pool_worker *worker)
{
    weir__job_signal(&pool_of(worker)->weir->client, &worker->child.job, SIGINT);
    weir__job_signal(&pool_of(worker)->weir->client, &worker->child.job, SIGCONT);
}

void weir__pool_worker_give_up(struct weir__pool_worker *worker, const char *reason)
{
    worker->is_our_end |= reason == NULL;
    weir__pool_worker_break(worker, "%s",
                            reason != NULL ? reason : "ignored the cancellation and was stopped");
}

void weir__pool_worker_kill(struct weir__pool_worker *worker, const char *reason)
{
    weir__pool_worker_give_up(worker, reason);
    weir__pool_worker_settle(worker);
    weir__pool_worker_stop(worker, 0);
}

/* --- What its process does -------------------------------------------------- */

static void on_bytes(void *owner, const char *bytes, size_t length)
{
    struct weir__pool_worker *worker = owner;
    struct weir_pool *pool = pool_of(worker);

    pool->worker_ops->begin(pool);
    read_lines(worker, bytes, length);
    pool->worker_ops->end(pool);
}

/* A worker that ended by itself may have left processes behind its launcher. */
static int owes(void *owner)
{
    const struct weir__pool_worker *worker = owner;

    return !worker->is_our_end;
}

static void on_room(void *owner)
{
    struct weir__pool_worker *worker = owner;
    struct weir_pool *pool = pool_of(worker);

    shrink(worker);
    pool->worker_ops->begin(pool);
    pool->stale |= WEIR__STALE_CALLS; /* some may have waited for it to read */
    pool->worker_ops->end(pool);
}

/* The exit status, or a server's reason for closing, is probably on its way, and explains more. */
static void on_cut_off(void *owner)
{
    struct weir__pool_worker *worker = owner;
    int is_over = pool_of(worker)->is_client && worker->child.out_fd < 0;

    if (!weir__pool_worker_listens(worker)
        || (pool_of(worker)->options.warm
            && worker->child.result.pid == 0)) /* the spawner says why */
        return;
    if (worker->state != WEIR__POOL_WORKER_LOST) {
        worker->was_starting = worker->state == WEIR__POOL_WORKER_STARTING;
        worker->state = WEIR__POOL_WORKER_LOST;
        set_alarm(worker, LOST_MS);
    }
    if (is_over)
        weir__pool_worker_break(worker, "closed the connection");
}

static void report_exit(const struct weir__pool_worker *worker)
{
    const struct weir_result *result = &worker->child.result;
    struct weir_event event = {
        .stage = (int)worker->group->number,
        .name = worker->group->command.argv[0],
        .pid = result->pid,
        .number = result->end == WEIR_EXITED ? result->code : result->signal,
    };

    switch (result->end) {
    case WEIR_EXITED:
        event.kind = WEIR_EVENT_EXITED;
        break;
    case WEIR_SIGNALED:
        event.kind = WEIR_EVENT_SIGNALED;
        break;
    case WEIR_NOT_STARTED:
        event.kind = WEIR_EVENT_NOT_STARTED;
        event.number = result->sys_errno;
        break;
    case WEIR_STATUS_LOST:
        event.kind = WEIR_EVENT_STATUS_LOST;
        break;
    }
    weir__context_tell(pool_of(worker)->weir, event);
}

/* Sets reason from the exit; completes "the worker ...". */
static void describe_exit(struct weir__pool_worker *worker)
{
    const struct weir_result *result = &worker->child.result;
    size_t at = 0;

    if (result->end == WEIR_SIGNALED)
        at = (size_t)snprintf(worker->reason, sizeof worker->reason, "was ");
    else if (result->end != WEIR_EXITED)
        at =
            (size_t)snprintf(worker->reason, sizeof worker->reason,
                             "%s: ", result->end == WEIR_NOT_STARTED ? "did not start" : "is gone");
    weir_result_sentence(result, worker->reason + at, sizeof worker->reason - at);
}

/* The process is gone and all its output has been read. */
static void on_over(void *owner)
{
    struct weir__pool_worker *worker = owner;
    struct weir__worker_group *group = worker->group;
    struct weir_pool *pool = group->pool;
    struct weir__pool_worker **at = &group->workers;

    pool->worker_ops->begin(pool);
    if (!pool->is_client)
        report_exit(worker);
    if (worker->state != WEIR__POOL_WORKER_ENDING) {
        worker->was_starting |= worker->state == WEIR__POOL_WORKER_STARTING;
        if (worker->state != WEIR__POOL_WORKER_BROKEN)
            describe_exit(worker);
        worker->state = WEIR__POOL_WORKER_ENDING;
        mark_lost(worker, worker->child.result.end == WEIR_NOT_STARTED ? UINT64_MAX
                                                                       : worker->child.left_unread);
    }
    if (worker->lent != 0) {
        pool->borrower->gone(pool->borrower_context, worker);
        pool->lent--;
    }
    while (*at != worker)
        at = &(*at)->next;
    *at = worker->next;
    if (group->outgoing == worker)
        group->outgoing = NULL;
    weir__pool_worker_free(worker);
    pool->stale |= WEIR__STALE_WORKERS | WEIR__STALE_WAITS;
    pool->worker_ops->end(pool);
}

/* With a warm parent the next may be forked. */
static void on_started(void *owner)
{
    struct weir_pool *pool = pool_of(owner);

    if (!pool->options.warm)
        return;
    pool->worker_ops->begin(pool);
    pool->stale |= WEIR__STALE_WORKERS;
    pool->worker_ops->end(pool);
}

static const struct weir__worker_ops worker_ops = {
    .on_bytes = on_bytes,
    .on_started = on_started,
    .on_room = on_room,
    .owes = owes,
    .on_cut_off = on_cut_off,
    .on_over = on_over,
};

/* --- The start ------------------------------------------------------------- */

static void begin_handshake(struct weir__pool_worker *worker)
{
    struct weir__worker_group *group = worker->group;
    struct weir_pool *pool = group->pool;

    worker->lines.longest = pool->options.max_line + 2; /* CR LF */
    worker->reader = (struct weir__message_reader){
        .weir = pool->weir,
        .stage = (int)group->number,
        .name = group->command.argv[0],
        .noise = &pool->noise,
        .owner = worker,
        .on_message = on_message,
        .on_broken = break_protocol,
    };
    if (group->kind.start_timeout_ms != WEIR_FOREVER)
        set_alarm(worker, group->kind.start_timeout_ms);
    go_on(worker,
          weir__handshake_begin(&worker->handshake, group->kind.dialect, pool->options.schemas,
                                group->mcp_start, &worker->reader, &worker->child, &pool->scratch));
    if (worker->handshake.quiet_ms > 0 && worker->handshake.quiet_ms < group->kind.start_timeout_ms)
        set_alarm(worker, worker->handshake.quiet_ms);
}

static int attach_pair(struct weir__pool_worker *worker, struct weir__pool_pair *pair,
                       struct weir_error *error)
{
    int in = pair->in, out = pair->out;

    pair->was_started = 1;
    pair->in = pair->out = -1;
    return weir__worker_attach(&worker->child, pool_of(worker)->weir, in, out, &worker_ops, worker,
                               error);
}

int weir__pool_worker_start(struct weir__worker_group *group, struct weir__seat *seat,
                            struct weir_error *error)
{
    struct weir_pool *pool = group->pool;
    struct weir__pool_worker *worker = calloc(1, sizeof *worker), **last = &group->workers;
    struct weir__worker_options options = {
        .command = &group->command,
        .grace_ms = pool->options.grace_ms,
        .stop_sequence = &pool->stop,
        .drain_ms = DRAIN_MS,
        .stderr_kept = STDERR_KEPT,
        .forwarder = &pool->forwarder,
        .label = group->kind.labels_stderr ? group->kind.label : NULL,
        .is_launched = group->is_launched,
        .slot = weir__supervisor_slot(&group->supervisor, seat),
        .stop = group->stop.argv != NULL ? &group->stop : NULL,
    };
    int status;

    if (worker == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a worker");
    worker->group = group;
    worker->timer.ring = on_alarm;
    worker->timer.owner = worker;
    status = weir__timer_heap_join(&pool->timers, error);
    if (status == 0) {
        if (pool->options.warm && pool->pair == NULL)
            status = weir__warm_connect(&group->warm, pool->weir, &options, error);
        if (status == 0)
            status = pool->pair != NULL ? attach_pair(worker, pool->pair, error)
                                        : weir__worker_start(&worker->child, pool->weir, &options,
                                                             &worker_ops, worker, error);
        if (options.warm > 0)
            weir__close(&options.warm);
        if (status < 0)
            weir__timer_heap_leave(&pool->timers, &worker->timer);
    }
    if (status < 0) {
        free(worker);
        return status;
    }
    while (*last != NULL)
        last = &(*last)->next;
    *last = worker;
    worker->seat = seat;
    seat->worker = worker;
    begin_handshake(worker);
    return 0;
}
