#include "config.h"

#include "web/mcp.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/fields.h"
#include "pool/connection.h"
#include "pool/front.h"
#include "pool/front_mcp.h"
#include "pool/mcp_message.h"
#include "rpc/mcp_server.h"
#include "text/json_validate.h"
#include "web/access.h"
#include "web/account.h"
#include "web/answer.h"
#include "web/mcp_check.h"
#include "web/mcp_session.h"
#include "web/output.h"

enum {
    ERROR_MAX = 64 * 1024, /* an error response is not longer */
    NO_SESSION = -32001,
};

static const struct weir__slice nothing = {NULL, 0};

/* --- Responses --------------------------------------------------------------------- */

/* Its client waits for nothing more. */
static void leave(struct weir__web_mcp *mcp)
{
    struct weir__web_client *client = mcp->client;

    mcp->client = NULL;
    if (client == NULL)
        return;
    client->mcp = NULL;
    client->has_events = 0;
}

static void write_session(struct weir__web_mcp *mcp, struct weir__http_writer *writer)
{
    if (mcp->begins_session && mcp->session != NULL)
        weir__http_write_field(writer, "Mcp-Session-Id", mcp->session->id);
}

static void begin_events(struct weir__web_mcp *mcp)
{
    struct weir__web_client *client = mcp->client;
    struct weir__http_writer writer;

    if (mcp->is_stream)
        return;
    writer = weir__web_begin(client, 200);
    write_session(mcp, &writer);
    weir__http_write_field(&writer, "Content-Type", "text/event-stream");
    weir__http_write_field(&writer, "X-Accel-Buffering", "no");
    weir__http_write_end_chunked(&writer);
    mcp->is_stream = 1;
    if (writer.failed)
        weir__web_end(client);
}

void weir__web_mcp_begin_events(struct weir__web_client *client)
{
    begin_events(client->mcp);
}

static void send_event(struct weir__web_mcp *mcp, const char *line, size_t length)
{
    struct weir__web_client *client = mcp->client;
    struct weir__buffer text = {0};
    struct weir__http_writer event = {&text, 0}, writer = {&client->out, 0};

    begin_events(mcp);
    weir__http_write_text(&event, "event: message\ndata: ");
    weir__http_write(&event, line, length);
    weir__http_write_text(&event, "\n\n");
    weir__http_write_chunk(&writer, text.bytes, text.length);
    weir__buffer_clear(&text);
    client->silent_ns = weir__clock_ns();
    if (event.failed || writer.failed)
        weir__web_end(client);
}

static void end_events(struct weir__web_mcp *mcp)
{
    struct weir__web_client *client = mcp->client;
    struct weir__http_writer writer = {&client->out, 0};

    begin_events(mcp);
    weir__http_write_last_chunk(&writer);
    leave(mcp);
    if (!client->is_over)
        weir__web_finish(client, writer.failed);
}

/* The status for an answer.  Earlier revisions have errors in successful responses. */
static int find_status(const struct weir__web_mcp *mcp, const char *line, size_t length)
{
    static const char *const names[] = {"code"};
    static const char unknown[] = "-32601";
    struct weir__message message;
    struct weir__slice code;

    if (mcp->session != NULL || length > ERROR_MAX)
        return 200;
    weir__message_scan(line, length, &message);
    if (message.kind != WEIR__MESSAGE_ERROR)
        return 200;
    weir__object_get(message.error, names, &code, 1);
    return code.length == sizeof unknown - 1 && memcmp(code.bytes, unknown, code.length) == 0 ? 404
                                                                                              : 400;
}

static void answer(struct weir__web_mcp *mcp, const char *line, size_t length)
{
    struct weir__web_client *client = mcp->client;
    struct weir__http_writer writer;

    if (mcp->is_stream || !mcp->accepts_json) {
        send_event(mcp, line, length);
        end_events(mcp);
        return;
    }
    writer = weir__web_begin(client, find_status(mcp, line, length));
    write_session(mcp, &writer);
    leave(mcp);
    weir__web_answer(client, &writer, "application/json", line, length);
}

/* --- Its connection ---------------------------------------------------------------- */

static int is_notification(const char *line, size_t length)
{
    static const char begin[] = "{\"jsonrpc\":\"2.0\",\"method\":";

    return length >= sizeof begin - 1 && memcmp(line, begin, sizeof begin - 1) == 0;
}

