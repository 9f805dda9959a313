#include "config.h"

#include "web/exchange.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/json_parse.h"
#include "pool/call_api.h"
#include "pool/fallback.h"
#include "pool/guard.h"
#include "pool/worker_group.h"
#include "rpc/rpc_parse.h"
#include "text/json_validate.h"
#include "http/fields.h"
#include "web/account.h"
#include "web/answer.h"
#include "web/input.h"
#include "web/kept.h"
#include "web/live.h"
#include "web/output.h"

enum {
    CREDIT = 16,         /* values of a call in flight */
    ARRAY_MAX = 8 << 20, /* of a stream that is sent as one array */
    NS_PER_MS = 1000000,
};

static const struct weir__http_text nothing = {NULL, 0};

/* --- Its end --------------------------------------------------------------------- */

static void free_exchange(struct weir__web_exchange *exchange)
{
    weir__web_live_tell(exchange->door);
    weir__web_account_call(exchange);
    *exchange->link = exchange->next;
    if (exchange->next != NULL)
        exchange->next->link = exchange->link;
    if (exchange->client != NULL)
        exchange->client->exchange = NULL;
    if (exchange->kept != NULL)
        exchange->kept->exchange = NULL;
    weir_call_free(exchange->call);
    weir__buffer_clear(&exchange->array);
    free(exchange->origin);
    free(exchange);
}

static void leave_client(struct weir__web_exchange *exchange)
{
    exchange->client->exchange = NULL;
    exchange->client = NULL;
}

void weir__web_exchange_drop(struct weir__web_exchange *exchange)
{
    if (exchange->kept != NULL)
        leave_client(exchange);
    else
        free_exchange(exchange);
}

void weir__web_exchange_end_all(struct weir__web_door *door)
{
    while (door->exchanges != NULL)
        free_exchange(door->exchanges);
}

/* --- The response ------------------------------------------------------------------ */

static void format_timing(const struct weir_reply *reply, char timing[WEIR__WEB_TIMING])
{
    snprintf(timing, WEIR__WEB_TIMING, "queue;dur=%.3f, work;dur=%.3f",
             (double)reply->queued_ns / NS_PER_MS,
             (double)(reply->wall_ns - reply->queued_ns) / NS_PER_MS);
}

static struct weir__http_writer begin_response(struct weir__web_exchange *exchange, int status,
                                               const struct weir_reply *reply)
{
    struct weir__http_writer writer = weir__web_begin(exchange->client, status);
    char timing[WEIR__WEB_TIMING];

    weir__http_write_field(&writer, "Weir-Call", exchange->id);
    exchange->status = status;
    if (exchange->has_fallen_back)
        weir__http_write_field(&writer, "Weir-Fallback",
                               weir__guard_fallback(exchange->door->pool->guard, exchange->method));
    if (reply != NULL) {
        format_timing(reply, timing);
        weir__http_write_field(&writer, "Server-Timing", timing);
    }
    return writer;
}

