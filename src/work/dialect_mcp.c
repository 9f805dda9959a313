/* MCP servers (the Model Context Protocol) as workers.
 *
 *   server/discover --answered--> modern (2026-07-28): each request says its version
 *         |      |
 *         |      +--an error--> initialize --answered--> legacy, notifications/initialized
 *         |                                               |
 *         +--nothing for 2 s: initialize is sent too,     v
 *            and the first answer decides              tools/list, page by page --> READY
 *
 * rpc/mcp.c has the messages.
 */
#include "config.h"

#include <string.h>

#include "base/printable.h"
#include "rpc/mcp.h"
#include "work/dialect.h"

enum {
    QUIET_MS = 2000,
    END_MS = 2000,
    MANY = 16, /* calls at a time of tools that only read */
    METHOD_NOT_FOUND = -32601,
};

static const struct weir__slice none;

/* --- What it says ---------------------------------------------------------------- */

static struct weir__slice level_of(struct weir__slice level)
{
    static const struct {
        const char *name;
        struct weir__slice ours;
    } rows[] = {
        {"debug", {"\"debug\"", 7}},
        {"info", {"\"info\"", 6}},
        {"notice", {"\"info\"", 6}},
        {"warning", {"\"warning\"", 9}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (weir__slice_is(level, rows[i].name))
            return rows[i].ours;
    return WEIR__LITERAL("\"error\"");
}

static void decode_notification(const struct weir__message *message,
                                struct weir__incoming *incoming)
{
    static const char *const progress[] = {"progressToken", "progress", "total", "message"};
    static const char *const logged[] = {"level", "data"};
    struct weir__slice found[2];

    if (weir__slice_is(message->method, "notifications/progress")) {
        weir__incoming_progress(message->params, progress, incoming);
    } else if (weir__slice_is(message->method, "notifications/tools/list_changed")) {
        incoming->kind = WEIR__INCOMING_CHANGED;
    } else if (weir__slice_is(message->method, "notifications/message")) {
        weir__object_get(message->params, logged, found, 2);
        if (found[1].bytes == NULL)
            return;
        incoming->kind = WEIR__INCOMING_LOG;
        incoming->level = level_of(found[0]);
        incoming->value = found[1];
    }
}

static void decode(const char *line, size_t length, struct weir__incoming *incoming)
{
    struct weir__message message;

    weir__message_scan(line, length, &message);
    weir__incoming_classify(&message, incoming);
    if (message.kind == WEIR__MESSAGE_NOTIFICATION) {
        decode_notification(&message, incoming);
    } else if (message.kind == WEIR__MESSAGE_REQUEST) {
        incoming->kind = WEIR__INCOMING_REQUEST;
        incoming->id = -1;
        incoming->value = message.id;
        incoming->level = message.method;
    }
}

static int refuse(struct weir__buffer *to, struct weir__slice id, struct weir__slice method)
{
    char sentence[200];
    size_t length = method.length > 2 ? method.length - 2 : 0;

    if (weir__slice_is(method, "ping"))
        return weir__write_result(to, id, WEIR__LITERAL("{}"));
    weir__sentence(sentence, sizeof sentence, "weir has no %.*s",
                   (int)(length < 100 ? length : 100), method.bytes + 1);
    return weir__write_error(to, id, METHOD_NOT_FOUND, sentence, none);
}

static int settle(struct weir__incoming *incoming, int whole, struct weir__buffer *scratch)
{
    struct weir__mcp_result read;
    int status;

    if (whole)
        return 0;
    weir__mcp_result_read(incoming->value, &read);
    if (read.kind == WEIR__MCP_VALUE) {
        incoming->value = read.value;
        return 0;
    }
    if (read.kind == WEIR__MCP_REPEAT && incoming->kind == WEIR__INCOMING_RESULT) {
        incoming->kind = WEIR__INCOMING_REPEAT;
        incoming->value = read.request_state;
        return 0;
    }
    scratch->length = 0;
    status = weir__mcp_write_failure(scratch, &read);
    incoming->kind = WEIR__INCOMING_ERROR;
    incoming->value = (struct weir__slice){scratch->bytes, scratch->length};
    return status;
}

/* --- What it is told ------------------------------------------------------------- */

static int ask(struct weir__buffer *to, enum weir__mcp_era era, int64_t id, const char *method,
               struct weir__slice params)
{
    char text[24];

    return weir__mcp_write_request(to, weir__id_slice(id, text), method, params,
                                   &(struct weir__mcp_terms){.era = era});
}

static int call(struct weir__buffer *to, enum weir__mcp_era era, int64_t id, const char *method,
                struct weir__slice params, const struct weir__call_terms *terms)
{
    char text[24];
    struct weir__slice id_text = weir__id_slice(id, text);
    struct weir__mcp_terms mcp = {
        .era = era,
        .wants_progress = terms->wants_progress,
        .traceparent = terms->traceparent,
        .tracestate = terms->tracestate,
        .request_state = terms->request_state,
    };

    if (weir__slice_type(params) != 'o')
        params = none;
    return weir__mcp_request(method) != 0
               ? weir__mcp_write_request(to, id_text, method, params, &mcp)
               : weir__mcp_write_tool_call(to, id_text, method, params, &mcp);
}

static int call_legacy(struct weir__buffer *to, int64_t id, const char *method,
                       struct weir__slice params, const struct weir__call_terms *terms)
{
    return call(to, WEIR__MCP_LEGACY, id, method, params, terms);
}

static int call_modern(struct weir__buffer *to, int64_t id, const char *method,
                       struct weir__slice params, const struct weir__call_terms *terms)
{
    return call(to, WEIR__MCP_MODERN, id, method, params, terms);
}

static int cancel(struct weir__buffer *to, int64_t id, const char *reason)
{
    char text[24];

    return weir__mcp_write_cancelled(to, weir__id_slice(id, text), reason);
}

/* tools/list; cursor: of the page, or none. */
static int list(struct weir__buffer *to, enum weir__mcp_era era, int64_t id,
                struct weir__slice cursor)
{
    struct weir__buffer params = {0};
    int status = 0;

    if (cursor.bytes != NULL)
        status = WEIR__PUT(&params, WEIR__LITERAL("{\"cursor\":"), cursor, WEIR__LITERAL("}"));
    if (status >= 0)
        status = ask(to, era, id, "tools/list", (struct weir__slice){params.bytes, params.length});
    weir__buffer_clear(&params);
    return status;
}

static int list_legacy(struct weir__buffer *to, int64_t id, struct weir__slice cursor)
{
    return list(to, WEIR__MCP_LEGACY, id, cursor);
}

static int list_modern(struct weir__buffer *to, int64_t id, struct weir__slice cursor)
{
    return list(to, WEIR__MCP_MODERN, id, cursor);
}

static int listen_modern(struct weir__buffer *to, int64_t id)
{
    return ask(to, WEIR__MCP_MODERN, id, "subscriptions/listen",
               WEIR__LITERAL("{\"notifications\":{\"toolsListChanged\":true}}"));
}

/* --- The handshake ----------------------------------------------------------------- */

static enum weir__handshake_step __attribute__((format(printf, 2, 3)))
fail(struct weir__handshake *handshake, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    weir__sentence_list(handshake->reason, sizeof handshake->reason, format, args);
    va_end(args);
    return WEIR__HANDSHAKE_FAILED;
}

static enum weir__handshake_step no_memory(struct weir__handshake *handshake)
{
    return fail(handshake, "could not be asked: no memory");
}

static enum weir__handshake_step fail_with(struct weir__handshake *handshake, const char *method,
                                           struct weir__slice error)
{
    return fail(handshake, "has not started: it answered %s with %.*s", method,
                (int)(error.length < 150 ? error.length : 150), error.bytes);
}

static enum weir__handshake_step discover(struct weir__handshake *handshake,
                                          struct weir__buffer *to)
{
    handshake->discover_id = ++handshake->last_id;
    if (ask(to, WEIR__MCP_MODERN, handshake->discover_id, "server/discover", none) < 0)
        return no_memory(handshake);
    return WEIR__HANDSHAKE_MORE;
}

static enum weir__handshake_step initialize(struct weir__handshake *handshake,
                                            struct weir__buffer *to)
{
    char text[24];

    handshake->initialize_id = ++handshake->last_id;
    if (weir__mcp_write_initialize(to, weir__id_slice(handshake->initialize_id, text)) < 0)
        return no_memory(handshake);
    return WEIR__HANDSHAKE_MORE;
}

static enum weir__handshake_step be_ready(struct weir__handshake *handshake)
{
    handshake->left_out = handshake->tools.left_out;
    handshake->methods = weir__tool_list_take(&handshake->tools);
    if (handshake->methods == NULL)
        handshake->methods = json_object();
    return handshake->methods != NULL ? WEIR__HANDSHAKE_READY : no_memory(handshake);
}

static enum weir__handshake_step ask_list(struct weir__handshake *handshake,
                                          struct weir__slice cursor, struct weir__buffer *to)
{
    handshake->list_id = ++handshake->last_id;
    if (handshake->dialect->list(to, handshake->list_id, cursor) < 0)
        return no_memory(handshake);
    return WEIR__HANDSHAKE_MORE;
}

/* The era is known, and what the server can do. */
static enum weir__handshake_step decide(struct weir__handshake *handshake,
                                        const struct weir__dialect *dialect, unsigned capabilities,
                                        struct weir__buffer *to)
{
    handshake->is_decided = 1;
    handshake->dialect = dialect;
    handshake->start =
        dialect == &weir__dialect_mcp_modern ? WEIR__MCP_START_MODERN : WEIR__MCP_START_LEGACY;
    handshake->capabilities = capabilities;
    handshake->concurrency = MANY;
    if (dialect == &weir__dialect_mcp_legacy
        && weir__mcp_write_notification(to, "notifications/initialized", none) < 0)
        return no_memory(handshake);
    if (capabilities & WEIR__MCP_TOOLS)
        return ask_list(handshake, none, to);
    return be_ready(handshake);
}

/* Which eras a list of versions has. */
static void find_eras(struct weir__slice versions, int *modern, int *legacy)
{
    struct weir__slice version;

    *modern = *legacy = 0;
    if (weir__slice_type(versions) != 'a')
        return;
    while (weir__message_next(&versions, &version)) {
        *modern |= weir__slice_is(version, WEIR__MCP_MODERN_VERSION);
        *legacy |= weir__mcp_is_legacy(version);
    }
}

/* The server does not speak the modern revision. versions: those it named. */
static enum weir__handshake_step is_legacy(struct weir__handshake *handshake,
                                           struct weir__slice versions, struct weir__buffer *to)
{
    handshake->discover_failed = 1;
    if (handshake->start == WEIR__MCP_START_MODERN)
        return fail(handshake,
                    "has not started: it does not speak MCP " WEIR__MCP_MODERN_VERSION "%s%.*s",
                    versions.bytes != NULL ? ", but " : "",
                    (int)(versions.length < 100 ? versions.length : 100),
                    versions.bytes != NULL ? versions.bytes : "");
    return handshake->initialize_id == 0 ? initialize(handshake, to) : WEIR__HANDSHAKE_MORE;
}

static enum weir__handshake_step speaks_neither(struct weir__handshake *handshake,
                                                struct weir__slice versions)
{
    return fail(handshake, "has not started: weir speaks none of the MCP versions %.*s",
                (int)(versions.length < 100 ? versions.length : 100), versions.bytes);
}

static enum weir__handshake_step take_discover(struct weir__handshake *handshake,
                                               const struct weir__incoming *answer,
                                               struct weir__buffer *to)
{
    static const char *const names[] = {"supportedVersions", "capabilities"}, *data[] = {"data"},
                             *supported[] = {"supported"};
    struct weir__slice found[2] = {none, none}, versions = none;
    int modern, legacy;

    if (answer->kind == WEIR__INCOMING_RESULT) {
        weir__object_get(answer->value, names, found, 2);
        versions = found[0];
    } else if (weir__error_code(answer->value) == WEIR__MCP_UNSUPPORTED_VERSION) {
        weir__object_get(answer->value, data, found, 1);
        weir__object_get(found[0], supported, &versions, 1);
        found[1] = none;
    } else {
        return is_legacy(handshake, none, to);
    }
    find_eras(versions, &modern, &legacy);
    if (answer->kind == WEIR__INCOMING_RESULT && weir__slice_type(versions) != 'a')
        modern = 1;
    if (modern) /* without its capabilities: what it lacks it refuses */
        return decide(handshake, &weir__dialect_mcp_modern,
                      found[1].bytes != NULL ? weir__mcp_capabilities(found[1])
                                             : WEIR__MCP_TOOLS | WEIR__MCP_RESOURCES
                                                   | WEIR__MCP_PROMPTS | WEIR__MCP_COMPLETIONS,
                      to);
    if (!legacy && weir__slice_type(versions) == 'a')
        return speaks_neither(handshake, versions);
    return is_legacy(handshake, versions, to);
}

static enum weir__handshake_step take_initialize(struct weir__handshake *handshake,
                                                 const struct weir__incoming *answer,
                                                 struct weir__buffer *to)
{
    static const char *const names[] = {"protocolVersion", "capabilities"};
    struct weir__slice found[2];

    if (answer->kind == WEIR__INCOMING_ERROR) {
        if (handshake->discover_id > 0 && !handshake->discover_failed)
            return WEIR__HANDSHAKE_MORE; /* a modern server, slow to answer the first request */
        return fail_with(handshake, "initialize", answer->value);
    }
    weir__object_get(answer->value, names, found, 2);
    if (!weir__mcp_is_legacy(found[0]))
        return speaks_neither(
            handshake, found[0].bytes != NULL ? found[0] : WEIR__LITERAL("it could have named"));
    return decide(handshake, &weir__dialect_mcp_legacy, weir__mcp_capabilities(found[1]), to);
}

static enum weir__handshake_step take_list(struct weir__handshake *handshake,
                                           const struct weir__incoming *answer,
                                           struct weir__buffer *to)
{
    struct weir__slice cursor;
    char reason[120];

    if (answer->kind == WEIR__INCOMING_ERROR)
        return fail_with(handshake, "tools/list", answer->value);
    switch (weir__tool_list_add(&handshake->tools, answer->value, &cursor, reason, sizeof reason)) {
    case 1:
        return ask_list(handshake, cursor, to);
    case 0:
        return be_ready(handshake);
    default:
        return fail(handshake, "has not started: its list of tools %s", reason);
    }
}

static enum weir__handshake_step shake_hands(struct weir__handshake *handshake,
                                             const struct weir__incoming *answer,
                                             struct weir__buffer *to)
{
    if (answer == NULL) {
        if (handshake->discover_id > 0 || handshake->start == WEIR__MCP_START_LEGACY)
            return initialize(handshake, to);
        handshake->quiet_ms = handshake->start == WEIR__MCP_PROBE ? QUIET_MS : 0;
        return discover(handshake, to);
    }
    handshake->has_answered = 1;
    if (handshake->list_id > 0 && answer->id == handshake->list_id)
        return take_list(handshake, answer, to);
    if (handshake->is_decided)
        return WEIR__HANDSHAKE_MORE; /* the other greeting, answered too late */
    return answer->id == handshake->discover_id ? take_discover(handshake, answer, to)
                                                : take_initialize(handshake, answer, to);
}

/* --- The rows ------------------------------------------------------------------------ */

const struct weir__dialect weir__dialect_mcp = {
    .name = "mcp",
    .title = "MCP",
    .handshake = shake_hands,
    .decode = decode,
    .refuse = refuse,
    .end_ms = END_MS,
};

const struct weir__dialect weir__dialect_mcp_legacy = {
    .name = "mcp",
    .title = "MCP",
    .handshake = shake_hands,
    .decode = decode,
    .call = call_legacy,
    .cancel = cancel,
    .refuse = refuse,
    .settle = settle,
    .list = list_legacy,
    .settles_at_once = 1,
    .is_named = 1,
    .end_ms = END_MS,
};

const struct weir__dialect weir__dialect_mcp_modern = {
    .name = "mcp",
    .title = "MCP",
    .handshake = shake_hands,
    .decode = decode,
    .call = call_modern,
    .cancel = cancel,
    .refuse = refuse,
    .settle = settle,
    .list = list_modern,
    .listen = listen_modern,
    .settles_at_once = 1,
    .is_named = 1,
    .end_ms = END_MS,
};
