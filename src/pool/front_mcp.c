#include "config.h"

#include "pool/front_mcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/call_api.h"
#include "pool/mcp_answer.h"
#include "pool/mcp_offer.h"
#include "pool/pool_types.h"
#include "pool/server_call.h"
#include "proc/context.h"
#include "rpc/mcp_server.h"

enum {
    ANNOUNCE_MS = 1000, /* between two list_changed */
    LONGEST_CLIENT = 256,
};

/* What is known of a client. */
struct session {
    bool is_initialized; /* legacy: it has sent "initialize" */
    bool is_told;        /* and "notifications/initialized": it gets list_changed */
};

static const struct weir__slice nothing = {NULL, 0};

static struct weir__mcp_front *front_of(const struct weir__connection *connection)
{
    return connection->server->mcp;
}

static struct session *session_of(struct weir__connection *connection)
{
    if (connection->front_data == NULL) {
        connection->front_data = calloc(1, sizeof(struct session));
        if (connection->front_data == NULL)
            weir__connection_end(connection);
    }
    return connection->front_data;
}

int weir__mcp_front_resume(struct weir__connection *connection, bool is_told)
{
    struct session *session = session_of(connection);

    if (session == NULL)
        return WEIR_ERR_NOMEM;
    session->is_initialized = true;
    session->is_told = is_told;
    return 0;
}

/* What the client calls itself, from its clientInfo. */
static void note_client(struct weir__connection *connection, struct weir__slice about)
{
    static const char *const names[] = {"name"};
    struct weir__slice name;

    if (connection->client != NULL || about.bytes == NULL)
        return;
    weir__object_get(about, names, &name, 1);
    if (weir__slice_type(name) == 's' && name.length <= LONGEST_CLIENT)
        connection->client = weir__slice_string(name, NULL);
}

/* --- Answers to requests that are no calls ----------------------------------------- */

static void refuse(struct weir__connection *connection, struct weir__batch *batch, int64_t code,
                   const char *message)
{
    struct weir__buffer *to = weir__connection_begin_answer(connection, batch);

    if (to != NULL)
        weir__connection_written(
            connection, batch,
            weir__mcp_write_error(to, (struct weir__slice){NULL, 0}, code, message));
}

static void answer_error(struct weir__connection *connection, struct weir__batch *batch,
                         struct weir__slice id, int64_t code, const char *message)
{
    struct weir__buffer *to = weir__connection_begin_answer(connection, batch);

    if (to != NULL)
        weir__connection_written(connection, batch, weir__mcp_write_error(to, id, code, message));
}

static void refuse_method(struct weir__connection *connection, struct weir__batch *batch,
                          const struct weir__message *message)
{
    char sentence[160], *method = weir__slice_string(message->method, NULL);

    snprintf(sentence, sizeof sentence, "weir has no %.128s", method != NULL ? method : "method");
    free(method);
    answer_error(connection, batch, message->id, -32601, sentence);
}

/* --- Requests ----------------------------------------------------------------------- */

/* A request that waits, runs or listens. Returns NULL if it was refused. */
static struct weir__mcp_request *open_request(struct weir__connection *connection,
                                              struct weir__batch *batch,
                                              const struct weir__message *message,
                                              enum weir__mcp_era era)
{
    struct weir__mcp_request *request = calloc(1, sizeof *request);
    struct weir__call_refusal why = {-32603, "no memory"};
    struct weir__server_call *call =
        request != NULL ? weir__server_call_make(connection, batch, message, &why) : NULL;

    if (call == NULL) {
        free(request);
        answer_error(connection, batch,
                     why.code == -32600 ? (struct weir__slice){NULL, 0} : message->id, why.code,
                     why.text);
        return NULL;
    }
    *request = (struct weir__mcp_request){.call = call, .front = front_of(connection), .era = era};
    call->front_data = request;
    return request;
}