/* The data of an error object, without the traceback of an exception unless that is wanted. */
static char *error_data(const struct weir__web_exchange *exchange, const struct weir_reply *reply)
{
    json_t *error = weir__json_parse(reply->error, strlen(reply->error), JSON_ALLOW_NUL, NULL);
    json_t *data = json_object_get(error, "data");
    char *text;

    if (!exchange->door->options.has_tracebacks && json_is_object(data))
        json_object_del(data, "traceback");
    text = data != NULL ? weir__tree_text(data, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(error);
    return text;
}

static struct weir__http_problem find_problem(const struct weir__web_exchange *exchange,
                                              const struct weir_reply *reply)
{
    struct weir__http_problem problem = weir__http_problem_of_code(reply->code);

    if (exchange->failure != NULL)
        problem = weir__http_problem_of_status(exchange->failure_status, NULL);
    else if (reply->code == -32800 && exchange->door->is_draining && !exchange->is_cancelled)
        problem.status = 503;
    return problem;
}

/* What a problem says of a call whose outcome is not known. */
static char *describe(const struct weir__http_problem *problem, const char *message)
{
    static const char unknown[] = "The call may have been executed: ";
    size_t length = strlen(message) + sizeof unknown;
    char *text = malloc(length);

    if (text != NULL)
        snprintf(text, length, "%s%s", problem->status == 502 ? unknown : "", message);
    return text;
}

/* For Retry-After; 0: there is nothing to say. */
static unsigned find_retry_s(const struct weir__web_exchange *exchange,
                             const struct weir_reply *reply)
{
    const struct weir_call *call = exchange->call;
    int64_t ms = 0;

    if (reply->code == WEIR__BREAKER_CODE)
        ms = weir__guard_left_ms(exchange->door->pool, exchange->method);
    else if (reply->code == -33007 && call->group != NULL)
        ms = weir__supervisor_wait_ms(&call->group->supervisor, weir__clock_ns());
    return (unsigned)((ms + 999) / 1000);
}

static void answer_failure(struct weir__web_exchange *exchange, const struct weir_reply *reply)
{
    struct weir__web_client *client = exchange->client;
    struct weir__http_problem problem = find_problem(exchange, reply);
    struct weir__http_writer writer = begin_response(exchange, problem.status, reply);
    char *data =
        exchange->failure == NULL && reply->error != NULL ? error_data(exchange, reply) : NULL;
    char *detail = describe(&problem, exchange->failure != NULL ? exchange->failure
                                      : reply->message != NULL  ? reply->message
                                                                : "no memory");
    char id[WEIR__WEB_CALL_ID];

    memcpy(id, exchange->id, sizeof id);
    client->retry_s = find_retry_s(exchange, reply);
    free_exchange(exchange);
    weir__web_answer_problem(client, &writer, &problem, detail, id,
                             data != NULL ? (struct weir__http_text){data, strlen(data)} : nothing);
    free(detail);
    free(data);
}

static void answer_result(struct weir__web_exchange *exchange, const struct weir_reply *reply)
{
    struct weir__web_client *client = exchange->client;
    struct weir__http_writer writer = begin_response(exchange, 200, reply);
    struct weir__buffer array = exchange->array;
    int is_array = exchange->form == WEIR__WEB_ARRAY;

    exchange->array = (struct weir__buffer){0};
    free_exchange(exchange);
    if (is_array && (array.length > 0 || weir__buffer_add(&array, "[", 1, NULL) == 0)
        && weir__buffer_add(&array, "]", 1, NULL) == 0)
        weir__web_answer(client, &writer, "application/json", array.bytes, array.length);
    else if (is_array)
        weir__web_finish(client, 1);
    else
        weir__web_answer(client, &writer, "application/json", reply->result, reply->length);
    weir__buffer_clear(&array);
}

/* --- Replies that are kept ----------------------------------------------------------- */

/* The body of the response.  Returns its status; 0: no memory. */
static int write_reply(const struct weir__web_exchange *exchange, const struct weir_reply *reply,
                       struct weir__buffer *body)
{
    struct weir__http_problem problem;
    char *data, *detail;
    int status;

    if (reply->outcome == WEIR_CALL_RETURNED)
        return weir__buffer_add(body, reply->result, reply->length, NULL) < 0 ? 0 : 200;
    problem = find_problem(exchange, reply);
    data = reply->error != NULL ? error_data(exchange, reply) : NULL;
    detail = describe(&problem, reply->message != NULL ? reply->message : "no memory");
    status = weir__http_problem_write(body, &problem, detail, exchange->id,
                                      data != NULL ? (struct weir__http_text){data, strlen(data)}
                                                   : nothing);
    free(data);
    free(detail);
    return status < 0 ? 0 : problem.status;
}

static void keep_reply(struct weir__web_exchange *exchange, const struct weir_reply *reply)
{
    struct weir__web_client *client = exchange->client;
    struct weir__web_kept *kept = exchange->kept;
    struct weir__buffer body = {0};
    char timing[WEIR__WEB_TIMING];
    int status = write_reply(exchange, reply, &body);

    format_timing(reply, timing);
    exchange->status = status;
    kept->retry_s = find_retry_s(exchange, reply);
    free_exchange(exchange);
    if (client != NULL && client->is_over)
        client = NULL;
    if (status == 0) {
        weir__web_kept_free(kept);
        if (client != NULL)
            weir__web_finish(client, 1);
    } else {
        struct weir__web_kept once = {.body = {0}};

        weir__web_kept_end(kept, status, timing, &body);
        if (status == 503 && !kept->ask.is_async) { /* it is not kept after all */
            once = *kept;
            kept->body = (struct weir__buffer){0};
            weir__web_kept_free(kept);
            kept = &once;
        }
        if (client != NULL)
            weir__web_kept_answer(client, kept, 0);
        weir__buffer_clear(&once.body);
    }
    weir__buffer_clear(&body);
}

/* The call goes on without its client. */
static void accept_call(struct weir__web_exchange *exchange)
{
    struct weir__web_client *client = exchange->client;
    struct weir__http_writer writer = begin_response(exchange, 202, NULL);
    char text[64 + WEIR__WEB_CALL_ID];

    snprintf(text, sizeof text, "/v1/calls/%s", exchange->id);
    weir__http_write_field(&writer, "Location", text);
    weir__http_write_field(&writer, "Preference-Applied", "respond-async");
    snprintf(text, sizeof text, "{\"id\":\"%s\"}", exchange->id);
    leave_client(exchange);
    weir__web_answer(client, &writer, "application/json", text, strlen(text));
}

/* --- Streams ------------------------------------------------------------------------- */

static void begin_stream(struct weir__web_exchange *exchange)
{
    struct weir__http_writer writer = begin_response(exchange, 200, NULL);

    weir__http_write_field(&writer, "Content-Type",
                           exchange->form == WEIR__WEB_EVENTS ? "text/event-stream"
                                                              : "application/x-ndjson");
    weir__http_write_field(&writer, "X-Accel-Buffering", "no");
    weir__http_write_end_chunked(&writer);
    exchange->is_head_sent = 1;
    if (writer.failed)
        weir__web_end(exchange->client);
}

/* A value, an event: one chunk each. */
static void write_value(struct weir__web_exchange *exchange, const char *event, const char *bytes,
                        size_t length)
{
    struct weir__web_client *client = exchange->client;
    struct weir__buffer text = {0};
    struct weir__http_writer line = {&text, 0}, writer = {&client->out, 0};
    char number[64];

    if (exchange->form == WEIR__WEB_EVENTS) {
        if (event != NULL)
            snprintf(number, sizeof number, "event: %s\ndata: ", event);
        else
            snprintf(number, sizeof number, "id: %" PRIu64 "\ndata: ", exchange->values);
        weir__http_write_text(&line, number);
    }
    weir__http_write(&line, bytes, length);
    weir__http_write_text(&line, exchange->form == WEIR__WEB_EVENTS ? "\n\n" : "\n");
    weir__http_write_chunk(&writer, text.bytes, text.length);
    weir__buffer_clear(&text);
    client->silent_ns = weir__clock_ns();
    if (line.failed || writer.failed)
        weir__web_end(client);
}

static void end_stream(struct weir__web_exchange *exchange, const struct weir_reply *reply)
{
    struct weir__web_client *client = exchange->client;
    struct weir__http_writer writer = {&client->out, 0};
    int returned = reply->outcome == WEIR_CALL_RETURNED && exchange->failure == NULL;
    struct weir__http_problem problem = find_problem(exchange, reply);
    struct weir__buffer text = {0};

    if (exchange->form == WEIR__WEB_EVENTS && returned) {
        write_value(exchange, "end", reply->result, reply->length);
    } else if (exchange->form == WEIR__WEB_EVENTS) {
        if (weir__http_problem_write(&text, &problem,
                                     exchange->failure != NULL ? exchange->failure : reply->message,
                                     exchange->id, nothing)
            < 0)
            weir__web_end(client);
        else
            write_value(exchange, "error", text.bytes, text.length);
        weir__buffer_clear(&text);
    } else if (returned && !exchange->has_output) {
        write_value(exchange, NULL, reply->result, reply->length);
    } else if (!returned) {
        /* Without the last chunk, so that nothing takes it for the whole. */
        client->is_closing = 1;
        free_exchange(exchange);
        weir__web_finish(client, 0);
        return;
    }
    free_exchange(exchange);
    weir__http_write_last_chunk(&writer);
    weir__web_finish(client, writer.failed);
}

void weir__web_exchange_grant(struct weir__web_exchange *exchange)
{
    int n = CREDIT - exchange->under_way;

    if (!exchange->has_output || n < CREDIT / 2
        || weir__web_owed(exchange->client) >= WEIR__WEB_OWED_MAX)
        return;
    exchange->under_way += n;
    weir_call_grant(exchange->call, (unsigned)n); /* the call may end here */
}

static void add_to_array(struct weir__web_exchange *exchange, const char *bytes, size_t length)
{
    struct weir__buffer *array = &exchange->array;

    if (exchange->failure != NULL)
        return;
    if (array->length + length > ARRAY_MAX)
        weir__web_fail_call(exchange, 500,
                            "the stream is longer than 8 MiB: ask for application/x-ndjson or "
                            "text/event-stream");
    else if (weir__buffer_add(array, array->length == 0 ? "[" : ",", 1, NULL) < 0
             || weir__buffer_add(array, bytes, length, NULL) < 0)
        weir__web_end(exchange->client);
}

static void on_value(weir_call_t *call, const char *bytes, size_t length, void *context)
{
    struct weir__web_exchange *exchange = context;
    struct weir__web_client *client = exchange->client;

    (void)call;
    exchange->under_way--;
    exchange->values++;
    if (exchange->kept != NULL || client->is_over)
        return; /* a reply that is kept has no stream */
    if (exchange->form == WEIR__WEB_ARRAY) {
        add_to_array(exchange, bytes, length);
    } else {
        if (!exchange->is_head_sent)
            begin_stream(exchange);
        write_value(exchange, NULL, bytes, length);
        weir__web_flush(client);
        weir__web_watch(client);
    }
    weir__web_exchange_grant(exchange);
}

static void on_credit(weir_call_t *call, void *context)
{
    struct weir__web_exchange *exchange = context;
    struct weir__web_client *client = exchange->client;

    (void)call;
    if (client == NULL || client->is_over || client->is_busy)
        return;
    weir__web_input_send(client);
    weir__web_watch(client);
}

/* Whether another method answers in its place. */
static int fall_back(struct weir__web_exchange *exchange, struct weir_call *call,
                     const struct weir_reply *reply)
{
    struct weir_call *again = NULL;

    if (exchange->failure == NULL && !exchange->is_cancelled)
        again = weir__fallback_start(exchange->door->pool, call, reply);
    if (again == NULL)
        return 0;
    weir__web_account_call(exchange); /* each attempt is told of */
    exchange->call = again;
    exchange->has_fallen_back = 1;
    weir_call_free(call);
    return 1;
}

static void on_done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    struct weir__web_exchange *exchange = context;
    struct weir__web_client *client = exchange->client;

    if ((exchange->kept != NULL || !client->is_over) && fall_back(exchange, call, reply))
        return;
    if (exchange->kept != NULL) {
        keep_reply(exchange, reply);
        return;
    }
    if (client->is_over) {
        free_exchange(exchange);
        return;
    }
    if (!client->is_body_over)
        client->is_closing = 1; /* the rest of the input stream is not read */
    if (!exchange->is_head_sent
        && (reply->outcome != WEIR_CALL_RETURNED || exchange->failure != NULL))
        answer_failure(exchange, reply);
    else if (exchange->form == WEIR__WEB_JSON || exchange->form == WEIR__WEB_ARRAY)
        answer_result(exchange, reply);
    else {
        if (!exchange->is_head_sent)
            begin_stream(exchange);
        end_stream(exchange, reply);
    }
}

