#include "config.h"

#include "rpc/mcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELF "{\"name\":\"weir\",\"version\":\"" PACKAGE_VERSION "\"}"

enum { LONGEST_MESSAGE = 4096, INTERNAL_ERROR = -32603 };

static const struct weir__slice none;

bool weir__mcp_is_legacy(struct weir__slice version)
{
    static const char *const known[] = {WEIR__MCP_LEGACY_VERSION, "2025-06-18", "2025-03-26",
                                        "2024-11-05"};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (weir__slice_is(version, known[i]))
            return true;
    return false;
}

struct weir__slice weir__mcp_self(void)
{
    return WEIR__LITERAL(SELF);
}

/* Cuts what a failed call has added. */
static int finish(struct weir__buffer *to, size_t before, int status)
{
    if (status >= 0)
        return 0;
    to->length = before;
    return status;
}

static int put_string(struct weir__buffer *to, const char *text)
{
    return weir__write_string(to, text, strlen(text));
}

/* --- Requests of a host -------------------------------------------------------- */

unsigned weir__mcp_request(const char *method)
{
    static const struct {
        const char *method;
        enum weir__mcp_capability capability;
    } rows[] = {
        {"tools/list", WEIR__MCP_TOOLS},         {"tools/call", WEIR__MCP_TOOLS},
        {"resources/list", WEIR__MCP_RESOURCES}, {"resources/templates/list", WEIR__MCP_RESOURCES},
        {"resources/read", WEIR__MCP_RESOURCES}, {"prompts/list", WEIR__MCP_PROMPTS},
        {"prompts/get", WEIR__MCP_PROMPTS},      {"completion/complete", WEIR__MCP_COMPLETIONS},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(method, rows[i].method) == 0)
            return rows[i].capability;
    return 0;
}

char *weir__mcp_tool(const char *method, struct weir__slice params)
{
    static const char *const names[] = {"name"};
    struct weir__slice name;

    if (strcmp(method, "tools/call") != 0)
        return NULL;
    weir__object_get(params, names, &name, 1);
    return weir__slice_string(name, NULL);
}

unsigned weir__mcp_capabilities(struct weir__slice capabilities)
{
    static const char *const names[] = {"tools", "resources", "prompts", "completions", "logging"};
    static const char *const changed[] = {"listChanged"};
    struct weir__slice found[5], change;
    unsigned has = 0;

    weir__object_get(capabilities, names, found, 5);
    for (unsigned i = 0; i < 5; i++)
        if (weir__slice_type(found[i]) == 'o')
            has |= 1u << i;
    weir__object_get(found[0], changed, &change, 1);
    return weir__slice_type(change) == 't' ? has | WEIR__MCP_TOOLS_CHANGE : has;
}

/* Whether weir writes this member of _meta itself, or a server of the era must not get it. */
static bool is_ours(struct weir__slice key, const struct weir__mcp_terms *terms)
{
    if (weir__slice_is(key, "progressToken") || weir__slice_is(key, WEIR__MCP_VERSION)
        || weir__slice_is(key, WEIR__MCP_CLIENT) || weir__slice_is(key, WEIR__MCP_CAPABILITIES))
        return true;
    return (terms->traceparent != NULL && weir__slice_is(key, "traceparent"))
           || (terms->tracestate != NULL && weir__slice_is(key, "tracestate"));
}

static int put_own_meta(struct weir__buffer *to, struct weir__slice id,
                        struct weir__slice capabilities, const struct weir__mcp_terms *terms)
{
    int status = 0;