static void wait_for_list(struct weir__mcp_request *request)
{
    weir__mcp_queue_add(&request->front->waiting, request);
}

/* The tools that the client may call, as an array. Errors: NOMEM. */
static int select_tools(const struct weir__mcp_request *request, struct weir__buffer *to)
{
    static const char *const names[] = {"name"};
    const struct weir__gateway *gateway = &request->front->gateway;
    struct weir__slice rest = weir__slice_of(gateway->list), element, name;
    int status = WEIR__PUT(to, WEIR__LITERAL("["));
    size_t begin = to->length;

    while (status >= 0 && weir__message_next(&rest, &element)) {
        const struct weir__tool *tool;
        char *text;

        weir__object_get(element, names, &name, 1);
        text = weir__slice_string(name, NULL);
        tool = text != NULL ? weir__gateway_find(gateway, text) : NULL;
        free(text);
        if (tool != NULL && weir__connection_allows(request->call->connection, tool->method))
            status =
                WEIR__PUT(to, to->length > begin ? WEIR__LITERAL(",") : WEIR__LITERAL(""), element);
    }
    return status < 0 ? status : WEIR__PUT(to, WEIR__LITERAL("]"));
}

/* Ends a request with the list of tools. */
static void end_with_tools(struct weir__mcp_request *request)
{
    struct weir__server_call *call = request->call;
    struct weir__connection *connection = call->connection;
    struct weir__batch *batch = call->batch;
    struct weir__slice list = weir__slice_of(request->front->gateway.list);
    struct weir__buffer own = {0}, *to;
    int status = 0;

    weir__server_call_leave(call, nothing);
    if (connection->carrier != NULL) {
        status = select_tools(request, &own);
        list = (struct weir__slice){own.bytes, own.length};
    }
    to = weir__connection_begin_answer(connection, batch);
    if (to != NULL)
        weir__connection_written(
            connection, batch,
            status < 0 ? status : weir__mcp_write_list(to, call->id, request->era, "tools", list));
    weir__buffer_clear(&own);
    weir__server_call_free(call);
}

static void end_with_error(struct weir__mcp_request *request, int64_t code, const char *message)
{
    struct weir__server_call *call = request->call;

    weir__server_call_leave(call, nothing);
    answer_error(call->connection, call->batch, call->id, code, message);
    weir__server_call_free(call);
}

/* A call of a tool, once the tools are known. */
static void start_tool(struct weir__mcp_request *request)
{
    const struct weir__tool *tool = weir__gateway_find(&request->front->gateway, request->name);
    char sentence[200];

    if (tool == NULL || !weir__connection_allows(request->call->connection, tool->method)) {
        snprintf(sentence, sizeof sentence, "Unknown tool: %.128s", request->name);
        end_with_error(request, -32602, sentence);
        return;
    }
    weir__mcp_answer_start(request, tool);
}

static void go_on(struct weir__mcp_request *request)
{
    if (request->offer != NULL)
        weir__mcp_offer_start(request);
    else if (request->name != NULL)
        start_tool(request);
    else
        end_with_tools(request);
}

static void read_list(struct weir__connection *connection, struct weir__batch *batch,
                      const struct weir__message *message, enum weir__mcp_era era)
{
    static const char *const names[] = {"cursor"};
    struct weir__mcp_request *request;
    struct weir__slice cursor;

    weir__object_get(message->params, names, &cursor, 1);
    if (cursor.bytes != NULL) {
        answer_error(connection, batch, message->id, -32602,
                     "unknown cursor: all tools are on one page");
        return;
    }
    request = open_request(connection, batch, message, era);
    if (request == NULL)
        return;
    if (request->front->is_ready)
        end_with_tools(request);
    else
        wait_for_list(request);
}

