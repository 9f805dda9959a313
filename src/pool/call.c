#include "config.h"

#include "pool/call.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/printable.h"
#include "pool/call_queue.h"
#include "pool/guard.h"
#include "pool/worker_calls.h"

enum {
    KILLS_OF_POISON = 2,
    PLACE_MS = 500, /* how long a cancelled call of an MCP server keeps its place unquestioned */
};

void weir__call_unref(struct weir_call *call)
{
    struct weir__value *value;

    if (atomic_fetch_sub(&call->refs, 1) > 1)
        return;
    while ((value = call->values) != NULL) {
        call->values = value->next;
        free(value);
    }
    free(call->taken);
    free(call->input_error);
    free(call->request_state);
    free(call->traced);
    weir_reply_clear(&call->reply);
    free(call);
}

/* --- Its outcome ----------------------------------------------------------- */

static void trace_outcome(struct weir__trace *trace, struct weir_call *call)
{
    int64_t ended_ns = call->started_ns + call->reply.wall_ns;
    struct weir__trace_outcome how;

    if (call->traced == NULL && call->reply.outcome == WEIR_CALL_RETURNED
        && call->reply.attempts == 1
        && !weir__sampler_is_slow(weir__trace_sampler(trace), ended_ns, call->reply.wall_ns))
        return;
    how = (struct weir__trace_outcome){
        .parent = call->traceparent,
        .method = call->method,
        .pid = call->reply.pid,
        .is_client = call->pool->is_client,
        .outcome = weir_outcome_name(call->reply.outcome),
        .message = call->reply.message,
        .started_ns = call->started_ns,
        .queued_ns = call->reply.queued_ns,
        .ended_ns = ended_ns,
        .attempts = call->reply.attempts,
    };

    weir__trace_call_over(trace, &call->traced, &how);
}

/* Once. */
static void count(struct weir_call *call, enum weir_outcome outcome, int64_t wall_ns)
{
    if (call->figures == NULL)
        return;
    weir__figures_count(call->figures, outcome, wall_ns);
    if (call->pool->guard != NULL)
        weir__guard_count(call, outcome, wall_ns);
    call->figures = NULL;
}

static void fill(struct weir_call *call, enum weir_outcome outcome, int64_t code,
                 const char *format, va_list args)
{
    struct weir__buffer error = {0};
    struct weir_reply *reply = &call->reply;
    char message[600];

    if (call->operation.over)
        return; /* its owner already has an outcome */
    weir__sentence_list(message, sizeof message, format, args);
    reply->outcome = outcome;
    reply->code = code;
    free(reply->message);
    free(reply->error);
    reply->message = strdup(message);
    if (weir__write_error_value(&error, code, message, (struct weir__slice){NULL, 0}) == 0)
        reply->error = weir__buffer_take(&error, NULL);
    weir__buffer_clear(&error);
}

void weir__call_set_outcome(struct weir_call *call, enum weir_outcome outcome, int64_t code,
                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fill(call, outcome, code, format, args);
    va_end(args);
}

static void report_outcome(struct weir_call *call)
{
    struct weir_pool *pool = call->pool;

    if (call->operation.over)
        return;
    weir__timer_heap_clear(&pool->timers, &call->deadline);
    call->reply.wall_ns = weir__clock_ns() - call->started_ns;
    if (call->reply.outcome != WEIR_CALL_RETURNED)
        pool->errors++;
    count(call, call->reply.outcome, call->reply.wall_ns);
    if (call->may_have_run
        && (call->reply.outcome == WEIR_CALL_REFUSED
            || call->reply.outcome == WEIR_CALL_NO_WORKER)) /* that is only the fallback's */
        weir__call_set_outcome(call, WEIR_CALL_UNKNOWN, -33006,
                               "the call may have run, and its fallback: %s",
                               call->reply.message != NULL ? call->reply.message : "no memory");
    if (pool->weir->client.trace != NULL)
        trace_outcome(pool->weir->client.trace, call);
    weir__context_done(pool->weir, &call->wakeup);
    weir__operation_end(&call->operation);
}

