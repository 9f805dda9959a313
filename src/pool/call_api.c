/* The owner's functions for a call: start, send, receive, wait, free. */
#include "config.h"

#include "pool/call_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/utf8.h"
#include "pool/call.h"
#include "pool/call_stream.h"
#include "pool/dispatch.h"
#include "pool/guard.h"
#include "pool/pool.h"
#include "pool/worker_calls.h"

enum {
    LONGEST_METHOD = 128,
    FALLBACK_PERCENT = 20, /* of the time is for the method that answers in place of another */
};

/* --- Operations -------------------------------------------------- */

static void abandon(struct weir__operation *operation)
{
    struct weir_call *call = (struct weir_call *)operation;
    struct weir_pool *pool = call->pool;

    weir__pool_enter(pool);
    if (call->is_decided)
        weir__call_deadline(call);
    else
        weir__call_ask(call, WEIR__ASKED_CANCEL);
    weir__pool_leave(pool);
}

static void call_done(struct weir__operation *operation)
{
    struct weir_call *call = (struct weir_call *)operation;

    if (call->has_sink && call->sink.on_done != NULL)
        call->sink.on_done(call, &call->reply, call->sink.context);
}

static void destroy(struct weir__operation *operation)
{
    weir__call_unref((struct weir_call *)operation);
}

/* --- The start ------------------------------------------------------------- */

static int check_method(const char *method, struct weir_error *error)
{
    size_t length = strlen(method);

    if (length == 0 || length > LONGEST_METHOD || !weir__utf8_valid(method, length))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "a function name is 1 to %d bytes of UTF-8",
                          LONGEST_METHOD);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)method[i] < ' ')
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "a function name cannot contain control characters");
    return 0;
}

static int check_params(const char *bytes, size_t length, struct weir__buffer *made,
                        struct weir__slice *params, struct weir_error *error)
{
    int status;
    char type;

    *params = (struct weir__slice){NULL, 0};
    if (bytes == NULL)
        return 0;
    status = weir__value_check(bytes, length, "params", made, params, error);
    type = weir__slice_type(*params);
    if (status == 0 && type != 'a' && type != 'o')
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "params must be a JSON array (by position) or object (by name)");
    return status;
}

static char *put(char **to, const char *bytes, size_t length)
{
    char *begin = *to;

    if (bytes == NULL)
        return NULL;
    memcpy(begin, bytes, length);
    begin[length] = '\0';
    *to += length + 1;
    return begin;
}

