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
#include "rpc/mcp.h"

enum {
    KILLS_OF_POISON = 2,
    PLACE_MS = 500,  /* how long a cancelled call of an MCP server keeps its place unquestioned */
    REPEAT_MS = 100, /* before a call is repeated, and how often at most */
    MOST_REPEATS = 8,
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

static void __attribute__((format(printf, 4, 5)))
set_outcome(struct weir_call *call, enum weir_outcome outcome, int64_t code, const char *format,
            ...)
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
        set_outcome(call, WEIR_CALL_UNKNOWN, -33006, "the call may have run, and its fallback: %s",
                    call->reply.message != NULL ? call->reply.message : "no memory");
    if (pool->weir->client.trace != NULL)
        trace_outcome(pool->weir->client.trace, call);
    weir__context_done(pool->weir, &call->wakeup);
    weir__operation_end(&call->operation);
}

/* Releases the pool's reference: the call may be freed here. */
static void end(struct weir_call *call)
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
        end(call);
        return;
    }
    /* The owner does not have it yet: the loop reports it. */
    weir__call_queue_remove(call);
    weir__pool_worker_remove(call);
    call->is_decided = 1;
    weir__call_queue_append(&call->pool->decided, call);
    weir__timer_heap_set(&call->pool->timers, &call->deadline, 0);
}

/* What a server reports of the call in its own pool. */
static enum weir_outcome server_outcome(int64_t code)
{
    switch (code) {
    case -32800:
        return WEIR_CALL_CANCELLED;
    case -33001:
        return WEIR_CALL_DEADLINE;
    case -33005:
    case -33009:
        return WEIR_CALL_REFUSED;
    case -33006:
        return WEIR_CALL_UNKNOWN;
    case -33007:
        return WEIR_CALL_NO_WORKER;
    case -33008:
        return WEIR_CALL_POISON;
    default:
        return WEIR_CALL_FAILED;
    }
}

static void take_error(struct weir_call *call, struct weir__slice error)
{
    static const char *const names[] = {"message"};
    struct weir_reply *reply = &call->reply;
    struct weir__slice message;

    weir__object_get(error, names, &message, 1);
    reply->code = weir__error_code(error);
    reply->message = weir__slice_string(message, NULL);
    reply->error = strndup(error.bytes, error.length);
    if (reply->message == NULL)
        reply->message = strdup("failed without a message");
    reply->outcome = WEIR_CALL_FAILED;
    if (call->pool->is_client)
        reply->outcome = server_outcome(reply->code);
    else if (reply->code == -33001 && call->deadline_ns != INT64_MAX)
        reply->outcome = WEIR_CALL_DEADLINE;
    else if (reply->code == -32800 && call->asked == WEIR__ASKED_CANCEL)
        reply->outcome = WEIR_CALL_CANCELLED;
}

