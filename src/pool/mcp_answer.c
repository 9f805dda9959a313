#include "config.h"

#include "pool/mcp_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool/call_api.h"
#include "pool/guard.h"
#include "pool/pool_types.h"
#include "pool/server_call.h"
#include "proc/context.h"

enum {
    REPORT_MS = 100,      /* between two reports of a request */
    LONGEST_REPORT = 200, /* bytes of a value in a report */
    CREDIT = 64,          /* values of a stream in flight */
};

/* --- What it keeps -------------------------------------------------------------------- */

static char *copy(struct weir__slice slice, int *status)
{
    char *text = slice.bytes != NULL ? strndup(slice.bytes, slice.length) : NULL;

    if (slice.bytes != NULL && text == NULL)
        *status = WEIR_ERR_NOMEM;
    return text;
}

/* Trace Context: printable ASCII, else it is left out. */
static char *copy_trace(struct weir__slice slice)
{
    size_t length = 0;
    char *text = weir__slice_type(slice) == 's' ? weir__slice_string(slice, &length) : NULL;

    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~') {
            free(text);
            return NULL;
        }
    return text;
}

/* What a modern client can be asked for, and its answers: they go to the server as they are. */
static int keep_more(struct weir__mcp_request *request, struct weir__slice params,
                     struct weir__slice capabilities)
{
    static const char *const names[] = {"inputResponses", "requestState"};
    struct weir__buffer text = {0};
    struct weir__slice found[2];
    int status = 0;

    weir__object_get(params, names, found, 2);
    if (request->offer != NULL) /* those are passed on as they are */
        found[0] = found[1] = (struct weir__slice){NULL, 0};
    if (found[0].bytes != NULL)
        status = WEIR__PUT(&text, WEIR__LITERAL(",\"inputResponses\":"), found[0]);
    if (status >= 0 && found[1].bytes != NULL)
        status = WEIR__PUT(&text, WEIR__LITERAL(",\"requestState\":"), found[1]);
    if (status >= 0 && weir__slice_type(capabilities) == 'o' && capabilities.length > 2)
        status = WEIR__PUT(&text, WEIR__LITERAL(",\"_meta\":{\"" WEIR__MCP_CAPABILITIES "\":"),
                           capabilities, WEIR__LITERAL("}"));
    if (status >= 0 && text.length > 0) {
        request->more = weir__buffer_take(&text, NULL);
        status = request->more != NULL ? 0 : WEIR_ERR_NOMEM;
    }
    weir__buffer_clear(&text);
    return status;
}

int weir__mcp_request_keep(struct weir__mcp_request *request, struct weir__slice params,
                           const struct weir__mcp_meta *meta)
{
    static const char *const names[] = {"name", "arguments"};
    struct weir__slice found[2];
    char type = weir__slice_type(meta->progress_token);
    int status = 0;

    weir__object_get(params, names, found, 2);
    if (request->era == WEIR__MCP_MODERN)
        status = keep_more(request, params, meta->capabilities);
    if (request->offer != NULL) {
        request->params = copy(params.bytes != NULL ? params : WEIR__LITERAL("{}"), &status);
    } else {
        request->name = weir__slice_string(found[0], NULL);
        request->arguments = copy(found[1], &status);
        if (request->name == NULL)
            status = WEIR_ERR_NOMEM;
    }
    if (type == 's' || type == '0')
        request->token = copy(meta->progress_token, &status);
    request->traceparent = copy_trace(meta->traceparent);
    request->tracestate = copy_trace(meta->tracestate);
    return status;
}

void weir__mcp_queue_add(struct weir__mcp_queue *queue, struct weir__mcp_request *request)
{
    request->queue = queue;
    request->next = NULL;
    request->link = queue->last;
    *queue->last = request;
    queue->last = &request->next;
}

void weir__mcp_queue_remove(struct weir__mcp_request *request)
{
    if (request->link == NULL)
        return;
    *request->link = request->next;
    if (request->next != NULL)
        request->next->link = request->link;
    else
        request->queue->last = request->link;
    request->link = NULL;
}

static void drop_report(struct weir__mcp_request *request)
{
    if (request->report_link == NULL)
        return;
    *request->report_link = request->next_report;
    if (request->next_report != NULL)
        request->next_report->report_link = request->report_link;
    request->report_link = NULL;
}

void weir__mcp_request_clear(struct weir__mcp_request *request)
{
    drop_report(request);
    weir__timer_close(&request->idle);
    free(request->name);
    free(request->arguments);
    free(request->params);
    free(request->more);
    free(request->token);
    free(request->traceparent);
    free(request->tracestate);
    request->call->connection->calls_weight -= request->gathered.capacity;
    weir__buffer_clear(&request->gathered);
    weir__buffer_clear(&request->report);
}