static int take(const char *lines, size_t length, void *context)
{
    struct weir__web_mcp *mcp = context;
    struct weir__web_client *client = mcp->client;

    if (client == NULL || client->is_over)
        return 1;
    if (weir__web_owed(client) >= WEIR__WEB_OWED_MAX)
        return 0;
    while (length > 0 && mcp->client != NULL && !client->is_over) {
        size_t line = (size_t)((const char *)memchr(lines, '\n', length) - lines);

        if (!is_notification(lines, line)) {
            answer(mcp, lines, line);
            return 1;
        }
        if (mcp->accepts_events)
            send_event(mcp, lines, line);
        lines += line + 1;
        length -= line + 1;
    }
    client->door->on_answered(client);
    return 1;
}

static void over(void *context)
{
    struct weir__web_mcp *mcp = context;

    if (mcp->client != NULL && !mcp->client->is_over)
        end_events(mcp); /* cancelled: there is no answer */
    leave(mcp);
    *mcp->link = mcp->next;
    if (mcp->next != NULL)
        mcp->next->link = mcp->link;
    json_decref(mcp->methods);
    free(mcp->origin);
    free(mcp);
}

/* The status of a response that ends with this answer: see struct weir__carrier. */
static int status_of(const struct weir__web_mcp *mcp, const struct weir__slice *answer)
{
    if (mcp->is_stream)
        return 200;
    if (answer == NULL || mcp->client == NULL || mcp->client->is_over)
        return 0;
    return answer->length > 0 && mcp->accepts_json ? find_status(mcp, answer->bytes, answer->length)
                                                   : 200;
}

static void called(const struct weir__served_call *call, const struct weir__slice *answer,
                   void *context)
{
    struct weir__web_mcp *mcp = context;

    if (mcp->origin != NULL)
        weir__web_account_served(mcp->door, mcp->client, mcp->origin, call, status_of(mcp, answer));
}

static int allows(const char *method, void *context)
{
    const struct weir__web_mcp *mcp = context;

    return weir__web_is_exposed(mcp->door, method) && weir__tokens_allow(mcp->methods, method);
}

static const struct weir__carrier carrier = {
    .take = take,
    .over = over,
    .allows = allows,
    .called = called,
};

/* Returns NULL after a refusal. */
static struct weir__web_mcp *open_connection(struct weir__web_client *client,
                                             struct weir__web_session *session, int is_get)
{
    struct weir__web_door *door = client->door;
    const char *head = client->in.bytes;
    struct weir__web_mcp *mcp = calloc(1, sizeof *mcp);
    struct weir__connection *connection = NULL;
    struct weir__web_origin *origin = NULL;

    if (mcp != NULL && weir__web_account_begin(client, &origin) == 0)
        connection = weir__connection_carry(door->options.server, &weir__front_mcp, &carrier, mcp);
    if (connection == NULL) {
        free(origin);
        free(mcp);
        weir__web_refuse(client, 503, NULL, "too many connections: try later");
        return NULL;
    }
    *mcp = (struct weir__web_mcp){
        .door = door,
        .client = client,
        .connection = connection,
        .session = session,
        .origin = origin,
        .methods = client->bearer != NULL ? json_incref(client->bearer->methods) : NULL,
        .is_get = is_get,
        .accepts_json = weir__http_accepts(&client->request, head, "application/json") > 0,
        .accepts_events = weir__http_accepts(&client->request, head, "text/event-stream") > 0,
    };
    mcp->next = door->mcps;
    mcp->link = &door->mcps;
    if (mcp->next != NULL)
        mcp->next->link = &mcp->next;
    door->mcps = mcp;
    client->mcp = mcp;
    client->state = WEIR__WEB_CALLING;
    client->has_events = mcp->accepts_events;
    client->silent_ns = weir__clock_ns();
    if (session == NULL)
        return mcp;
    connection->client = session->client != NULL ? strdup(session->client) : NULL;
    if (weir__mcp_session_resume(connection, is_get) == 0)
        return mcp;
    leave(mcp);
    weir__web_refuse(client, 500, NULL, "no memory");
    return NULL;
}

/* --- Requests ------------------------------------------------------------------------------ */