void weir__call_end(struct weir_call *call)
{
    struct weir_pool *pool = call->pool;

    weir__call_queue_remove(call);
    weir__pool_worker_remove(call);
    call->state = WEIR__CALL_OVER;
    pool->calls++;
    pool->alive--;
    pool->stale |= WEIR__STALE_CALLS;
    weir__timer_heap_leave(&pool->timers, &call->deadline);
    weir__timer_heap_leave(&pool->timers, &call->stop_timer);
    report_outcome(call);
    if (call->figures != NULL)
        count(call, WEIR_CALL_CANCELLED,
              weir__clock_ns() - call->started_ns); /* nobody waited for it any more */
    call->pool = NULL;
    weir__call_unref(call);
}

void weir__call_decide(struct weir_call *call, enum weir_outcome outcome, int64_t code,
                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fill(call, outcome, code, format, args);
    va_end(args);
    if (!call->is_starting) {
        weir__call_end(call);
        return;
    }
    /* The owner does not have it yet: the loop reports it. */
    weir__call_queue_remove(call);
    weir__pool_worker_remove(call);
    call->is_decided = 1;
    weir__call_queue_append(&call->pool->decided, call);
    weir__timer_heap_set(&call->pool->timers, &call->deadline, 0);
}

static void queue_again(struct weir_call *call, unsigned stale)
{
    call->is_pausing = 0;
    weir__timer_heap_clear(&call->pool->timers, &call->stop_timer);
    weir__pool_worker_remove(call);
    call->state = WEIR__CALL_QUEUED;
    weir__call_queue_insert(call);
    call->pool->stale |= stale;
}

void weir__call_lost(struct weir_call *call, int unread, const char *how)
{
    if (call->pool->is_client && call->asked != WEIR__ASKED_CANCEL) {
        weir__call_decide(call, WEIR_CALL_UNKNOWN, -33006,
                          "the server %s: the outcome of the call is unknown", how);
        return;
    }
    if (call->asked == WEIR__ASKED_CANCEL || call->operation.over) {
        weir__call_decide(call, WEIR_CALL_CANCELLED, -32800, "cancelled: the %s %s",
                          call->pool->is_client ? "server" : "worker", how);
        return;
    }
    call->kills += !unread && !call->worker->is_our_end;
    if (!unread && (call->idempotent < 0 || call->has_streamed)) {
        weir__call_decide(call, WEIR_CALL_UNKNOWN, -33006, "the worker %s while running the call",
                          how);
    } else if (call->kills >= KILLS_OF_POISON) {
        weir__call_decide(call, WEIR_CALL_POISON, -33008,
                          "poison: the call has ended %u workers; the last %s", call->kills, how);
    } else {
        queue_again(call, WEIR__STALE_UNSORTED);
    }
}

/* --- Cancellation and deadlines ------------------------------------------- */

/* Asks the worker to stop the call. */
static void ask_worker(struct weir_call *call)
{
    struct weir__pool_worker *worker = call->worker;
    const struct weir_pool_options *options = &call->pool->options;

    call->state = WEIR__CALL_CANCELLING;
    call->sender.is_closed = true;
    if (worker->reader.dialect->cancel == NULL) {
        worker->is_our_end = 1;
        weir__pool_worker_break(worker, "was stopped, as plain JSON-RPC has no cancellation");
        return;
    }
    if (call->is_pausing) { /* it is answered, and was to be sent again */
        weir__call_end(call);
        return;
    }
    if (worker->reader.dialect->cancel(&call->pool->scratch, call->id,
                                       call->asked == WEIR__ASKED_DEADLINE ? "its time was over"
                                                                           : "cancelled")
        == 0)
        weir__pool_worker_give(worker);
    if (worker->reader.dialect->settles_at_once && call->pool->state != WEIR__POOL_OPEN)
        weir__call_end(call);
    else
        weir__timer_heap_set(&call->pool->timers, &call->stop_timer,
                             weir__clock_in_ms(worker->reader.dialect->settles_at_once
                                                   ? PLACE_MS
                                                   : options->cancel_grace_ms));
}