/* --- Its start ----------------------------------------------------------------------- */

static struct weir__web_exchange *make(struct weir__web_client *client, const char *method)
{
    struct weir__web_door *door = client->door;
    size_t length = strlen(method) + 1;
    struct weir__web_exchange *exchange = calloc(1, sizeof *exchange + length);

    if (exchange == NULL)
        return NULL;
    memcpy(exchange->method, method, length);
    exchange->door = door;
    exchange->client = client;
    exchange->form = client->terms.form;
    exchange->is_input_open = client->terms.has_input;
    exchange->started_ns = weir__clock_ns();
    snprintf(exchange->id, sizeof exchange->id, "%s-%" PRIx64, door->tag, ++door->calls);
    exchange->next = door->exchanges;
    exchange->link = &door->exchanges;
    if (exchange->next != NULL)
        exchange->next->link = &exchange->next;
    door->exchanges = exchange;
    client->exchange = exchange;
    weir__web_live_tell(door);
    return exchange;
}

/* Answers a call that could not be started. */
static void refuse_start(struct weir__web_client *client, struct weir__http_text params,
                         const struct weir_error *error)
{
    int is_json = weir__json_syntax_utf8(params.bytes, params.length, NULL);
    struct weir__http_problem problem =
        weir__http_problem_of_code(error->status == WEIR_ERR_INVALID ? (is_json ? -32602 : -32700)
                                   : error->status == WEIR_ERR_TOO_LONG ? -33002
                                                                        : -32603);

    if (error->status == WEIR_ERR_TOO_LONG)
        problem.status = 413;
    weir__web_answer_problem(client, NULL, &problem, error->text, NULL, nothing);
}