static size_t length_of(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

/* Everything that can fail comes first. */
static int begin(struct weir__operation *operation, const void *given)
{
    struct weir_call *call = (struct weir_call *)operation;
    struct weir_pool *pool = call->pool;
    int status = weir__timer_heap_join(&pool->timers, &call->operation.error);

    (void)given;
    if (status == 0) {
        status = weir__timer_heap_join(&pool->timers, &call->operation.error);
        if (status < 0)
            weir__timer_heap_leave(&pool->timers, &call->deadline);
    }
    if (status < 0) {
        atomic_fetch_sub(&call->refs, 1); /* the pool never took it */
        return status;
    }
    weir__pool_enter(pool);
    pool->alive++;
    if (call->deadline_ns != INT64_MAX)
        weir__timer_heap_set(&pool->timers, &call->deadline, call->deadline_ns);
    weir__dispatch_call(call);
    weir__pool_leave(pool);
    call->is_starting = 0;
    return 0;
}

static const struct weir__operation_ops operation_ops = {
    .noun = "the call",
    .begin = begin,
    .abandon = abandon,
    .report = call_done,
    .destroy = destroy,
};

static struct weir_call *make(struct weir_pool *pool, const char *method, struct weir__slice params,
                              const struct weir_call_options *options, int falls_back,
                              struct weir_error *error)
{
    size_t names = strlen(method), parent = length_of(options->traceparent),
           state = length_of(options->tracestate);
    struct weir_call *call = calloc(1, sizeof *call + names + params.length + parent + state + 4);
    char *to = (char *)(call + 1);

    if (call == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a call");
        return NULL;
    }
    call->method = put(&to, method, names);
    call->params = (struct weir__slice){put(&to, params.bytes, params.length), params.length};
    call->traceparent = put(&to, options->traceparent, parent);
    call->tracestate = put(&to, options->tracestate, state);
    call->whole = options->whole;
    call->operation.weir = pool->weir;
    call->operation.ops = &operation_ops;
    call->pool = pool;
    call->figures = &pool->figures.others;
    atomic_init(&call->refs, 2);
    call->last_value = &call->values;
    call->idempotent = options->idempotent;
    call->input = options->input;
    call->credit = options->credit;
    call->all_granted = options->credit;
    call->only_group = options->kind;
    call->deadline = (struct weir__heap_timer){.ring = weir__call_deadline, .owner = call};
    call->stop_timer = (struct weir__heap_timer){.ring = weir__call_stop_step, .owner = call};
    call->started_ns = weir__clock_ns();
    call->deadline_ns = INT64_MAX;
    if (options->timeout_ms != WEIR_FOREVER
        && options->timeout_ms < (INT64_MAX - call->started_ns) / 1000000)
        call->deadline_ns = call->started_ns + options->timeout_ms * 1000000;
    call->last_ns = call->deadline_ns;
    if (call->deadline_ns != INT64_MAX && !options->input && falls_back
        && weir__guard_fallback(pool->guard, method) != NULL)
        call->deadline_ns -= options->timeout_ms * (1000000 / 100 * FALLBACK_PERCENT);
    return call;
}

static struct weir_call *start(weir_pool_t *pool, struct weir__flow *flow, const char *method,
                               const char *params, size_t params_length,
                               const struct weir_call_options *given,
                               const struct weir_call_sink *sink, int waits, int falls_back,
                               struct weir_error *error)
{
    struct weir_call_options options;
    struct weir__buffer made = {0};
    struct weir__slice checked;
    struct weir_call *call = NULL;
    struct weir_call_sink taken = {.size = sizeof taken};
    int status = check_method(method, error);

    weir_call_options_init(&options);
    if (status == 0)
        status = weir__options_take(&options, sizeof options, given, "weir_call_options", error);
    if (status == 0)
        status = weir__options_take(&taken, sizeof taken, sink, "weir_call_sink", error);
    if (status == 0 && waits && options.input)
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "weir_call() sends no input stream: use weir_call_start()");
    if (status == 0 && options.kind >= 0 && (size_t)options.kind >= pool->group_count)
        status = weir__fail(error, WEIR_ERR_INVALID, 0, "the pool has no kind %d of worker",
                            options.kind);
    if (status == 0)
        status = check_params(params, params_length, &made, &checked, error);
    if (status == 0)
        call = make(pool, method, checked, &options, falls_back, error);
    weir__buffer_clear(&made);
    if (call == NULL)
        return NULL;
    call->flow = flow;
    if (sink != NULL) {
        call->sink = taken;
        call->has_sink = 1;
    }
    call->is_starting = !waits;
    call->drops_values = waits;
    if (weir__operation_begin(&call->operation, NULL, waits, error) < 0)
        return NULL;
    return call;
}

weir_call_t *weir_call_start(weir_pool_t *pool, const char *method, const char *params,
                             size_t params_length, const struct weir_call_options *options,
                             const struct weir_call_sink *sink, struct weir_error *error)
{
    return start(pool, NULL, method, params, params_length, options, sink, 0, 0, error);
}

struct weir_call *weir__call_start(weir_pool_t *pool, struct weir__flow *flow, const char *method,
                                   struct weir__slice params,
                                   const struct weir_call_options *options,
                                   const struct weir_call_sink *sink, int falls_back,
                                   struct weir_error *error)
{
    return start(pool, flow, method, params.bytes, params.length, options, sink, 0, falls_back,
                 error);
}

int weir_call(weir_pool_t *pool, const char *method, const char *params,
              const struct weir_call_options *options, struct weir_reply *reply,
              struct weir_error *error)
{
    struct weir_error why = {0};
    struct weir_call *call;
    int status;

