#include "config.h"

#include "rpc/mcp_server.h"

#include <string.h>

#define INSTRUCTIONS                                                                               \
    "Tools run in worker processes. A failed tool says in its text what went wrong. If the text "  \
    "says that it is not known whether the call was done, look before you repeat it."

/* After resultType and _meta of a modern result. */
#define MODERN                                                                                     \
    "\"resultType\":\"complete\",\"_meta\":{\"" WEIR__MCP_SERVER "\":{\"name\":\"weir\","          \
    "\"version\":\"" PACKAGE_VERSION "\"}},"

#define NOT_KEPT "\"ttlMs\":0,\"cacheScope\":\"private\""

static const struct weir__slice none;

/* Cuts what a failed call has added. */
static int finish(struct weir__buffer *to, size_t before, int status)
{
    if (status >= 0)
        return 0;
    to->length = before;
    return status;
}

static int is_string(struct weir__slice slice)
{
    return weir__slice_type(slice) == 's';
}

/* --- Requests ------------------------------------------------------------------ */

void weir__mcp_request_check(const struct weir__message *request, bool initialized,
                             enum weir__mcp_era *era, struct weir__mcp_meta *meta,
                             struct weir__mcp_refusal *refusal)
{
    weir__mcp_meta_read(request->params, meta);
    *refusal = (struct weir__mcp_refusal){0};
    *era = meta->version.bytes != NULL ? WEIR__MCP_MODERN : WEIR__MCP_LEGACY;
    if (*era == WEIR__MCP_LEGACY) {
        if (initialized || weir__slice_is(request->method, "initialize"))
            return;
        refusal->code = -32602;
        refusal->message = "no initialize came before, and params._meta has no " WEIR__MCP_VERSION;
    } else if (!is_string(meta->version)) {
        refusal->code = -32602;
        refusal->message = WEIR__MCP_VERSION " must be a string";
    } else if (!weir__slice_is(meta->version, WEIR__MCP_MODERN_VERSION)) {
        refusal->code = WEIR__MCP_UNSUPPORTED_VERSION;
        refusal->message = "unsupported protocol version";
        refusal->unsupported = meta->version;
    } else if (weir__slice_type(meta->capabilities) != 'o') {
        refusal->code = -32602;
        refusal->message = WEIR__MCP_CAPABILITIES " must be an object in params._meta";
    }
}

/* --- Errors -------------------------------------------------------------------- */

int weir__mcp_write_error(struct weir__buffer *to, struct weir__slice id, int64_t code,
                          const char *message)
{
    size_t before = to->length;
    int status;

    if (id.bytes != NULL)
        return weir__write_error(to, id, code, message, none);
    status = WEIR__PUT(to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"error\":"));
    if (status >= 0)
        status = weir__write_error_value(to, code, message, none);
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("}\n"));
    return finish(to, before, status);
}

int weir__mcp_write_refusal(struct weir__buffer *to, struct weir__slice id,
                            const struct weir__mcp_refusal *refusal)
{
    struct weir__buffer data = {0};
    int status;

    if (refusal->unsupported.bytes == NULL)
        return weir__mcp_write_error(to, id, refusal->code, refusal->message);
    status = WEIR__PUT(
        &data, WEIR__LITERAL("{\"supported\":[\"" WEIR__MCP_MODERN_VERSION "\"],\"requested\":"),
        refusal->unsupported, WEIR__LITERAL("}"));
    if (status >= 0)
        status = weir__write_error(to, id, refusal->code, refusal->message,
                                   (struct weir__slice){data.bytes, data.length});
    weir__buffer_clear(&data);
    return status;
}

/* --- Results ------------------------------------------------------------------- */

static int begin_result(struct weir__buffer *to, struct weir__slice id, enum weir__mcp_era era)
{
    return WEIR__PUT(to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"id\":"), id,
                     WEIR__LITERAL(",\"result\":{"),
                     era == WEIR__MCP_MODERN ? WEIR__LITERAL(MODERN) : WEIR__LITERAL(""));
}

static int put_capabilities(struct weir__buffer *to, unsigned capabilities)
{
    static const struct weir__slice none_such = {"", 0};

    return WEIR__PUT(
        to, WEIR__LITERAL("\"capabilities\":{\"tools\":{\"listChanged\":true}"),
        capabilities & WEIR__MCP_RESOURCES ? WEIR__LITERAL(",\"resources\":{}") : none_such,
        capabilities & WEIR__MCP_PROMPTS ? WEIR__LITERAL(",\"prompts\":{}") : none_such,
        capabilities & WEIR__MCP_COMPLETIONS ? WEIR__LITERAL(",\"completions\":{}") : none_such,
        WEIR__LITERAL("}"));
}