/* A NUL-terminated copy of a field that may be passed on, or NULL. */
static char *copy_field(const struct weir__web_client *client, const char *name,
                        bool (*is_good)(struct weir__http_text))
{
    struct weir__http_text text =
        weir__http_request_field(&client->request, client->in.bytes, name);

    return is_good(text) ? strndup(text.bytes, text.length) : NULL;
}

void weir__web_exchange_start(struct weir__web_client *client, const char *method,
                              struct weir__http_text params)
{
    const char *streams = weir__pool_streams(client->door->pool, method);
    struct weir__web_exchange *exchange = make(client, method);
    struct weir_call_sink sink = {.size = sizeof sink,
                                  .on_value = on_value,
                                  .on_credit = on_credit,
                                  .on_done = on_done,
                                  .context = exchange};
    struct weir_call_options options;
    struct weir_error error;
    char *parent, *state, made[WEIR__WEB_TRACE];

    if (exchange == NULL || weir__web_account_begin(client, &exchange->origin) < 0) {
        if (exchange != NULL)
            free_exchange(exchange);
        weir__web_refuse(client, 500, NULL, "no memory");
        return;
    }
    exchange->has_output = strcmp(streams, "out") == 0 || strcmp(streams, "both") == 0;
    if (exchange->has_output && exchange->form == WEIR__WEB_JSON)
        exchange->form = WEIR__WEB_ARRAY;
    exchange->under_way = CREDIT;
    if (client->ask != NULL && weir__web_kept_begin(exchange, client->ask) == NULL) {
        free_exchange(exchange);
        weir__web_refuse(client, 500, NULL, "no memory");
        return;
    }
    parent = copy_field(client, "traceparent", weir__http_is_traceparent);
    state = parent != NULL ? copy_field(client, "tracestate", weir__http_is_tracestate) : NULL;
    weir_call_options_init(&options);
    options.timeout_ms = client->terms.timeout_ms;
    options.input = client->terms.has_input;
    options.credit = CREDIT;
    options.traceparent = parent;
    if (parent == NULL && client->door->options.on_call != NULL)
        options.traceparent = weir__web_account_trace(made);
    options.tracestate = state;
    client->state = WEIR__WEB_CALLING;
    client->is_told = 1;
    exchange->call = weir__call_start(client->door->pool, NULL, method,
                                      (struct weir__slice){params.bytes, params.length}, &options,
                                      &sink, 1, &error);
    free(parent);
    free(state);
    if (exchange->call == NULL) {
        client->is_told = 0;
        weir__web_kept_free(exchange->kept);
        free_exchange(exchange);
        refuse_start(client, params, &error);
    } else if (client->ask != NULL && client->ask->is_async) {
        accept_call(exchange);
    }
}