/* --- Progress --------------------------------------------------------------------------- */

static int64_t due_ns(const struct weir__mcp_request *request)
{
    return request->reported_ns + (int64_t)REPORT_MS * 1000000;
}

void weir__mcp_progress_due(struct weir__mcp_front *front)
{
    int64_t now_ns = weir__clock_ns(), wait_ns = INT64_MAX;
    struct weir__mcp_request *request = front->reporting, *next;

    for (; request != NULL; request = next) {
        struct weir__connection *connection = request->call->connection;

        next = request->next_report;
        if (due_ns(request) > now_ns) {
            if (due_ns(request) - now_ns < wait_ns)
                wait_ns = due_ns(request) - now_ns;
            continue;
        }
        drop_report(request);
        request->reported_ns = now_ns;
        /* A client that does not read its answers is told nothing more. */
        if (!connection->is_over && weir__connection_has_room(connection))
            weir__connection_sent(connection,
                                  weir__buffer_add(&connection->sending, request->report.bytes,
                                                   request->report.length, NULL));
    }
    if (front->reporting != NULL)
        weir__timer_start(front->progress, wait_ns / 1000000 + 1);
}

/* Keeps a report until it is due. A later one replaces it. */
static void report(struct weir__mcp_request *request, const char *progress, const char *total,
                   struct weir__slice message)
{
    struct weir__mcp_front *front = request->front;
    int64_t wait_ms;

    request->report.length = 0;
    if (weir__mcp_write_progress(
            &request->report, weir__slice_of(request->token), weir__slice_of(progress),
            total != NULL ? weir__slice_of(total) : (struct weir__slice){NULL, 0}, message)
        < 0)
        return; /* no memory: the next one may have some */
    if (request->report_link != NULL)
        return;
    request->next_report = front->reporting;
    request->report_link = &front->reporting;
    if (front->reporting != NULL)
        front->reporting->report_link = &request->next_report;
    front->reporting = request;
    wait_ms = (due_ns(request) - weir__clock_ns()) / 1000000 + 1;
    if (wait_ms <= 0 || front->reporting->next_report == NULL)
        weir__timer_start(front->progress, wait_ms > 0 ? wait_ms : 0);
}

/* A value of a stream is progress. */
static void report_value(struct weir__mcp_request *request, struct weir__slice value)
{
    struct weir__buffer message = {0};
    char count[24];
    size_t length = value.length;

    if (length > LONGEST_REPORT) {
        length = LONGEST_REPORT;
        while (length > 0 && ((unsigned char)value.bytes[length] & 0xc0) == 0x80)
            length--;
    }
    snprintf(count, sizeof count, "%" PRIu64, request->values);
    if (weir__write_string(&message, value.bytes, length) == 0)
        report(request, count, NULL, (struct weir__slice){message.bytes, message.length});
    weir__buffer_clear(&message);
}

/* Appends to the values of a stream. Their memory counts as the connection's. */
static int gather(struct weir__mcp_request *request, const char *bytes, size_t length)
{
    size_t before = request->gathered.capacity;
    int status = weir__buffer_add(&request->gathered, bytes, length, NULL);

    request->call->connection->calls_weight += request->gathered.capacity - before;
    return status;
}

/* --- The answer --------------------------------------------------------------------------- */

static int write_failure(struct weir__buffer *to, const struct weir__mcp_request *request,
                         const char *text)
{
    struct weir__slice id = request->call->id;

    return request->offer != NULL ? weir__mcp_write_error(to, id, -32603, text)
                                  : weir__mcp_write_tool_error(to, id, request->era, text);
}

/* Writes an answer, and another in its place if it is too long. */
static int write_limited(struct weir__buffer *to, const struct weir__mcp_request *request,
                         struct weir__slice value)
{
    struct weir__slice id = request->call->id;
    size_t before = to->length, length, most = request->front->max_result;
    struct weir__mcp_result read;
    char sentence[160];
    int status;

    if (!request->is_mcp) {
        status = weir__mcp_write_value(to, id, request->era, value, request->structure);
    } else {
        weir__mcp_result_read(value, &read);
        if (request->era == WEIR__MCP_LEGACY
            && (read.kind == WEIR__MCP_ASKS || read.kind == WEIR__MCP_REPEAT))
            status = write_failure(to, request,
                                   "the server asks the user for something, and this client "
                                   "cannot");
        else
            status = weir__mcp_write_passed(to, id, request->era, value, request->may_be_kept);
    }
    length = to->length - before;
    if (status < 0 || length <= most)
        return status;
    to->length = before;
    snprintf(sentence, sizeof sentence,
             "the result has %zu bytes, and at most %zu are passed on: ask for less", length, most);
    return write_failure(to, request, sentence);
}