    if (terms->era == WEIR__MCP_MODERN)
        status = WEIR__PUT(
            to,
            WEIR__LITERAL(",\"" WEIR__MCP_VERSION "\":\"" WEIR__MCP_MODERN_VERSION
                          "\",\"" WEIR__MCP_CLIENT "\":" SELF ",\"" WEIR__MCP_CAPABILITIES "\":"),
            weir__slice_type(capabilities) == 'o' ? capabilities : WEIR__LITERAL("{}"));
    if (status >= 0 && terms->wants_progress)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"progressToken\":"), id);
    if (status >= 0 && terms->traceparent != NULL)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"traceparent\":"));
    if (status >= 0 && terms->traceparent != NULL)
        status = put_string(to, terms->traceparent);
    if (status >= 0 && terms->tracestate != NULL)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"tracestate\":"));
    if (status >= 0 && terms->tracestate != NULL)
        status = put_string(to, terms->tracestate);
    return status;
}

/* ,"_meta":{...} if there is anything in it; given is the caller's, or none. */
static int put_meta(struct weir__buffer *to, struct weir__slice id, struct weir__slice given,
                    const struct weir__mcp_terms *terms)
{
    static const char *const names[] = {WEIR__MCP_CAPABILITIES};
    struct weir__slice key, value, capabilities;
    size_t before = to->length, begin;
    int status = WEIR__PUT(to, WEIR__LITERAL(",\"_meta\":"));

    if (weir__slice_type(given) != 'o')
        given = none;
    begin = to->length;
    weir__object_get(given, names, &capabilities, 1);
    if (status >= 0)
        status = put_own_meta(to, id, capabilities, terms);
    while (status >= 0 && weir__member_next(&given, &key, &value))
        if (!is_ours(key, terms))
            status = WEIR__PUT(to, WEIR__LITERAL(","), key, WEIR__LITERAL(":"), value);
    if (status < 0)
        return status;
    if (to->length == begin) {
        to->length = before;
        return 0;
    }
    to->bytes[begin] = '{'; /* where the first comma is */
    return WEIR__PUT(to, WEIR__LITERAL("}"));
}

static int put_head(struct weir__buffer *to, struct weir__slice id, const char *method)
{
    int status = WEIR__PUT(to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"id\":"), id,
                           WEIR__LITERAL(",\"method\":"));

    if (status >= 0)
        status = put_string(to, method);
    return status < 0 ? status : WEIR__PUT(to, WEIR__LITERAL(",\"params\":"));
}

/* What all requests end with; the params begin at begin, with a comma before each member. */
static int put_tail(struct weir__buffer *to, size_t begin, struct weir__slice id,
                    struct weir__slice meta, const struct weir__mcp_terms *terms)
{
    int status = 0;

    if (terms->request_state.bytes != NULL)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"requestState\":"), terms->request_state);
    if (status >= 0)
        status = put_meta(to, id, meta, terms);
    if (status >= 0 && to->length == begin)
        return WEIR__PUT(to, WEIR__LITERAL("{}}\n"));
    if (status < 0)
        return status;
    to->bytes[begin] = '{';
    return WEIR__PUT(to, WEIR__LITERAL("}}\n"));
}

int weir__mcp_write_request(struct weir__buffer *to, struct weir__slice id, const char *method,
                            struct weir__slice params, const struct weir__mcp_terms *terms)
{
    size_t before = to->length, begin;
    struct weir__slice key, value, meta = none;
    int status = put_head(to, id, method);

    begin = to->length;
    while (status >= 0 && weir__member_next(&params, &key, &value))
        if (weir__slice_is(key, "_meta"))
            meta = value;
        else if (terms->request_state.bytes == NULL || !weir__slice_is(key, "requestState"))
            status = WEIR__PUT(to, WEIR__LITERAL(","), key, WEIR__LITERAL(":"), value);
    if (status >= 0)
        status = put_tail(to, begin, id, meta, terms);
    return finish(to, before, status);
}

int weir__mcp_write_tool_call(struct weir__buffer *to, struct weir__slice id, const char *tool,
                              struct weir__slice arguments, const struct weir__mcp_terms *terms)
{
    size_t before = to->length, begin;
    int status = put_head(to, id, "tools/call");