/* The session of a message of an earlier revision.  Returns NULL after a refusal. */
static struct weir__web_session *require_session(struct weir__web_client *client,
                                                 struct weir__slice request)
{
    struct weir__http_text id = weir__web_mcp_field(client, "mcp-session-id");
    struct weir__web_session *session =
        id.bytes != NULL ? weir__web_session_find(client, id) : NULL;

    if (id.bytes == NULL)
        weir__web_mcp_refuse(
            client, 400, request, -32602,
            "no Mcp-Session-Id: \"initialize\" begins a session, and params._meta has no "
            "" WEIR__MCP_VERSION);
    else if (session == NULL)
        weir__web_mcp_refuse(client, 404, request, NO_SESSION,
                             "there is no such session: initialize again");
    return session;
}

/* In another request of the session. */
static void cancel(struct weir__web_door *door, const struct weir__web_session *session,
                   struct weir__slice params)
{
    static const char *const names[] = {"requestId"};
    struct weir__web_mcp *mcp = door->mcps, *next;
    struct weir__slice id;

    weir__object_get(params, names, &id, 1);
    for (; mcp != NULL; mcp = next) {
        next = mcp->next;
        if (mcp->session == session && weir__mcp_request_cancel(mcp->connection, id)) {
            weir__connection_flush(mcp->connection); /* nothing is open: it ends */
            return;
        }
    }
}

/* Line feeds between tokens are white space; in the protocols behind they end a message. */
static void drop_line_ends(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] == '\n' || bytes[i] == '\r')
            bytes[i] = ' ';
}

static void hear(struct weir__web_client *client, struct weir__web_session *session,
                 int begins_session, struct weir__http_text body)
{
    struct weir__web_mcp *mcp = open_connection(client, session, 0);

    if (mcp == NULL)
        return;
    mcp->begins_session = begins_session;
    weir__connection_hear(mcp->connection, body.bytes, body.length, 1);
}

/* A message of the revision 2026-07-28. */
static void post_modern(struct weir__web_client *client, const struct weir__message *message,
                        const struct weir__mcp_meta *meta, struct weir__http_text body)
{
    if (message->kind == WEIR__MESSAGE_BATCH)
        weir__web_mcp_refuse(client, 400, nothing, -32600,
                             "a batch is not a message of this revision");
    else if (message->kind != WEIR__MESSAGE_REQUEST)
        weir__web_mcp_answer_empty(client,
                                   202); /* there is no notification that would matter here */
    else if (weir__web_mcp_check_modern(client, message, meta) == 0
             && weir__web_mcp_take_rate(client, message) == 0)
        hear(client, NULL, 0, body);
}

static void post_legacy(struct weir__web_client *client, const struct weir__message *message,
                        struct weir__http_text body)
{
    int begins =
        message->kind == WEIR__MESSAGE_REQUEST && weir__slice_is(message->method, "initialize");
    struct weir__slice id = message->kind == WEIR__MESSAGE_REQUEST ? message->id : nothing;
    struct weir__web_session *session;

    if (weir__web_mcp_check_version(client, id) != 0)
        return;
    session = begins ? NULL : require_session(client, id);
    if ((session == NULL && !begins) || weir__web_mcp_take_rate(client, message) != 0)
        return;
    if (begins && (session = weir__web_session_begin(client, message->params)) == NULL) {
        weir__web_refuse(client, 500, NULL, "no memory");
        return;
    }
    if (message->kind == WEIR__MESSAGE_REQUEST || message->kind == WEIR__MESSAGE_BATCH) {
        hear(client, session, begins, body);
        return;
    }
    if (message->kind == WEIR__MESSAGE_NOTIFICATION
        && weir__slice_is(message->method, "notifications/cancelled"))
        cancel(client->door, session, message->params);
    weir__web_mcp_answer_empty(client, 202);
}

void weir__web_mcp_post(struct weir__web_client *client, const char *name,
                        struct weir__http_text query)
{
    char *bytes = client->in.bytes + client->request.length;
    struct weir__http_text body = {bytes, client->body_end - client->request.length};
    struct weir__http_text version = weir__web_mcp_field(client, "mcp-protocol-version");
    struct weir__mcp_meta meta = {0};
    struct weir__message message;