/* The text of a failure, for a model. */
static const char *text_of(const struct weir_reply *reply)
{
    if (reply == NULL)
        return "no memory for the outcome of the call";
    if (reply->outcome == WEIR_CALL_UNKNOWN)
        return "the worker died; whether it was done is not known";
    return reply->message != NULL ? reply->message : weir_outcome_name(reply->outcome);
}

/* A traceback is for the people who run the server, not for a model. */
static void tell_traceback(const struct weir__mcp_request *request, const struct weir_reply *reply)
{
    static const char *const data[] = {"data"}, *const names[] = {"traceback"};
    struct weir__slice found, traceback;
    char *text;

    if (reply == NULL || reply->error == NULL || reply->outcome != WEIR_CALL_FAILED)
        return;
    weir__object_get(weir__slice_of(reply->error), data, &found, 1);
    weir__object_get(found, names, &traceback, 1);
    text = weir__slice_type(traceback) == 's' ? weir__slice_string(traceback, NULL) : NULL;
    if (text != NULL)
        weir__context_tell(request->front->gateway.pool->weir,
                           (struct weir_event){.kind = WEIR_EVENT_LOG,
                                               .name = "error",
                                               .pid = reply->pid,
                                               .text = text,
                                               .length = strlen(text)});
    free(text);
}

static int write_answer(struct weir__buffer *to, struct weir__mcp_request *request,
                        const struct weir_reply *reply)
{
    struct weir__slice id = request->call->id;

    if (reply != NULL && reply->outcome == WEIR_CALL_RETURNED) {
        struct weir__slice value = {reply->result, reply->length};

        if (request->streams) {
            if (gather(request, request->values > 0 ? "]" : "[]", request->values > 0 ? 1 : 2) < 0)
                return WEIR_ERR_NOMEM;
            value = (struct weir__slice){request->gathered.bytes, request->gathered.length};
        }
        return write_limited(to, request, value);
    }
    if (request->is_mcp && reply != NULL && reply->outcome == WEIR_CALL_FAILED
        && reply->error != NULL)
        return weir__write_error_object(to, id, weir__slice_of(reply->error));
    return write_failure(to, request, text_of(reply));
}

/* Answers and frees the request. text: instead of an outcome. */
static void end(struct weir__mcp_request *request, const struct weir_reply *reply, const char *text)
{
    struct weir__server_call *call = request->call;
    struct weir__buffer *to = weir__connection_begin_answer(call->connection, call->batch);
    struct weir__slice answer = {NULL, 0};
    size_t before = to != NULL ? to->length : 0;
    int status = 0;

    drop_report(request);
    if (to != NULL)
        status = text != NULL ? write_failure(to, request, text) : write_answer(to, request, reply);
    if (to != NULL && status >= 0)
        answer = (struct weir__slice){to->bytes + before, to->length - before};
    weir__server_call_leave(call, answer);
    if (to != NULL)
        weir__connection_written(call->connection, call->batch, status);
    weir__server_call_free(call);
}

/* --- What its call says --------------------------------------------------------------------- */

static void on_value(weir_call_t *pool_call, const char *bytes, size_t length, void *context)
{
    struct weir__mcp_request *request = context;
    struct weir__connection *connection = request->call->connection;
    int status = gather(request, request->values == 0 ? "[" : ",", 1);

    if (status == 0)
        status = gather(request, bytes, length);
    request->values++;
    if (status < 0) {
        end(request, NULL, "no memory for the values of the stream");
        return;
    }
    if (request->gathered.length > request->front->max_result) {
        end(request, NULL, "the stream was stopped: its values are too long for one result");
        return;
    }
    if (request->token != NULL)
        report_value(request, (struct weir__slice){bytes, length});
    weir__connection_weigh(connection);
    if (++request->consumed >= CREDIT / 2) {
        weir_call_grant(pool_call, request->consumed);
        request->consumed = 0;
    }
}

static void on_progress(weir_call_t *pool_call, const struct weir_progress *progress, void *context)
{
    struct weir__mcp_request *request = context;
    struct weir__buffer message = {0};
    char done[32], total[32];

    (void)pool_call;
    if (request->idle != NULL)
        weir__timer_start(request->idle, request->idle_ms);
    if (request->token == NULL)
        return;
    if (progress->message == NULL
        || weir__write_string(&message, progress->message, progress->length) == 0)
        report(request, weir__number_text(done, progress->progress),
               progress->total >= 0 ? weir__number_text(total, progress->total) : NULL,
               (struct weir__slice){message.bytes, message.length});
    weir__buffer_clear(&message);
}