static void read_call(struct weir__connection *connection, struct weir__batch *batch,
                      const struct weir__message *message, enum weir__mcp_era era,
                      const struct weir__mcp_meta *meta)
{
    static const char *const names[] = {"name", "arguments"};
    struct weir__mcp_request *request;
    struct weir__slice found[2];

    weir__object_get(message->params, names, found, 2);
    if (weir__slice_type(found[0]) != 's'
        || (found[1].bytes != NULL && weir__slice_type(found[1]) != 'o')) {
        answer_error(connection, batch, message->id, -32602,
                     weir__slice_type(found[0]) != 's' ? "name must be a string"
                                                       : "arguments must be an object");
        return;
    }
    request = open_request(connection, batch, message, era);
    if (request == NULL)
        return;
    if (weir__mcp_request_keep(request, message->params, meta) < 0)
        end_with_error(request, -32603, "no memory");
    else if (request->front->is_ready)
        start_tool(request);
    else
        wait_for_list(request);
}

/* What servers have besides tools. */
static void read_offer(struct weir__connection *connection, struct weir__batch *batch,
                       const struct weir__message *message, enum weir__mcp_era era,
                       const struct weir__mcp_meta *meta, const struct weir__mcp_offer *offer)
{
    const char *fault = weir__mcp_offer_fault(offer, message->params);
    struct weir__mcp_request *request;

    if (fault != NULL) {
        answer_error(connection, batch, message->id, -32602, fault);
        return;
    }
    request = open_request(connection, batch, message, era);
    if (request == NULL)
        return;
    request->offer = offer;
    if (weir__mcp_request_keep(request, message->params, meta) < 0)
        end_with_error(request, -32603, "no memory");
    else if (request->front->is_ready)
        weir__mcp_offer_start(request);
    else
        wait_for_list(request);
}

/* Whether the client may ask for it, and somebody may answer. */
static bool is_offered(const struct weir__connection *connection,
                       const struct weir__message *message, const struct weir__mcp_offer *offer)
{
    char *method = weir__slice_string(message->method, NULL);
    bool is = method != NULL && weir__connection_allows(connection, method)
              && weir__mcp_is_offered(front_of(connection), offer);

    free(method);
    return is;
}

static void read_listen(struct weir__connection *connection, struct weir__batch *batch,
                        const struct weir__message *message)
{
    static const char *const names[] = {"notifications"}, *const wanted[] = {"toolsListChanged"};
    struct weir__slice notifications, tools;
    struct weir__mcp_request *request;
    struct weir__buffer *to = &connection->sending;

    weir__object_get(message->params, names, &notifications, 1);
    if (weir__slice_type(notifications) != 'o') {
        answer_error(connection, batch, message->id, -32602, "notifications must be an object");
        return;
    }
    if (batch != NULL) {
        answer_error(connection, batch, message->id, -32602, "a subscription cannot be in a batch");
        return;
    }
    request = open_request(connection, NULL, message, WEIR__MCP_MODERN);
    if (request == NULL)
        return;
    weir__object_get(notifications, wanted, &tools, 1);
    request->listens = true;
    request->wants_tools = weir__slice_type(tools) == 't';
    weir__connection_sent(connection,
                          weir__mcp_write_listening(to, request->call->id, request->wants_tools));
}

/* What the client is told that it may ask for. */
static unsigned promise(struct weir__connection *connection)
{
    return weir__mcp_offer_promise(front_of(connection));
}

static void read_initialize(struct weir__connection *connection, struct weir__batch *batch,
                            const struct weir__message *message)
{
    static const char *const names[] = {"protocolVersion", "clientInfo"};
    struct session *session = session_of(connection);
    struct weir__buffer *to = weir__connection_begin_answer(connection, batch);
    struct weir__slice found[2], version;

    if (session == NULL || to == NULL)
        return;
    weir__object_get(message->params, names, found, 2);
    version = found[0];
    note_client(connection, found[1]);
    session->is_initialized = true;
    weir__connection_written(
        connection, batch,
        weir__mcp_write_initialized(to, message->id, version, promise(connection)));
}