int weir__mcp_write_initialized(struct weir__buffer *to, struct weir__slice id,
                                struct weir__slice version, unsigned capabilities)
{
    size_t before = to->length;
    int status = begin_result(to, id, WEIR__MCP_LEGACY);

    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("\"protocolVersion\":"),
                           weir__mcp_is_legacy(version)
                               ? version
                               : WEIR__LITERAL("\"" WEIR__MCP_LEGACY_VERSION "\""),
                           WEIR__LITERAL(","));
    if (status >= 0)
        status = put_capabilities(to, capabilities);
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"serverInfo\":"), weir__mcp_self(),
                           WEIR__LITERAL(",\"instructions\":\"" INSTRUCTIONS "\"}}\n"));
    return finish(to, before, status);
}

int weir__mcp_write_discovered(struct weir__buffer *to, struct weir__slice id,
                               unsigned capabilities)
{
    size_t before = to->length;
    int status = begin_result(to, id, WEIR__MCP_MODERN);

    if (status >= 0)
        status = WEIR__PUT(
            to, WEIR__LITERAL("\"supportedVersions\":[\"" WEIR__MCP_MODERN_VERSION "\"],"));
    if (status >= 0)
        status = put_capabilities(to, capabilities);
    if (status >= 0)
        status =
            WEIR__PUT(to, WEIR__LITERAL(",\"instructions\":\"" INSTRUCTIONS "\"," NOT_KEPT "}}\n"));
    return finish(to, before, status);
}

int weir__mcp_write_pong(struct weir__buffer *to, struct weir__slice id)
{
    return weir__write_result(to, id, WEIR__LITERAL("{}"));
}

int weir__mcp_write_list(struct weir__buffer *to, struct weir__slice id, enum weir__mcp_era era,
                         const char *member, struct weir__slice list)
{
    size_t before = to->length;
    int status = begin_result(to, id, era);

    if (status >= 0)
        status = WEIR__PUT(
            to, WEIR__LITERAL("\""), weir__slice_of(member), WEIR__LITERAL("\":"), list,
            era == WEIR__MCP_MODERN ? WEIR__LITERAL("," NOT_KEPT "}}\n") : WEIR__LITERAL("}}\n"));
    return finish(to, before, status);
}

/* "content":[{"type":"text","text":VALUE}] */
static int put_text(struct weir__buffer *to, struct weir__slice value)
{
    int status = WEIR__PUT(to, WEIR__LITERAL("\"content\":[{\"type\":\"text\",\"text\":"));

    if (status >= 0)
        status = is_string(value) ? WEIR__PUT(to, value)
                                  : weir__write_string(to, value.bytes, value.length);
    return status < 0 ? status : WEIR__PUT(to, WEIR__LITERAL("}]"));
}

static int put_structure(struct weir__buffer *to, struct weir__slice value,
                         enum weir__mcp_structure structure)
{
    switch (structure) {
    case WEIR__MCP_TEXT_ONLY:
        break;
    case WEIR__MCP_OBJECT:
        if (weir__slice_type(value) == 'o')
            return WEIR__PUT(to, WEIR__LITERAL(",\"structuredContent\":"), value);
        break; /* not of the type that the function declares */
    case WEIR__MCP_WRAPPED:
        return WEIR__PUT(to, WEIR__LITERAL(",\"structuredContent\":{\"result\":"), value,
                         WEIR__LITERAL("}"));
    }
    return 0;
}

int weir__mcp_write_value(struct weir__buffer *to, struct weir__slice id, enum weir__mcp_era era,
                          struct weir__slice value, enum weir__mcp_structure structure)
{
    static const char *const names[] = {"weir/content"};
    struct weir__slice blocks = none;
    size_t before = to->length;
    int status = begin_result(to, id, era);

    if (weir__slice_type(value) == 'o')
        weir__object_get(value, names, &blocks, 1);
    if (status >= 0 && weir__slice_type(blocks) == 'a')
        status = WEIR__PUT(to, WEIR__LITERAL("\"content\":"), blocks);
    else if (status >= 0) {
        status = put_text(to, value);
        if (status >= 0)
            status = put_structure(to, value, structure);
    }
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("}}\n"));
    return finish(to, before, status);
}

int weir__mcp_write_tool_error(struct weir__buffer *to, struct weir__slice id,
                               enum weir__mcp_era era, const char *text)
{
    size_t before = to->length;
    int status = begin_result(to, id, era);

    if (status >= 0)
        status = put_text(to, weir__slice_of(text));
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"isError\":true}}\n"));
    return finish(to, before, status);
}

/* A server's _meta without what it says about itself: weir is the server of its client. */
static int put_meta(struct weir__buffer *to, struct weir__slice meta, enum weir__mcp_era era)
{
    struct weir__slice key, value;
    size_t begin;
    int status = WEIR__PUT(to, WEIR__LITERAL("\"_meta\":{"));

    begin = to->length;
    if (status >= 0 && era == WEIR__MCP_MODERN)
        status = WEIR__PUT(to, WEIR__LITERAL("\"" WEIR__MCP_SERVER "\":"), weir__mcp_self());
    while (status >= 0 && weir__slice_type(meta) == 'o' && weir__member_next(&meta, &key, &value))
        if (!weir__slice_is(key, WEIR__MCP_SERVER))
            status = WEIR__PUT(to, to->length > begin ? WEIR__LITERAL(",") : WEIR__LITERAL(""), key,
                               WEIR__LITERAL(":"), value);
    return status < 0 ? status : WEIR__PUT(to, WEIR__LITERAL("}"));
}

