/* Calls and records of a trace. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "base/trace_context.h"
#include "base/trace_types.h"

struct weir__trace_call {
    struct weir__trace_id trace;
    uint64_t parent, span, function;
    int64_t sent_ns, stands_for;
    pid_t pid;
    int is_client;
    char context[WEIR__TRACEPARENT_SIZE];
};

/* Whose trace a call belongs to: its caller's if it brought one, or the root's. */
struct call_origin {
    struct weir__trace_id trace;
    uint64_t span;
    int is_brought, is_sampled;
};

static struct call_origin origin_of(const struct weir__trace *trace, const char *parent)
{
    struct call_origin origin = {.is_sampled = 1};

    origin.is_brought =
        parent != NULL
        && weir__traceparent_read(parent, &origin.trace, &origin.span, &origin.is_sampled);
    if (!origin.is_brought)
        origin = (struct call_origin){trace->root.trace, trace->root.span, 0, 1};
    return origin;
}

/* Returns NULL if there is no memory. */
static struct weir__trace_call *begin_call(struct weir__trace *trace,
                                           const struct call_origin *origin, int64_t stands_for)
{
    struct weir__trace_call *call = calloc(1, sizeof *call);

    if (call == NULL) {
        trace->no_memory++;
        return NULL;
    }
    call->trace = origin->trace;
    call->parent = origin->span;
    call->span = weir__trace_next_id(&trace->random);
    call->stands_for = stands_for;
    return call;
}

/* A call that is sent is taken by its turn, or because its caller takes it. */
static struct weir__trace_call *take_sent(struct weir__trace *trace, const char *parent,
                                          int64_t now_ns)
{
    struct call_origin origin;
    int64_t stands_for = 0;

    if (parent == NULL && !weir__sampler_offer(&trace->sampler, now_ns, 0))
        return NULL;
    origin = origin_of(trace, parent);
    if (!origin.is_sampled)
        return NULL;
    if (parent == NULL || weir__sampler_offer(&trace->sampler, now_ns, 0) || origin.is_brought)
        stands_for = weir__sampler_take(&trace->sampler, now_ns, origin.is_brought);
    return stands_for != 0 ? begin_call(trace, &origin, stands_for) : NULL;
}

/* One that was not, or was never sent, is taken at its end if it is notable. */
static struct weir__trace_call *take_over(struct weir__trace *trace,
                                          const struct weir__trace_outcome *how, int has_failed)
{
    int64_t now_ns = how->ended_ns, took_ns = now_ns - how->started_ns, stands_for;
    struct call_origin origin;
    struct weir__trace_call *call;

    if (!has_failed && how->attempts == 1
        && !weir__sampler_is_slow(&trace->sampler, now_ns, took_ns))
        return NULL;
    origin = origin_of(trace, how->parent);
    if (!origin.is_sampled)
        return NULL;
    if (how->attempts == 0) {
        weir__sampler_offer(&trace->sampler, now_ns, took_ns);
        stands_for = weir__sampler_take(&trace->sampler, now_ns, 1);
    } else {
        stands_for = weir__sampler_take_beside(&trace->sampler, now_ns);
    }
    call = stands_for != 0 ? begin_call(trace, &origin, stands_for) : NULL;
    if (call == NULL)
        return NULL;
    call->pid = how->pid;
    call->is_client = how->is_client;
    call->sent_ns = how->started_ns + how->queued_ns;
    call->function = weir__trace_next_id(&trace->random);
    return call;
}

/* The span of the function in the worker that has, or had, the call. */
static void put_function(struct weir__trace *trace, const struct weir__trace_call *call,
                         const char *method, const char *failure, int64_t now_ns)
{
    struct weir__attribute attributes[] = {
        {.key = call->pid > 0 ? "process.pid" : NULL, .number = call->pid},
    };
    struct weir__span span = {
        .context = {call->trace, call->function, call->span},
        .name = method,
        .category = "call",
        .kind = WEIR__SPAN_SERVER,
        .start_ns = call->sent_ns,
        .end_ns = now_ns,
        .group = call->span,
        .has_failed = failure != NULL,
        .message = failure,
        .attributes = attributes,
        .attribute_count = 1,
    };

    weir__trace_file_span(&trace->file, &span);
}

