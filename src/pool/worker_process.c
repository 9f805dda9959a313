#include "config.h"

#include "pool/worker_process.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "pool/pool_worker.h"
#include "pool/worker_calls.h"
#include "pool/worker_messages.h"

enum {
    LOST_MS = 500,  /* time to wait for the exit of one that closed its output */
    DRAIN_MS = 100, /* how long other processes may hold the outputs open afterwards */
    STDERR_KEPT = 4096,
};

/* It has not become ready: the first wait may be for the time to ask once more. */
static void is_slow_to_start(struct weir__pool_worker *worker)
{
    int64_t timeout_ms = worker->group->kind.start_timeout_ms,
            quiet_ms = worker->handshake.quiet_ms;

    if (quiet_ms > 0 && quiet_ms < timeout_ms) {
        weir__pool_worker_alarm(worker, timeout_ms - quiet_ms);
        weir__pool_worker_greet_on(
            worker, weir__handshake_quiet(&worker->handshake, &weir__pool_of(worker)->scratch));
        return;
    }
    if (weir__pool_of(worker)->is_client) {
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
        weir__pool_of(worker)->stale |= WEIR__STALE_WORKERS;
        break;
    case WEIR__POOL_WORKER_LOST:
        weir__pool_worker_break(worker, "closed its %s",
                                worker->child.has_refused ? "standard input" : "standard output");
        break;
    case WEIR__POOL_WORKER_ENDING:
        weir__worker_stop(&worker->child, weir__pool_of(worker)->options.grace_ms);
        break;
    case WEIR__POOL_WORKER_BROKEN:
    case WEIR__POOL_WORKER_RETIRING:
        break;
    }
}

/* --- What its process does -------------------------------------------------- */

static void on_bytes(void *owner, const char *bytes, size_t length)
{
    struct weir__pool_worker *worker = owner;
    struct weir_pool *pool = weir__pool_of(worker);

    pool->worker_ops->begin(pool);
    weir__pool_worker_read(worker, bytes, length);
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
    struct weir_pool *pool = weir__pool_of(worker);

    weir__pool_worker_shrink(worker);
    pool->worker_ops->begin(pool);
    pool->stale |= WEIR__STALE_CALLS; /* some may have waited for it to read */
    pool->worker_ops->end(pool);
}

/* The exit status, or a server's reason for closing, is probably on its way, and explains more. */
static void on_cut_off(void *owner)
{
    struct weir__pool_worker *worker = owner;
    int is_over = weir__pool_of(worker)->is_client && worker->child.out_fd < 0;

    if (!weir__pool_worker_listens(worker)
        || (weir__pool_of(worker)->options.warm
            && worker->child.result.pid == 0)) /* the spawner says why */
        return;
    if (worker->state != WEIR__POOL_WORKER_LOST) {
        worker->was_starting = worker->state == WEIR__POOL_WORKER_STARTING;
        worker->state = WEIR__POOL_WORKER_LOST;
        weir__pool_worker_alarm(worker, LOST_MS);
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
    weir__context_tell(weir__pool_of(worker)->weir, event);
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
        weir__pool_worker_lost(worker, worker->child.result.end == WEIR_NOT_STARTED
                                           ? UINT64_MAX
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
    struct weir_pool *pool = weir__pool_of(owner);

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

static int attach_pair(struct weir__pool_worker *worker, struct weir__pool_pair *pair,
                       struct weir_error *error)
{
    int in = pair->in, out = pair->out;

    pair->was_started = 1;
    pair->in = pair->out = -1;
    return weir__worker_attach(&worker->child, weir__pool_of(worker)->weir, in, out, &worker_ops,
                               worker, error);
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
    weir__pool_worker_greet(worker);
    return 0;
}