    if (weir__context_leads(pool->weir))
        return weir__fail(error, WEIR_ERR_BUSY, 0,
                          "cannot wait inside a callback of the same context: use "
                          "weir_call_start()");
    call = start(pool, NULL, method, params, params != NULL ? strlen(params) : 0, options, NULL, 1,
                 0, &why);
    status = call != NULL ? weir_call_wait(call, reply, &why) : (int)why.status;
    weir_call_free(call);
    if (status < 0 && error != NULL)
        *error = why;
    return status;
}

/* --- Its outcome ----------------------------------------------------------- */

static void do_drop_values(void *data)
{
    struct weir_call *call = data;
    struct weir_pool *pool = call->pool;
    struct weir__value *value;

    call->drops_values = 1;
    if (pool != NULL)
        weir__pool_enter(pool);
    while ((value = call->values) != NULL) {
        call->values = value->next;
        free(value);
        weir__call_consumed(call);
    }
    call->last_value = &call->values;
    if (pool != NULL)
        weir__pool_leave(pool);
}

static int wait_for(weir_call_t *call, struct weir_reply *reply,
                    int (*wait)(struct weir__operation *, void *, struct weir_error *),
                    struct weir_error *error)
{
    int status;

    if (!call->drops_values)
        weir__context_do_then_wait(call->operation.weir, do_drop_values, call);
    status = wait(&call->operation, NULL, error);
    if (status < 0)
        return status;
    *reply = call->reply;
    call->reply = (struct weir_reply){.outcome = reply->outcome, .code = reply->code};
    return 0;
}

int weir_call_wait(weir_call_t *call, struct weir_reply *reply, struct weir_error *error)
{
    return wait_for(call, reply, weir__operation_wait, error);
}

int weir_call_wait_interruptible(weir_call_t *call, struct weir_reply *reply,
                                 struct weir_error *error)
{
    return wait_for(call, reply, weir__operation_wait_interruptible, error);
}

static void cancel(struct weir__operation *operation, int number)
{
    struct weir_call *call = (struct weir_call *)operation;
    struct weir_pool *pool = call->pool;

    (void)number;
    if (call->state == WEIR__CALL_OVER)
        return;
    weir__pool_enter(pool);
    weir__call_ask(call, WEIR__ASKED_CANCEL);
    weir__pool_leave(pool);
}

void weir_call_cancel(weir_call_t *call)
{
    weir__operation_ask(&call->operation, cancel, 0);
}

void weir_call_free(weir_call_t *call)
{
    if (call != NULL)
        weir__operation_free(&call->operation);
}

/* --- Its output stream ----------------------------------------------------- */

struct taking {
    struct weir_call *call;
    int status; /* 1: received; 0: end of stream; -1: wait */
};

static void do_take(void *data)
{
    struct taking *taking = data;
    struct weir_call *call = taking->call;
    struct weir_pool *pool = call->pool;
    struct weir__value *value = call->values;

    free(call->taken);
    call->taken = value;
    if (value == NULL) {
        taking->status = call->operation.over ? 0 : -1;
        call->wakeup = 0;
        return;
    }
    taking->status = 1;
    call->values = value->next;
    if (value->next == NULL)
        call->last_value = &call->values;
    if (call->state != WEIR__CALL_SENT)
        return;
    weir__pool_enter(pool);
    weir__call_consumed(call);
    weir__pool_leave(pool);
}

int weir_call_next(weir_call_t *call, const char **bytes, size_t *length, struct weir_error *error)
{
    struct taking taking = {call, 0};

    if (call->has_sink && call->sink.on_value != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "on_value takes the values of this call");
    for (;;) {
        int status;

        weir__context_do_then_wait(call->operation.weir, do_take, &taking);
        if (taking.status >= 0)
            break;
        status = weir__context_wait(call->operation.weir, &call->wakeup, error);
        if (status < 0)
            return status;
    }
    if (taking.status == 1) {
        *bytes = call->taken->bytes;
        *length = call->taken->length;
    }
    return taking.status;
}