void weir__trace_call_sent(struct weir__trace *trace, struct weir__trace_call **made,
                           const char *parent, const char *method, pid_t pid, int is_client,
                           int64_t now_ns)
{
    struct weir__trace_call *call = *made;

    if (call != NULL && !call->is_client)
        put_function(trace, call, method, "the call was sent to another worker", now_ns);
    if (call == NULL)
        call = *made = take_sent(trace, parent, now_ns);
    if (call == NULL)
        return;
    call->pid = pid;
    call->is_client = is_client;
    call->sent_ns = now_ns;
    call->function = is_client ? call->span : weir__trace_next_id(&trace->random);
    weir__traceparent_write(call->context, &call->trace, call->function);
}

const char *weir__trace_call_context(const struct weir__trace_call *call, const char *otherwise)
{
    return call != NULL ? call->context : otherwise;
}

/* Left out where that is itself. */
static struct weir__attribute stands_for(int64_t count)
{
    return (struct weir__attribute){.key = count > 1 ? "weir.stands_for" : NULL, .number = count};
}

void weir__trace_call_over(struct weir__trace *trace, struct weir__trace_call **made,
                           const struct weir__trace_outcome *how)
{
    int has_failed = strcmp(how->outcome, "returned") != 0;
    struct weir__trace_call *call = *made != NULL ? *made : take_over(trace, how, has_failed);
    char name[WEIR__TRACE_NAME_SIZE];
    struct weir__attribute attributes[] = {
        {.key = "rpc.method", .text = how->method},
        {.key = "weir.outcome", .text = how->outcome},
        {.key = "weir.queued_us"},
        {.key = "weir.attempts", .number = how->attempts},
        {.key = NULL},
    };
    struct weir__span span = {
        .name = name,
        .category = "call",
        .kind = WEIR__SPAN_INTERNAL,
        .start_ns = how->started_ns,
        .end_ns = how->ended_ns,
        .has_failed = has_failed,
        .message = has_failed ? how->message : NULL,
        .attributes = attributes,
        .attribute_count = sizeof attributes / sizeof attributes[0],
    };

    if (call == NULL)
        return;
    *made = NULL;
    snprintf(name, sizeof name, "call %s", how->method);
    if (call->is_client)
        span.kind = WEIR__SPAN_CLIENT;
    else if (how->attempts > 0)
        put_function(trace, call, how->method, span.message, how->ended_ns);
    span.context = (struct weir__span_context){call->trace, call->span, call->parent};
    span.group = call->span;
    attributes[2].number =
        ((how->attempts > 0 ? call->sent_ns : span.end_ns) - how->started_ns) / 1000;
    attributes[4] = stands_for(call->stands_for);
    if (call->stands_for > 0)
        weir__sampler_took(&trace->sampler, how->ended_ns - how->started_ns);
    weir__trace_file_span(&trace->file, &span);
    free(call);
}

struct weir__trace_sampler *weir__trace_sampler(struct weir__trace *trace)
{
    return &trace->sampler;
}

void weir__trace_record(struct weir__trace *trace, const struct weir__trace_answer *answer,
                        int64_t now_ns)
{
    int is_notable = answer->failure != NULL || answer->retries > 0
                     || weir__sampler_is_slow(&trace->sampler, now_ns, answer->took_ns);
    int64_t count = weir__sampler_take(&trace->sampler, now_ns, is_notable);
    struct weir__attribute attributes[] = {
        {.key = "weir.line", .number = (int64_t)answer->line},
        /* not always known yet */
        {.key = answer->pid > 0 ? "process.pid" : NULL, .number = answer->pid},
        {.key = answer->failure == NULL ? "weir.reply_bytes" : NULL,
         .number = (int64_t)answer->bytes},
        {.key = answer->retries > 0 ? "weir.retries" : NULL, .number = answer->retries},
        stands_for(count),
    };
    struct weir__span span = {
        .context = {trace->root.trace, 0, trace->root.span},
        .name = "record",
        .category = "record",
        .kind = WEIR__SPAN_INTERNAL,
        .start_ns = now_ns - answer->took_ns,
        .end_ns = now_ns,
        .has_failed = answer->failure != NULL,
        .message = answer->failure,
        .attributes = attributes,
        .attribute_count = sizeof attributes / sizeof attributes[0],
    };

    if (count == 0)
        return;
    if (count > 0)
        weir__sampler_took(&trace->sampler, answer->took_ns);
    span.context.span = weir__trace_next_id(&trace->random);
    span.group = span.context.span;
    weir__trace_file_span(&trace->file, &span);
}
