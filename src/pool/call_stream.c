#include "config.h"

#include "pool/call_stream.h"

#include <stdlib.h>
#include <string.h>

#include "pool/call.h"
#include "pool/worker_calls.h"
#include "proc/context.h"

static void fail_stream(struct weir_call *call, const char *rule)
{
    weir__call_set_outcome(call, WEIR_CALL_FAILED, -33004,
                           "the worker violated the stream protocol: %s", rule);
    weir__call_ask(call, WEIR__ASKED_BROKEN);
}

static void keep(struct weir_call *call, struct weir__slice bytes)
{
    struct weir__value *value = malloc(sizeof *value + bytes.length + 1);

    if (value == NULL) {
        weir__call_set_outcome(call, WEIR_CALL_FAILED, -32603, "no memory for a value");
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