    begin = to->length;
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"name\":"));
    if (status >= 0)
        status = put_string(to, tool);
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"arguments\":"),
                           arguments.bytes != NULL ? arguments : WEIR__LITERAL("{}"));
    if (status >= 0)
        status = put_tail(to, begin, id, none, terms);
    return finish(to, before, status);
}

int weir__mcp_write_initialize(struct weir__buffer *to, struct weir__slice id)
{
    return WEIR__PUT(to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"id\":"), id,
                     WEIR__LITERAL(",\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
                                   "\"" WEIR__MCP_LEGACY_VERSION "\",\"capabilities\":{},"
                                   "\"clientInfo\":" SELF "}}\n"));
}

int weir__mcp_write_notification(struct weir__buffer *to, const char *method,
                                 struct weir__slice params)
{
    size_t before = to->length;
    int status = WEIR__PUT(to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"method\":"));

    if (status >= 0)
        status = put_string(to, method);
    if (status >= 0 && params.bytes != NULL)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"params\":"), params);
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("}\n"));
    return finish(to, before, status);
}

int weir__mcp_write_cancelled(struct weir__buffer *to, struct weir__slice id, const char *reason)
{
    size_t before = to->length;
    int status =
        WEIR__PUT(to,
                  WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                                "\"params\":{\"requestId\":"),
                  id, WEIR__LITERAL(",\"reason\":"));

    if (status >= 0)
        status = put_string(to, reason);
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("}}\n"));
    return finish(to, before, status);
}

/* --- Requests that a client sent ------------------------------------------------ */

void weir__mcp_meta_read(struct weir__slice params, struct weir__mcp_meta *meta)
{
    static const char *const name[] = {"_meta"};
    static const char *const names[] = {WEIR__MCP_VERSION, WEIR__MCP_CLIENT, WEIR__MCP_CAPABILITIES,
                                        "progressToken",   "traceparent",    "tracestate"};
    struct weir__slice object, found[6];

    weir__object_get(params, name, &object, 1);
    weir__object_get(object, names, found, 6);
    *meta = (struct weir__mcp_meta){
        .version = found[0],
        .client = found[1],
        .capabilities = found[2],
        .progress_token = found[3],
        .traceparent = found[4],
        .tracestate = found[5],
    };
}

/* --- Results -------------------------------------------------------------------- */

/* The text of a block; none if it is not a text block. */
static struct weir__slice text_of(struct weir__slice block)
{
    static const char *const names[] = {"type", "text"};
    struct weir__slice found[2];

    weir__object_get(block, names, found, 2);
    return weir__slice_is(found[0], "text") && weir__slice_type(found[1]) == 's' ? found[1] : none;
}

/* The method of the first request of an input_required; none if it asks for nothing. */
static struct weir__slice find_asked(struct weir__slice requests)
{
    static const char *const names[] = {"method"};
    struct weir__slice key, request, method = none;

    if (weir__slice_type(requests) == 'o' && weir__member_next(&requests, &key, &request)) {
        weir__object_get(request, names, &method, 1);
        if (weir__slice_type(method) != 's')
            method = WEIR__LITERAL("\"input\"");
    }
    return method;
}

static struct weir__slice value_of(const struct weir__mcp_result *read)
{
    struct weir__slice rest = read->content, block, second;

    if (read->structured.bytes != NULL)
        return read->structured;
    if (weir__slice_type(read->content) != 'a')
        return read->whole;
    if (weir__message_next(&rest, &block) && text_of(block).bytes != NULL
        && !weir__message_next(&rest, &second))
        return text_of(block);
    return read->content;
}