static void on_idle(void *data)
{
    struct weir__mcp_request *request = data;
    char sentence[120];

    snprintf(sentence, sizeof sentence, "the tool was stopped: it reported no progress for %g s",
             (double)request->idle_ms / 1000);
    end(request, NULL, sentence);
}

/* Whether there is a tool that may answer in place of this one, and whose results are read alike.
 */
static int may_fall_back(const struct weir__mcp_request *request, const char *method)
{
    const struct weir__gateway *gateway = &request->front->gateway;
    const char *other = weir__guard_fallback(gateway->pool->guard, method);
    const struct weir__tool *tool = other != NULL ? weir__gateway_method(gateway, other) : NULL;

    return tool != NULL && tool->is_mcp == request->is_mcp
           && (request->is_mcp || tool->structure == request->structure);
}

static void on_done(weir_call_t *pool_call, const struct weir_reply *reply, void *context)
{
    struct weir__mcp_request *request = context;

    if (may_fall_back(request, pool_call->method)
        && weir__server_call_fall_back(request->call, reply)) {
        if (request->idle != NULL)
            weir__timer_start(request->idle, request->idle_ms);
        return;
    }
    if (!request->is_mcp)
        tell_traceback(request, reply);
    end(request, reply, NULL);
}

/* The params of a request tools/call. Errors: NOMEM. */
static int write_params(struct weir__buffer *to, const struct weir__mcp_request *request,
                        const struct weir__tool *tool)
{
    int status = WEIR__PUT(to, WEIR__LITERAL("{\"name\":"));

    if (status >= 0)
        status = weir__write_string(to, tool->method, strlen(tool->method));
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"arguments\":"),
                           weir__slice_of(request->arguments != NULL ? request->arguments : "{}"),
                           weir__slice_of(request->more), WEIR__LITERAL("}"));
    return status;
}

/* Starts the call of a method, with options that are set. */
static void run(struct weir__mcp_request *request, const char *method, struct weir__slice params,
                struct weir_call_options *options, int64_t idle_ms)
{
    struct weir__server_call *call = request->call;
    weir_pool_t *pool = request->front->gateway.pool;
    struct weir_call_sink sink;
    struct weir_error error;

    weir_call_sink_init(&sink);
    sink.on_value = on_value;
    sink.on_done = on_done;
    if (request->token != NULL || idle_ms > 0)
        sink.on_progress = on_progress;
    sink.context = request;
    options->credit = CREDIT;
    options->whole = request->is_mcp;
    options->traceparent = request->traceparent;
    options->tracestate = request->tracestate;
    call->pool_call = weir__call_start(pool, call->connection->flow, method, params, options, &sink,
                                       may_fall_back(request, method), &error);
    if (call->pool_call == NULL) {
        end(request, NULL, error.text);
        return;
    }
    request->idle_ms = idle_ms;
    if (idle_ms > 0
        && weir__timer_new(pool->weir->loop, on_idle, request, &request->idle, NULL) == 0)
        weir__timer_start(request->idle, idle_ms);
}

void weir__mcp_answer_start(struct weir__mcp_request *request, const struct weir__tool *tool)
{
    const char *method = tool->method;
    struct weir__buffer params = {0};
    struct weir_call_options options;
    struct weir__slice arguments = {NULL, 0};

    weir_call_options_init(&options);
    options.kind = (int)tool->kind;
    options.timeout_ms = tool->timeout_ms;
    request->streams = tool->streams;
    request->is_mcp = tool->is_mcp;
    request->structure = tool->structure;
    if (request->arguments != NULL)
        arguments = weir__slice_of(request->arguments);
    if (tool->is_mcp && request->more != NULL) {
        if (write_params(&params, request, tool) < 0) {
            weir__buffer_clear(&params);
            end(request, NULL, "no memory for the call");
            return;
        }
        method = "tools/call";
        arguments = (struct weir__slice){params.bytes, params.length};
    }
    run(request, method, arguments, &options, tool->idle_ms);
    weir__buffer_clear(&params);
}

void weir__mcp_answer_pass(struct weir__mcp_request *request, unsigned kind, const char *method,
                           struct weir__slice params)
{
    const struct weir__gateway *gateway = &request->front->gateway;
    struct weir_call_options options;

    weir_call_options_init(&options);
    options.kind = (int)kind;
    options.timeout_ms = weir__gateway_timeout(gateway, kind, method);
    request->is_mcp = true;
    run(request, method, params, &options, weir__gateway_idle(gateway, kind));
}