/* Returns the cost. */
static int read_request(struct weir__connection *connection, struct weir__batch *batch,
                        const struct weir__message *message)
{
    const struct weir__mcp_offer *offer = weir__mcp_offer_find(message->method);
    struct session *session = session_of(connection);
    struct weir__mcp_refusal refusal;
    struct weir__mcp_meta meta;
    enum weir__mcp_era era;
    struct weir__buffer *to;

    if (session == NULL)
        return 1;
    weir__mcp_request_check(message, session->is_initialized, &era, &meta, &refusal);
    if (refusal.code != 0) {
        to = weir__connection_begin_answer(connection, batch);
        if (to != NULL)
            weir__connection_written(connection, batch,
                                     weir__mcp_write_refusal(to, message->id, &refusal));
    } else if (weir__slice_is(message->method, "tools/call")) {
        note_client(connection, meta.client);
        read_call(connection, batch, message, era, &meta);
        return 1;
    } else if (weir__slice_is(message->method, "tools/list")) {
        read_list(connection, batch, message, era);
    } else if (era == WEIR__MCP_LEGACY && weir__slice_is(message->method, "initialize")) {
        read_initialize(connection, batch, message);
    } else if (era == WEIR__MCP_LEGACY && weir__slice_is(message->method, "ping")) {
        to = weir__connection_begin_answer(connection, batch);
        if (to != NULL)
            weir__connection_written(connection, batch, weir__mcp_write_pong(to, message->id));
    } else if (era == WEIR__MCP_MODERN && weir__slice_is(message->method, "server/discover")) {
        to = weir__connection_begin_answer(connection, batch);
        if (to != NULL)
            weir__connection_written(
                connection, batch,
                weir__mcp_write_discovered(to, message->id, promise(connection)));
    } else if (era == WEIR__MCP_MODERN && weir__slice_is(message->method, "subscriptions/listen")) {
        read_listen(connection, batch, message);
    } else if (offer != NULL && is_offered(connection, message, offer)) {
        note_client(connection, meta.client);
        read_offer(connection, batch, message, era, &meta, offer);
    } else {
        refuse_method(connection, batch, message);
    }
    return WEIR__BUILT_IN_COST;
}

/* --- Notifications from the client ----------------------------------------------------- */

/* Nothing is sent for that request any more. */
bool weir__mcp_front_cancel(struct weir__connection *connection, struct weir__slice id)
{
    struct weir__server_call *call = weir__server_call_find(connection, id);

    if (call == NULL)
        return false; /* it is over, and the client did not know yet */
    weir__server_call_leave(call, nothing);
    weir__server_call_free(call);
    return true;
}

static void read_cancelled(struct weir__connection *connection, struct weir__slice params)
{
    static const char *const names[] = {"requestId"};
    struct weir__slice id;

    weir__object_get(params, names, &id, 1);
    weir__mcp_front_cancel(connection, id);
}

static void read_notification(struct weir__connection *connection,
                              const struct weir__message *message)
{
    struct session *session = session_of(connection);

    if (weir__slice_is(message->method, "notifications/cancelled"))
        read_cancelled(connection, message->params);
    else if (weir__slice_is(message->method, "notifications/initialized") && session != NULL)
        session->is_told = session->is_initialized;
}

static int hear(struct weir__connection *connection, struct weir__batch *batch,
                const struct weir__message *message)
{
    struct weir__slice id = message->id;

    switch (message->kind) {
    case WEIR__MESSAGE_REQUEST:
        return read_request(connection, batch, message);
    case WEIR__MESSAGE_NOTIFICATION:
        read_notification(connection, message);
        break;
    case WEIR__MESSAGE_NOT_JSON:
    case WEIR__MESSAGE_NOISE:
        refuse(connection, batch, -32700, "the line is not JSON");
        break;
    case WEIR__MESSAGE_BLANK:
    case WEIR__MESSAGE_RESULT: /* weir asks nothing */
    case WEIR__MESSAGE_ERROR:
        break;
    default:
        if (weir__slice_type(id) != 's' && weir__slice_number(id) < 0)
            id.bytes = NULL;
        answer_error(connection, batch, id, -32600,
                     message->reason != NULL ? message->reason : "it is not a request");
        break;
    }
    return 1;
}