/* The server wants the same request again, with what it says. Returns 0 if not once more. */
static int repeat(struct weir_call *call, struct weir__slice state)
{
    if (call->operation.over || call->repeats >= MOST_REPEATS)
        return 0;
    free(call->request_state);
    call->request_state = state.bytes != NULL ? strndup(state.bytes, state.length) : NULL;
    if (state.bytes != NULL && call->request_state == NULL)
        return 0;
    call->repeats++;
    call->is_pausing = 1;
    weir__timer_heap_set(&call->pool->timers, &call->stop_timer, weir__clock_in_ms(REPEAT_MS));
    return 1;
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

/* The answer of an MCP server: what it means as an outcome. Returns 0 if there is none yet. */
static int settle(struct weir_call *call, struct weir__incoming *incoming,
                  struct weir__buffer *scratch)
{
    const struct weir__dialect *dialect = call->worker->reader.dialect;

    if (call->is_pausing)
        return 0; /* answered twice */
    if (call->state == WEIR__CALL_CANCELLING)
        call->pool->late++;
    if (incoming->kind == WEIR__INCOMING_RESULT
        && dialect->settle(incoming, call->whole, scratch) < 0)
        set_outcome(call, WEIR_CALL_UNKNOWN, -33006, "no memory for the result");
    if (incoming->kind != WEIR__INCOMING_REPEAT)
        return 1;
    if (repeat(call, incoming->value))
        return 0;
    incoming->kind = WEIR__INCOMING_ERROR;
    scratch->length = 0;
    weir__write_error_value(scratch, -32603, "the tool asks to be repeated again and again",
                            (struct weir__slice){NULL, 0});
    incoming->value = (struct weir__slice){scratch->bytes, scratch->length};
    return 1;
}

/* The schema that the tool has for what it returns, or NULL. */
static json_t *find_output(const struct weir_call *call)
{
    char *tool = weir__mcp_tool(call->method, call->params);
    const json_t *about = json_object_get(call->group->methods, tool != NULL ? tool : call->method);
    json_t *output = json_object_get(json_object_get(about, "tool"), "outputSchema");

    free(tool);
    return json_is_object(output) ? output : NULL;
}

/* Makes an error of a result that is not what the tool has promised. */
static void check_output(const struct weir_call *call, struct weir__incoming *incoming,
                         struct weir__buffer *scratch)
{
    const struct weir_pool *pool = call->pool;
    json_t *output = incoming->kind == WEIR__INCOMING_RESULT ? find_output(call) : NULL;
    struct weir__mcp_result read;
    char reason[300] = "there is no structuredContent", sentence[400];

    if (output == NULL)
        return;
    weir__mcp_result_read(incoming->value, &read);
    if (read.kind != WEIR__MCP_VALUE
        || (read.structured.bytes != NULL
            && pool->check_output(output, read.structured, reason, sizeof reason,
                                  pool->check_context)))
        return;
    weir__sentence(sentence, sizeof sentence, "the result does not fit the tool's outputSchema: %s",
                   reason);
    incoming->kind = WEIR__INCOMING_ERROR;
    if (weir__write_error_value(scratch, -33003, sentence, (struct weir__slice){NULL, 0}) == 0)
        incoming->value = (struct weir__slice){scratch->bytes, scratch->length};
    else
        incoming->value = WEIR__LITERAL("{\"code\":-33003,\"message\":\"no memory\"}");
}

static void take_answer(struct weir_call *call, const struct weir__incoming *incoming);

void weir__call_answer(struct weir_call *call, const struct weir__incoming *incoming)
{
    if (call->worker->reader.dialect->settle != NULL) {
        struct weir__incoming settled = *incoming;
        struct weir__buffer scratch = {0};

        if (call->pool->check_output != NULL)
            check_output(call, &settled, &scratch);
        if (settle(call, &settled, &scratch))
            take_answer(call, &settled);
        weir__buffer_clear(&scratch);
    } else {
        take_answer(call, incoming);
    }
}

static void take_answer(struct weir_call *call, const struct weir__incoming *incoming)
{
    struct weir_reply *reply = &call->reply;

    weir__histogram_add(&call->pool->latency, weir__clock_ns() - call->started_ns);
    if (!call->operation.over) {
        if (incoming->kind == WEIR__INCOMING_ERROR) {
            take_error(call, incoming->value);
        } else {
            reply->outcome = WEIR_CALL_RETURNED;
            reply->result = malloc(incoming->value.length + 1);
            if (reply->result == NULL) {
                set_outcome(call, WEIR_CALL_UNKNOWN, -33006, "no memory for the result");
            } else {
                memcpy(reply->result, incoming->value.bytes, incoming->value.length);
                reply->result[incoming->value.length] = '\0';
                reply->length = incoming->value.length;
            }
        }
    }
    end(call);
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
        end(call);
        return;
    }
    if (worker->reader.dialect->cancel(&call->pool->scratch, call->id,
                                       call->asked == WEIR__ASKED_DEADLINE ? "its time was over"
                                                                           : "cancelled")
        == 0)
        weir__pool_worker_give(worker);
    if (worker->reader.dialect->settles_at_once && call->pool->state != WEIR__POOL_OPEN)
        end(call);
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
            end(call);
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
        end(call);
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
        set_outcome(call, WEIR_CALL_DEADLINE, -33001, "deadline exceeded");
    if (!at_once && call->worker->reader.dialect->settles_at_once) {
        at_once = 1;
        set_outcome(call, WEIR_CALL_CANCELLED, -32800, "cancelled");
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
        end(call);
    else
        weir__call_ask(call, WEIR__ASKED_DEADLINE);
}

size_t weir__call_unsent(const struct weir_call *call)
{
    return call->worker != NULL ? weir__worker_unsent(&call->worker->child) : 0;
}

/* --- Streams --------------------------------------------------------------- */

static void fail_stream(struct weir_call *call, const char *rule)
{
    set_outcome(call, WEIR_CALL_FAILED, -33004, "the worker violated the stream protocol: %s",
                rule);
    weir__call_ask(call, WEIR__ASKED_BROKEN);
}

static void keep(struct weir_call *call, struct weir__slice bytes)
{
    struct weir__value *value = malloc(sizeof *value + bytes.length + 1);

    if (value == NULL) {
        set_outcome(call, WEIR_CALL_FAILED, -32603, "no memory for a value");
        weir__call_ask(call, WEIR__ASKED_BROKEN);
        return;
    }
    value->next = NULL;
    value->length = bytes.length;
    memcpy(value->bytes, bytes.bytes, bytes.length);
    value->bytes[bytes.length] = '\0';
    *call->last_value = value;
    call->last_value = &value->next;
    weir__context_done(call->pool->weir, &call->wakeup);
}

/* It cannot be answered by another method any more, which would have the rest of the time. */
static void use_all_time(struct weir_call *call)
{
    if (call->deadline_ns == call->last_ns)
        return;
    call->deadline_ns = call->last_ns;
    weir__timer_heap_set(&call->pool->timers, &call->deadline, call->deadline_ns);
}

void weir__call_value(struct weir_call *call, struct weir__slice value)
{
    if (call->state != WEIR__CALL_SENT || call->operation.over)
        return; /* the owner already has the outcome */
    if (!call->has_output) {
        fail_stream(call, "a value for a function without an output stream");
        return;
    }
    if (!weir__receiver_take(&call->receiver)) {
        fail_stream(call, "a value without credit");
        return;
    }
    if (!call->has_streamed)
        use_all_time(call);
    call->has_streamed = 1;
    call->figures->values_out++;
    if (call->has_sink && call->sink.on_value != NULL) {
        weir__operation_hold(&call->operation);
        call->sink.on_value(call, value.bytes, value.length, call->sink.context);
        weir__operation_release(&call->operation);
    } else if (call->drops_values) {
        weir__call_consumed(call);
    } else {
        keep(call, value);
    }
}

void weir__call_credit(struct weir_call *call, int64_t n)
{
    if (call->state != WEIR__CALL_SENT || call->operation.over || !call->input)
        return;
    if (!weir__sender_grant(&call->sender, n)) {
        fail_stream(call, "credit that is not a positive integer");
        return;
    }
    weir__context_done(call->pool->weir, &call->wakeup);
    if (call->has_sink && call->sink.on_credit != NULL) {
        weir__operation_hold(&call->operation);
        call->sink.on_credit(call, call->sink.context);
        weir__operation_release(&call->operation);
    }
}

void weir__call_progress(struct weir_call *call, const struct weir__incoming *incoming)
{
    struct weir_progress progress = {.progress = incoming->progress, .total = incoming->total};
    char *message;

    if (call->state != WEIR__CALL_SENT || call->operation.over)
        return;
    message = weir__slice_string(incoming->value, NULL);
    progress.message = message;
    progress.length = message != NULL ? strlen(message) : 0;
    weir__context_tell(call->pool->weir, (struct weir_event){
                                             .kind = WEIR_EVENT_CALL_PROGRESS,
                                             .stage = (int)call->group->number,
                                             .name = call->method,
                                             .pid = call->reply.pid,
                                             .text = message != NULL ? message : "",
                                             .length = progress.length,
                                             .progress = progress.progress,
                                             .total = progress.total,
                                         });
    if (call->has_sink && call->sink.on_progress != NULL) {
        weir__operation_hold(&call->operation);
        call->sink.on_progress(call, &progress, call->sink.context);
        weir__operation_release(&call->operation);
    }
    free(message);
}

struct weir__slice weir__call_input_error(const struct weir_call *call)
{
    if (call->input_error == NULL)
        return (struct weir__slice){NULL, 0};
    return weir__slice_of(call->input_error);
}

static void write_credit(struct weir_call *call, int64_t n)
{
    if (call->state == WEIR__CALL_SENT && call->worker->reader.dialect->credit != NULL
        && call->worker->reader.dialect->credit(&call->pool->scratch, call->id, (uint64_t)n) == 0)
        weir__pool_worker_give(call->worker);
}

static int64_t sum(int64_t credit, int64_t n)
{
    return credit > WEIR__CREDIT_MAX - n ? WEIR__CREDIT_MAX : credit + n;
}

/* A queued call includes it in its start. */
void weir__call_grant(struct weir_call *call, int64_t n)
{
    call->all_granted = sum(call->all_granted, n);
    call->receiver.granted = sum(call->receiver.granted, n);
    write_credit(call, n);
}

void weir__call_consumed(struct weir_call *call)
{
    int64_t n = weir__receiver_consume(&call->receiver);

    if (n > 0)
        write_credit(call, n);
}