/* Members that only modern results have. */
static int is_modern_only(struct weir__slice key, struct weir__slice value)
{
    return weir__slice_is(key, "resultType") || weir__slice_is(key, "ttlMs")
           || weir__slice_is(key, "cacheScope")
           || (weir__slice_is(key, "structuredContent") && weir__slice_type(value) != 'o');
}

/* How long a result may be kept, and by whom: what one client may see is not for others. */
static int is_kept(struct weir__slice key)
{
    return weir__slice_is(key, "ttlMs") || weir__slice_is(key, "cacheScope");
}

int weir__mcp_write_passed(struct weir__buffer *to, struct weir__slice id, enum weir__mcp_era era,
                           struct weir__slice result, bool may_be_kept)
{
    static const char *const names[] = {"resultType", "_meta", "ttlMs"};
    struct weir__slice found[3], rest = result, key, value;
    size_t before = to->length, begin;
    int status = begin_result(to, id, WEIR__MCP_LEGACY);

    begin = to->length;
    weir__object_get(result, names, found, 3);
    may_be_kept = may_be_kept && era == WEIR__MCP_MODERN
                  && (found[0].bytes == NULL || weir__slice_is(found[0], "complete"));
    if (status >= 0 && era == WEIR__MCP_MODERN)
        status = WEIR__PUT(to, WEIR__LITERAL("\"resultType\":"),
                           is_string(found[0]) ? found[0] : WEIR__LITERAL("\"complete\""),
                           WEIR__LITERAL(","));
    if (status >= 0 && (era == WEIR__MCP_MODERN || found[1].bytes != NULL))
        status = put_meta(to, found[1], era);
    while (status >= 0 && weir__member_next(&rest, &key, &value)) {
        if (weir__slice_is(key, "_meta") || weir__slice_is(key, "resultType")
            || (may_be_kept && is_kept(key))
            || (era == WEIR__MCP_LEGACY && is_modern_only(key, value)))
            continue;
        status = WEIR__PUT(to, to->length > begin ? WEIR__LITERAL(",") : WEIR__LITERAL(""), key,
                           WEIR__LITERAL(":"), value);
    }
    if (status >= 0 && may_be_kept)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"ttlMs\":"),
                           weir__slice_number(found[2]) >= 0 ? found[2] : WEIR__LITERAL("0"),
                           WEIR__LITERAL(",\"cacheScope\":\"private\""));
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("}}\n"));
    return finish(to, before, status);
}

/* --- Notifications --------------------------------------------------------------- */

int weir__mcp_write_progress(struct weir__buffer *to, struct weir__slice token,
                             struct weir__slice progress, struct weir__slice total,
                             struct weir__slice message)
{
    size_t before = to->length;
    int status = WEIR__PUT(to,
                           WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress"
                                         "\",\"params\":{\"progressToken\":"),
                           token, WEIR__LITERAL(",\"progress\":"), progress);

    if (status >= 0 && total.bytes != NULL)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"total\":"), total);
    if (status >= 0 && message.bytes != NULL)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"message\":"), message);
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("}}\n"));
    return finish(to, before, status);
}

int weir__mcp_write_changed(struct weir__buffer *to, struct weir__slice listener)
{
    if (listener.bytes == NULL)
        return weir__mcp_write_notification(to, "notifications/tools/list_changed", none);
    return WEIR__PUT(to,
                     WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/"
                                   "list_changed\",\"params\":{\"_meta\":{\"" WEIR__MCP_SUBSCRIPTION
                                   "\":"),
                     listener, WEIR__LITERAL("}}}\n"));
}

int weir__mcp_write_listening(struct weir__buffer *to, struct weir__slice id, bool tools)
{
    return WEIR__PUT(to,
                     WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/"
                                   "acknowledged\",\"params\":{\"_meta\":"
                                   "{\"" WEIR__MCP_SUBSCRIPTION "\":"),
                     id, WEIR__LITERAL("},\"notifications\":{"),
                     tools ? WEIR__LITERAL("\"toolsListChanged\":true") : WEIR__LITERAL(""),
                     WEIR__LITERAL("}}}\n"));
}

int weir__mcp_write_listened(struct weir__buffer *to, struct weir__slice id)
{
    return WEIR__PUT(to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"id\":"), id,
                     WEIR__LITERAL(",\"result\":{\"resultType\":\"complete\",\"_meta\":{"
                                   "\"" WEIR__MCP_SUBSCRIPTION "\":"),
                     id, WEIR__LITERAL(",\"" WEIR__MCP_SERVER "\":"), weir__mcp_self(),
                     WEIR__LITERAL("}}}\n"));
}