    (void)name;
    (void)query;
    if (client->door->options.tokens != NULL && client->bearer == NULL) {
        weir__web_refuse(client, 401, NULL, "the tokens have changed: ask again");
        return;
    }
    if (weir__web_mcp_check_fields(client) != 0)
        return;
    if (!weir__json_syntax_utf8(body.bytes, body.length, NULL)) {
        weir__web_mcp_refuse(client, 400, nothing, -32700, "the body is not JSON");
        return;
    }
    drop_line_ends(bytes, body.length);
    weir__message_scan(body.bytes, body.length, &message);
    if (message.kind == WEIR__MESSAGE_REQUEST)
        weir__mcp_meta_read(message.params, &meta);
    if (message.kind == WEIR__MESSAGE_NOT_RPC || message.kind == WEIR__MESSAGE_NOISE)
        weir__web_mcp_refuse(client, 400, nothing, -32600,
                             message.reason != NULL ? message.reason : "the body is not a message");
    else if (meta.version.bytes != NULL || weir__http_is(version, WEIR__MCP_MODERN_VERSION))
        post_modern(client, &message, &meta, body);
    else
        post_legacy(client, &message, body);
}

/* A session, or a refusal: the present revision knows neither GET nor DELETE. */
static struct weir__web_session *require_earlier(struct weir__web_client *client)
{
    struct weir__http_problem problem = weir__http_problem_of_status(405, NULL);
    struct weir__http_writer writer;

    if (!client->is_head && weir__web_mcp_field(client, "mcp-session-id").bytes != NULL)
        return require_session(client, nothing);
    writer = weir__web_begin(client, 405);
    weir__http_write_field(&writer, "Allow", "POST");
    weir__web_answer_problem(client, &writer, &problem, "there is a stream for sessions only", NULL,
                             (struct weir__http_text){NULL, 0});
    return NULL;
}

void weir__web_mcp_get(struct weir__web_client *client, const char *name,
                       struct weir__http_text query)
{
    struct weir__web_session *session = require_earlier(client);
    struct weir__web_mcp *mcp;

    (void)name;
    (void)query;
    if (session == NULL)
        return;
    if (weir__http_accepts(&client->request, client->in.bytes, "text/event-stream") == 0) {
        weir__web_refuse(client, 406, NULL, "the stream is text/event-stream");
        return;
    }
    for (mcp = client->door->mcps; mcp != NULL; mcp = mcp->next)
        if (mcp->is_get && mcp->session == session && mcp->client != NULL) {
            weir__web_refuse(client, 409, NULL, "this session has its stream already");
            return;
        }
    mcp = open_connection(client, session, 1);
    if (mcp != NULL)
        begin_events(mcp);
}

void weir__web_mcp_delete(struct weir__web_client *client, const char *name,
                          struct weir__http_text query)
{
    struct weir__web_session *session = require_earlier(client);

    (void)name;
    (void)query;
    if (session == NULL)
        return;
    weir__web_session_end(client->door, session);
    weir__web_mcp_answer_empty(client, 204);
}

/* --- Life ------------------------------------------------------------------------------------ */

void weir__web_mcp_flush(struct weir__web_client *client)
{
    weir__connection_flush(client->mcp->connection);
}

void weir__web_mcp_drop(struct weir__web_client *client)
{
    struct weir__web_mcp *mcp = client->mcp;

    if (mcp == NULL)
        return;
    leave(mcp);
    if (mcp->session == NULL || mcp->is_get)
        weir__connection_end(mcp->connection);
    else
        weir__connection_leave(mcp->connection);
}

void weir__web_mcp_end_streams(struct weir__web_door *door, int with_subscriptions)
{
    for (struct weir__web_mcp *mcp = door->mcps; mcp != NULL; mcp = mcp->next) {
        if (mcp->is_get && mcp->client != NULL && !mcp->client->is_over)
            weir__connection_end(mcp->connection);
        else if (with_subscriptions)
            weir__mcp_front_end_listening(mcp->connection);
    }
}

void weir__web_mcp_clear(struct weir__web_door *door)
{
    while (door->mcps != NULL)
        weir__connection_close(door->mcps->connection);
    while (door->mcp_sessions != NULL)
        weir__web_session_end(door, door->mcp_sessions);
}