struct granting {
    struct weir_call *call;
    unsigned values;
};

static void do_grant(void *data)
{
    struct granting *granting = data;
    struct weir_call *call = granting->call;
    struct weir_pool *pool = call->pool;

    if (call->state == WEIR__CALL_OVER)
        return;
    weir__pool_enter(pool);
    weir__call_grant(call, granting->values);
    weir__pool_leave(pool);
}

void weir_call_grant(weir_call_t *call, unsigned values)
{
    struct granting granting = {call, values};

    if (values > 0)
        weir__context_do(call->operation.weir, do_grant, &granting);
}

/* --- Its input stream ------------------------------------------------------ */

struct sending {
    struct weir_call *call;
    struct weir__slice value;
    int status; /* 1: sent; 0: stream closed; -1: wait */
};

static void do_send(void *data)
{
    struct sending *sending = data;
    struct weir_call *call = sending->call;
    struct weir_pool *pool = call->pool;

    if (call->operation.over || call->is_decided || call->input_is_over
        || call->state == WEIR__CALL_CANCELLING) {
        sending->status = 0;
        return;
    }
    if (call->state != WEIR__CALL_SENT || !weir__sender_take(&call->sender)) {
        sending->status = -1;
        call->wakeup = 0;
        return;
    }
    weir__pool_enter(pool);
    call->has_streamed = 1;
    call->figures->values_in++;
    if (call->worker->reader.dialect->chunk(&pool->scratch, call->id, sending->value) == 0)
        weir__pool_worker_give(call->worker);
    weir__pool_leave(pool);
    sending->status = 1;
}

int weir_call_send(weir_call_t *call, const char *value, size_t length, struct weir_error *error)
{
    struct weir__buffer made = {0};
    struct sending sending = {.call = call};
    int status;

    if (!call->input)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the call has no input stream: set input in its options");
    status = weir__value_check(value, length, "the value", &made, &sending.value, error);
    while (status == 0) {
        weir__context_do(call->operation.weir, do_send, &sending);
        if (sending.status >= 0)
            break;
        status = weir__context_wait(call->operation.weir, &call->wakeup, error);
    }
    weir__buffer_clear(&made);
    return status < 0 ? status : sending.status;
}

struct looking {
    const struct weir_call *call;
    uint64_t credit;
};

static void do_look(void *data)
{
    struct looking *looking = data;
    const struct weir_call *call = looking->call;

    if (call->state == WEIR__CALL_SENT && !call->sender.is_closed)
        looking->credit = (uint64_t)call->sender.credit;
}

uint64_t weir_call_credit(const weir_call_t *call)
{
    struct looking looking = {call, 0};

    weir__context_do_then_wait(call->operation.weir, do_look, &looking);
    return looking.credit;
}

struct ending {
    struct weir_call *call;
    char *error;
};

static void do_end(void *data)
{
    struct ending *ending = data;
    struct weir_call *call = ending->call;
    struct weir_pool *pool = call->pool;

    if (!call->input || call->input_is_over || call->state == WEIR__CALL_OVER)
        return;
    call->input_is_over = 1;
    call->input_error = ending->error;
    ending->error = NULL;
    if (call->state != WEIR__CALL_SENT)
        return; /* sent after the call, once that is sent */
    call->sender.is_closed = true;
    weir__pool_enter(pool);
    if (call->worker->reader.dialect->end(&pool->scratch, call->id, weir__call_input_error(call))
        == 0)
        weir__pool_worker_give(call->worker);
    weir__pool_leave(pool);
}

void weir_call_end(weir_call_t *call, const char *message)
{
    struct weir__buffer error = {0};
    struct ending ending = {call, NULL};

    if (message != NULL
        && weir__write_error_value(&error, 1000, message, (struct weir__slice){NULL, 0}) == 0)
        ending.error = weir__buffer_take(&error, NULL);
    weir__buffer_clear(&error);
    weir__context_do(call->operation.weir, do_end, &ending);
    free(ending.error);
}
