#include "config.h"

#include "pool/mcp_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/call_api.h"
#include "pool/mcp_offer.h"
#include "pool/mcp_request.h"
#include "pool/pool_types.h"
#include "pool/server_call.h"
#include "rpc/mcp_server.h"

enum { LONGEST_CLIENT = 256 };

/* What is known of a client. */
struct session {
    bool is_initialized; /* legacy: it has sent "initialize" */
    bool is_told;        /* and "notifications/initialized": it gets list_changed */
};

static struct session *session_of(struct weir__connection *connection)
{
    if (connection->front_data == NULL) {
        connection->front_data = calloc(1, sizeof(struct session));
        if (connection->front_data == NULL)
            weir__connection_end(connection);
    }
    return connection->front_data;
}

bool weir__mcp_is_told(const struct weir__connection *connection)
{
    const struct session *session = connection->front_data;

    return session != NULL && session->is_told;
}

int weir__mcp_session_resume(struct weir__connection *connection, bool is_told)
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
    weir__mcp_refuse(connection, batch, (struct weir__slice){NULL, 0}, code, message);
}

static void refuse_method(struct weir__connection *connection, struct weir__batch *batch,
                          const struct weir__message *message)
{
    char sentence[160], *method = weir__slice_string(message->method, NULL);

    snprintf(sentence, sizeof sentence, "weir has no %.128s", method != NULL ? method : "method");
    free(method);
    weir__mcp_refuse(connection, batch, message->id, -32601, sentence);
}

/* --- Requests ----------------------------------------------------------------------- */

static void read_list(struct weir__connection *connection, struct weir__batch *batch,
                      const struct weir__message *message, enum weir__mcp_era era)
{
    static const char *const names[] = {"cursor"};
    struct weir__mcp_request *request;
    struct weir__slice cursor;

    weir__object_get(message->params, names, &cursor, 1);
    if (cursor.bytes != NULL) {
        weir__mcp_refuse(connection, batch, message->id, -32602,
                         "unknown cursor: all tools are on one page");
        return;
    }
    request = weir__mcp_request_open(connection, batch, message, era);
    if (request != NULL)
        weir__mcp_request_begin(request);
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
        weir__mcp_refuse(connection, batch, message->id, -32602,
                         weir__slice_type(found[0]) != 's' ? "name must be a string"
                                                           : "arguments must be an object");
        return;
    }
    request = weir__mcp_request_open(connection, batch, message, era);
    if (request == NULL)
        return;
    if (weir__mcp_request_keep(request, message->params, meta) < 0)
        weir__mcp_request_fail(request, -32603, "no memory");
    else
        weir__mcp_request_begin(request);
}

/* What servers have besides tools. */
static void read_offer(struct weir__connection *connection, struct weir__batch *batch,
                       const struct weir__message *message, enum weir__mcp_era era,
                       const struct weir__mcp_meta *meta, const struct weir__mcp_offer *offer)
{
    const char *fault = weir__mcp_offer_fault(offer, message->params);
    struct weir__mcp_request *request;

    if (fault != NULL) {
        weir__mcp_refuse(connection, batch, message->id, -32602, fault);
        return;
    }
    request = weir__mcp_request_open(connection, batch, message, era);
    if (request == NULL)
        return;
    request->offer = offer;
    if (weir__mcp_request_keep(request, message->params, meta) < 0)
        weir__mcp_request_fail(request, -32603, "no memory");
    else
        weir__mcp_request_begin(request);
}

/* Whether the client may ask for it, and somebody may answer. */
static bool is_offered(const struct weir__connection *connection,
                       const struct weir__message *message, const struct weir__mcp_offer *offer)
{
    char *method = weir__slice_string(message->method, NULL);
    bool is = method != NULL && weir__connection_allows(connection, method)
              && weir__mcp_is_offered(connection->server->mcp, offer);

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
        weir__mcp_refuse(connection, batch, message->id, -32602, "notifications must be an object");
        return;
    }
    if (batch != NULL) {
        weir__mcp_refuse(connection, batch, message->id, -32602,
                         "a subscription cannot be in a batch");
        return;
    }
    request = weir__mcp_request_open(connection, NULL, message, WEIR__MCP_MODERN);
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
    return weir__mcp_offer_promise(connection->server->mcp);
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

bool weir__mcp_request_cancel(struct weir__connection *connection, struct weir__slice id)
{
    struct weir__server_call *call = weir__server_call_find(connection, id);

    if (call == NULL)
        return false; /* it is over, and the client did not know yet */
    weir__server_call_leave(call, (struct weir__slice){NULL, 0});
    weir__server_call_free(call);
    return true;
}

static void read_cancelled(struct weir__connection *connection, struct weir__slice params)
{
    static const char *const names[] = {"requestId"};
    struct weir__slice id;

    weir__object_get(params, names, &id, 1);
    weir__mcp_request_cancel(connection, id);
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
        weir__mcp_refuse(connection, batch, id, -32600,
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