void weir__mcp_result_read(struct weir__slice result, struct weir__mcp_result *read)
{
    enum { TYPE, IS_ERROR, STRUCTURED, CONTENT, REQUESTS, STATE, COUNT };
    static const char *const names[COUNT] = {"resultType", "isError",       "structuredContent",
                                             "content",    "inputRequests", "requestState"};
    struct weir__slice found[COUNT];

    weir__object_get(result, names, found, COUNT);
    *read = (struct weir__mcp_result){
        .kind = WEIR__MCP_VALUE,
        .whole = result,
        .content = found[CONTENT],
        .structured = found[STRUCTURED],
        .request_state = found[STATE],
        .type = found[TYPE],
        .asked = find_asked(found[REQUESTS]),
    };
    if (weir__slice_is(found[TYPE], "input_required"))
        read->kind = read->asked.bytes != NULL ? WEIR__MCP_ASKS : WEIR__MCP_REPEAT;
    else if (found[TYPE].bytes != NULL && !weir__slice_is(found[TYPE], "complete"))
        read->kind = WEIR__MCP_UNKNOWN;
    else if (weir__slice_type(found[IS_ERROR]) == 't')
        read->kind = WEIR__MCP_FAILED;
    read->value = value_of(read);
}

bool weir__mcp_is_error(struct weir__slice result)
{
    static const char *const names[] = {"isError"};
    struct weir__slice found;

    weir__object_get(result, names, &found, 1);
    return weir__slice_type(found) == 't';
}

/* The length of a text cut to most bytes, between two characters. */
static size_t cut(const char *text, size_t length, size_t most)
{
    if (length <= most)
        return length;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

int weir__mcp_text(struct weir__slice content, size_t most, struct weir__buffer *to)
{
    struct weir__slice block;
    size_t before = to->length;

    if (weir__slice_type(content) != 'a')
        return 0;
    while (to->length - before < most && weir__message_next(&content, &block)) {
        struct weir__slice slice = text_of(block);
        size_t length, room;
        char *text;
        int status = 0;

        if (slice.bytes == NULL)
            continue;
        text = weir__slice_string(slice, &length);
        if (text == NULL)
            return finish(to, before, WEIR_ERR_NOMEM);
        if (to->length > before)
            status = weir__buffer_add(to, "\n", 1, NULL);
        room = most - (to->length - before);
        if (status >= 0)
            status = weir__buffer_add(to, text, cut(text, length, room), NULL);
        free(text);
        if (status < 0)
            return finish(to, before, WEIR_ERR_NOMEM);
    }
    return 0;
}

/* {"code":1000,"message":its texts,"data":the result} */
static int write_tool_failure(struct weir__buffer *to, const struct weir__mcp_result *read)
{
    struct weir__buffer text = {0};
    size_t before = to->length;
    int status = weir__mcp_text(read->content, LONGEST_MESSAGE, &text);

    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("{\"code\":1000,\"message\":"));
    if (status >= 0)
        status = text.length > 0 ? weir__write_string(to, text.bytes, text.length)
                                 : put_string(to, "the tool failed");
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"data\":"), read->whole, WEIR__LITERAL("}"));
    weir__buffer_clear(&text);
    return finish(to, before, status);
}

int weir__mcp_write_failure(struct weir__buffer *to, const struct weir__mcp_result *read)
{
    char message[200], *text;

    switch (read->kind) {
    case WEIR__MCP_VALUE:
    case WEIR__MCP_FAILED:
        return write_tool_failure(to, read);
    case WEIR__MCP_REPEAT:
        snprintf(message, sizeof message, "the tool asks to be repeated again and again");
        break;
    case WEIR__MCP_ASKS:
        text = weir__slice_string(read->asked, NULL);
        snprintf(message, sizeof message, "the tool asks for %.100s, but there is no user to ask",
                 text != NULL ? text : "input");
        free(text);
        break;
    case WEIR__MCP_UNKNOWN:
        text = weir__slice_string(read->type, NULL);
        snprintf(message, sizeof message, "unknown resultType%s%.100s", text != NULL ? ": " : "",
                 text != NULL ? text : "");
        free(text);
        break;
    }
    return weir__write_error_value(to, INTERNAL_ERROR, message, read->whole);
}