/* Of the worker's cancelled calls that are not answered, those that are doubtful, or all. */
static void free_places(struct weir__pool_worker *worker, int all)
{
    if (!worker->reader.dialect->settles_at_once)
        return;
    for (size_t i = 0; i < worker->slot_count; i++) {
        struct weir_call *call = worker->slots[i];

        if (call != NULL && call->state == WEIR__CALL_CANCELLING && (all || call->is_doubtful))
            weir__call_end(call);
    }
}

void weir__call_free_places(struct weir__pool_worker *worker)
{
    free_places(worker, 0);
}

void weir__call_free_all_places(struct weir__pool_worker *worker)
{
    free_places(worker, 1);
}

/* A cancelled call of an MCP server is not answered: does the server still live? */
static void doubt(struct weir_call *call)
{
    struct weir__pool_worker *worker = call->worker;

    if (worker->state != WEIR__POOL_WORKER_READY) {
        weir__call_end(call);
        return;
    }
    call->is_doubtful = 1;
    worker->doubtful++;
    worker->group->doubtful++;
    call->pool->stale |= WEIR__STALE_CALLS;
}

/* The worker has not stopped the call in time. */
void weir__call_stop_step(void *owner)
{
    struct weir_call *call = owner;
    struct weir__pool_worker *worker = call->worker;

    if (call->is_pausing) {
        queue_again(call, WEIR__STALE_CALLS);
        return;
    }
    if (worker->reader.dialect->settles_at_once) {
        doubt(call);
        return;
    }
    if (call->pool->is_client) { /* the other calls of the connection go on */
        weir__call_decide(call, WEIR_CALL_UNKNOWN, -33006,
                          "the server does not respond: waited for the end of the cancelled call: "
                          "is it stopped or overloaded?");
        return;
    }
    if (call->step++ == 0) {
        weir__job_signal(&call->pool->weir->client, &worker->child.job, SIGINT);
        weir__job_signal(&call->pool->weir->client, &worker->child.job, SIGCONT);
        weir__timer_heap_set(&call->pool->timers, &call->stop_timer,
                             weir__clock_in_ms(call->pool->options.interrupt_grace_ms));
        return;
    }
    worker->is_our_end = 1;
    weir__pool_worker_break(worker, "ignored the cancellation and was stopped");
}

void weir__call_ask(struct weir_call *call, enum weir__asked asked)
{
    int was_sent = call->state == WEIR__CALL_SENT;
    int at_once = asked != WEIR__ASKED_CANCEL;

    if (call->state == WEIR__CALL_OVER || call->is_decided)
        return;
    if (call->state == WEIR__CALL_QUEUED) {
        if (asked == WEIR__ASKED_DEADLINE)
            weir__call_decide(call, WEIR_CALL_DEADLINE, -33001, "deadline exceeded while queued");
        else
            weir__call_decide(call, WEIR_CALL_CANCELLED, -32800, "cancelled");
        return;
    }
    if (was_sent)
        call->asked = asked;
    if (asked == WEIR__ASKED_DEADLINE)
        weir__call_set_outcome(call, WEIR_CALL_DEADLINE, -33001, "deadline exceeded");
    if (!at_once && call->worker->reader.dialect->settles_at_once) {
        at_once = 1;
        weir__call_set_outcome(call, WEIR_CALL_CANCELLED, -32800, "cancelled");
    }
    atomic_fetch_add(&call->refs, 1);
    if (at_once)
        report_outcome(call);
    if (was_sent && call->state == WEIR__CALL_SENT)
        ask_worker(call);
    weir__call_unref(call);
}

void weir__call_deadline(void *owner)
{
    struct weir_call *call = owner;

    if (call->is_decided)
        weir__call_end(call);
    else
        weir__call_ask(call, WEIR__ASKED_DEADLINE);
}

size_t weir__call_unsent(const struct weir_call *call)
{
    return call->worker != NULL ? weir__worker_unsent(&call->worker->child) : 0;
}