static void forget_call(struct weir__server_call *call)
{
    struct weir__mcp_request *request = call->front_data;

    weir__mcp_queue_remove(request);
    weir__mcp_request_clear(request);
    free(request);
    call->front_data = NULL;
}

static void forget(struct weir__connection *connection)
{
    free(connection->front_data);
    connection->front_data = NULL;
}

const struct weir__front weir__front_mcp = {
    .hear = hear,
    .refuse = refuse,
    .ends_with_input = 1,
    .forget_call = forget_call,
    .forget = forget,
};

/* --- Which front ------------------------------------------------------------------------- */

static int is_mcp(const struct weir__message *message)
{
    struct weir__mcp_meta meta;

    if (weir__slice_is(message->method, "initialize")
        || weir__slice_is(message->method, "server/discover"))
        return 1;
    weir__mcp_meta_read(message->params, &meta);
    return meta.version.bytes != NULL;
}

static int hear_first(struct weir__connection *connection, struct weir__batch *batch,
                      const struct weir__message *message)
{
    if (message->kind != WEIR__MESSAGE_REQUEST)
        return weir__front_native.hear(connection, batch, message);
    connection->front = is_mcp(message) ? &weir__front_mcp : &weir__front_native;
    return connection->front->hear(connection, batch, message);
}

static void refuse_first(struct weir__connection *connection, struct weir__batch *batch,
                         int64_t code, const char *message)
{
    weir__front_native.refuse(connection, batch, code, message);
}

const struct weir__front weir__front_unknown = {.hear = hear_first, .refuse = refuse_first};

/* --- The list of tools -------------------------------------------------------------------- */

static void announce(struct weir__mcp_front *front)
{
    const struct weir__slice nobody = {NULL, 0};

    if (front->may_not_announce) {
        front->must_announce = true;
        return;
    }
    front->must_announce = false;
    front->may_not_announce = true;
    weir__timer_start(front->change, ANNOUNCE_MS);
    for (struct weir__connection *connection = front->server->connections; connection != NULL;
         connection = connection->next) {
        struct session *session = connection->front_data;

        if (connection->front != &weir__front_mcp || connection->is_over)
            continue;
        connection->is_reading++; /* one write for all, and nothing ends meanwhile */
        if (session != NULL && session->is_told)
            weir__connection_sent(connection,
                                  weir__mcp_write_changed(&connection->sending, nobody));
        for (struct weir__server_call *call = connection->calls; call != NULL; call = call->next) {
            struct weir__mcp_request *request = call->front_data;

            if (request->listens && request->wants_tools)
                weir__connection_sent(connection,
                                      weir__mcp_write_changed(&connection->sending, call->id));
        }
        connection->is_reading--;
        weir__connection_sent(connection, 0);
    }
}

static void announce_again(void *data)
{
    struct weir__mcp_front *front = data;

    front->may_not_announce = false;
    if (front->must_announce)
        announce(front);
}

static void become_ready(struct weir__mcp_front *front)
{
    struct weir__mcp_request *request;
    bool none;

    weir__timer_stop(front->start);
    weir__gateway_is_complete(&front->gateway, &none);
    weir__gateway_update(&front->gateway);
    front->is_ready = true;
    while ((request = front->waiting.first) != NULL) {
        weir__mcp_queue_remove(request);
        if (none)
            end_with_error(request, -32603, "no worker could be started: see the standard error");
        else
            go_on(request);
    }
    if (front->on_ready != NULL)
        front->on_ready(none, front->context);
}

