#include "config.h"

#include "pool/pool_worker.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/process_tree.h"
#include "pool/call.h"
#include "pool/errand.h"
#include "pool/worker_calls.h"

enum { KEPT_ROOM = 4096 }; /* of an empty output buffer */

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

void weir__pool_worker_alarm(struct weir__pool_worker *worker, int64_t ms)
{
    weir__timer_heap_set(&weir__pool_of(worker)->timers, &worker->timer, weir__clock_in_ms(ms));
}

void weir__pool_worker_shrink(struct weir__pool_worker *worker)
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
    weir__pool_worker_shrink(worker);
    if (was_behind && !weir__pool_worker_is_behind(worker))
        weir__pool_of(worker)->stale |= WEIR__STALE_CALLS;
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

void weir__pool_worker_lost(struct weir__pool_worker *worker, uint64_t unread)
{
    weir__pool_of(worker)->worker_ops->on_lost(worker, worker->was_starting);
    settle_calls(worker, unread);
    weir__pool_of(worker)->stale |= WEIR__STALE_WAITS;
}

/* Closes the input: the worker finishes what it has read, and exits. */
static void close_input(struct weir__pool_worker *worker)
{
    if (weir__pool_of(worker)->is_client) { /* a connection is closed as a whole */
        worker->is_our_end = 1;
        weir__pool_worker_stop(worker, 0);
        return;
    }
    worker->state = WEIR__POOL_WORKER_ENDING;
    worker->is_our_end = 1;
    weir__worker_close_input(&worker->child);
    weir__pool_worker_alarm(worker,
                            worker->reader.dialect->end_ms > 0 && !weir__pool_of(worker)->is_hurried
                                ? worker->reader.dialect->end_ms
                                : weir__pool_of(worker)->options.interrupt_grace_ms);
}

void weir__pool_worker_stop(struct weir__pool_worker *worker, int64_t grace_ms)
{
    weir__timer_heap_clear(&weir__pool_of(worker)->timers, &worker->timer);
    worker->state = WEIR__POOL_WORKER_ENDING;
    weir__worker_stop(&worker->child, grace_ms);
}

void weir__pool_worker_settle(struct weir__pool_worker *worker)
{
    /* If it has closed its end of the pipe, this shows how much it has read. */
    uint64_t unread =
        worker->child.has_refused ? worker->child.left_unread : weir__worker_unsent(&worker->child);

    if (worker->state == WEIR__POOL_WORKER_BROKEN) {
        weir__pool_worker_stop(worker, weir__pool_of(worker)->options.grace_ms);
        weir__pool_worker_lost(worker, unread);
    } else if (worker->state == WEIR__POOL_WORKER_RETIRING && worker->flights == 0
               && worker->lent == 0) {
        close_input(worker);
    }
}

void weir__pool_worker_retire(struct weir__pool_worker *worker)
{
    if (worker->state == WEIR__POOL_WORKER_STARTING) {
        worker->is_our_end = 1;
        weir__pool_worker_stop(worker, weir__pool_of(worker)->options.grace_ms);
    } else if (worker->state == WEIR__POOL_WORKER_READY) {
        weir__timer_heap_clear(&weir__pool_of(worker)->timers, &worker->timer);
        worker->state = WEIR__POOL_WORKER_RETIRING;
        if (worker->lent != 0)
            weir__pool_of(worker)->borrower->recall(weir__pool_of(worker)->borrower_context,
                                                    worker);
        weir__call_free_places(worker);
        weir__pool_worker_settle(worker);
    }
}

static void unlink_dirty(struct weir__pool_worker *worker)
{
    struct weir__pool_worker **at = &weir__pool_of(worker)->dirty;

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
    weir__timer_heap_leave(&weir__pool_of(worker)->timers, &worker->timer);
    weir__worker_clear(&worker->child);
    weir__line_splitter_clear(&worker->lines);
    weir__handshake_clear(&worker->handshake);
    weir__errands_end(worker);
    free(worker->slots);
    free(worker);
}

/* --- Its calls ------------------------------------------------------------- */

unsigned weir__pool_worker_window(const struct weir__pool_worker *worker)
{
    unsigned window = worker->group->kind.window;

    return window > 0 ? window : worker->handshake.concurrency;
}

void weir__pool_worker_answered(struct weir__pool_worker *worker, uint64_t calls)
{
    const struct weir_pool_options *options = &weir__pool_of(worker)->options;

    if (worker->seat->worker == worker) /* no newer worker has its place */
        weir__seat_succeeded(worker->seat);
    worker->calls += calls;
    if (worker->is_old || worker->state != WEIR__POOL_WORKER_READY)
        return;
    if ((options->recycle_calls > 0 && worker->calls >= options->recycle_calls)
        || (options->recycle_rss_kb > 0
            && weir__pool_worker_rss_kb(worker) > options->recycle_rss_kb)) {
        worker->is_old = 1;
        weir__pool_of(worker)->stale |= WEIR__STALE_WORKERS;
    }
}

/* --- A borrower ------------------------------------------------------------- */

void weir__pool_worker_lend(struct weir__pool_worker *worker, uint64_t number)
{
    worker->lent = number;
    worker->window = 0;
    weir__pool_of(worker)->lent++;
    weir__line_splitter_clear(&worker->lines);
    weir__worker_lend(&worker->child, 1);
}

void weir__pool_worker_take_back(struct weir__pool_worker *worker)
{
    worker->lent = 0;
    worker->window = weir__pool_worker_window(worker);
    weir__pool_of(worker)->lent--;
    weir__pool_of(worker)->stale |= WEIR__STALE_WORKERS | WEIR__STALE_CALLS;
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
    weir__pool_of(worker)->calls += calls;
    weir__pool_of(worker)->errors += errors;
    if (calls > 0)
        weir__pool_worker_answered(worker, calls);
}

void weir__pool_worker_interrupt(struct weir__pool_worker *worker)
{
    weir__job_signal(&weir__pool_of(worker)->weir->client, &worker->child.job, SIGINT);
    weir__job_signal(&weir__pool_of(worker)->weir->client, &worker->child.job, SIGCONT);
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