/* A worker is ready, or a kind of workers is given up. */
static void on_methods(void *context)
{
    struct weir__mcp_front *front = context;
    bool none;

    if (front->is_ready) {
        if (weir__gateway_update(&front->gateway) == 1)
            announce(front);
    } else if (weir__gateway_is_complete(&front->gateway, &none)) {
        become_ready(front);
    }
}

static void wait_no_longer(void *data)
{
    struct weir__mcp_front *front = data;

    if (!front->is_ready)
        become_ready(front);
}

/* --- Progress ------------------------------------------------------------------------------ */

static void report_progress(void *data)
{
    weir__mcp_progress_due(data);
}

/* --- Life ---------------------------------------------------------------------------------- */

struct opening {
    struct weir__mcp_front *front;
    struct weir_error *error;
    int status;
};

static void open_here(void *data)
{
    struct opening *opening = data;
    struct weir__mcp_front *front = opening->front;
    weir__loop *loop = front->gateway.pool->weir->loop;
    struct weir_error *error = opening->error;

    opening->status = weir__timer_new(loop, wait_no_longer, front, &front->start, error);
    if (opening->status >= 0)
        opening->status = weir__timer_new(loop, report_progress, front, &front->progress, error);
    if (opening->status >= 0)
        opening->status = weir__timer_new(loop, announce_again, front, &front->change, error);
    if (opening->status < 0)
        return;
    weir__timer_start(front->start, front->start_ms);
    front->gateway.pool->on_methods = on_methods;
    front->gateway.pool->on_methods_context = front;
}

int weir__mcp_front_open(struct weir__mcp_front *front, struct weir__server *server, weir_t *weir,
                         weir_pool_t *pool, struct weir_error *error)
{
    struct opening opening = {.front = front, .error = error};

    front->server = server;
    front->waiting.last = &front->waiting.first;
    front->looking.last = &front->looking.first;
    front->catalog = (struct weir__catalog){
        .gateway = &front->gateway, .on_read = weir__mcp_offer_go_on, .context = front};
    if (front->max_result == 0)
        front->max_result = WEIR__MCP_MAX_RESULT;
    opening.status = weir__gateway_open(&front->gateway, pool, error);
    if (opening.status < 0)
        return opening.status;
    weir__context_do(weir, open_here, &opening);
    if (opening.status >= 0)
        server->mcp = front;
    return opening.status;
}

void weir__mcp_front_end_listening(struct weir__connection *connection)
{
    struct weir__server_call *call = connection->calls, *next;

    if (connection->front != &weir__front_mcp || connection->is_over)
        return;
    for (; call != NULL; call = next) {
        struct weir__mcp_request *request = call->front_data;
        struct weir__buffer *to;

        next = call->next;
        if (!request->listens)
            continue;
        weir__server_call_leave(call, nothing);
        to = weir__connection_begin_answer(connection, NULL);
        if (to != NULL)
            weir__connection_written(connection, NULL, weir__mcp_write_listened(to, call->id));
        weir__server_call_free(call);
    }
}

static void end_subscriptions(void *data)
{
    struct weir__mcp_front *front = data;
    struct weir__connection *connection = front->server->connections;

    for (; connection != NULL; connection = connection->next)
        weir__mcp_front_end_listening(connection);
}

void weir__mcp_front_end_subscriptions(struct weir__mcp_front *front)
{
    weir__context_do(front->gateway.pool->weir, end_subscriptions, front);
}

static void close_here(void *data)
{
    struct weir__mcp_front *front = data;

    front->gateway.pool->on_methods = NULL;
    weir__catalog_clear(&front->catalog);
    weir__timer_close(&front->start);
    weir__timer_close(&front->progress);
    weir__timer_close(&front->change);
}

void weir__mcp_front_close(struct weir__mcp_front *front)
{
    if (front->gateway.pool == NULL)
        return;
    weir__context_do(front->gateway.pool->weir, close_here, front);
    weir__gateway_clear(&front->gateway);
}
