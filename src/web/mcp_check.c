#include "config.h"

#include "web/mcp_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "http/fields.h"
#include "web/answer.h"

enum {
    BATCH_MAX = 100,
    MISMATCH = -32020,
};

static const struct weir__slice nothing = {NULL, 0};

struct weir__http_text weir__web_mcp_field(const struct weir__web_client *client, const char *name)
{
    return weir__http_request_field(&client->request, client->in.bytes, name);
}

/* Whether a field has the value that a string of the message has. */
static int is_same(struct weir__http_text field, struct weir__slice value)
{
    size_t length = 0;
    char *text = weir__slice_string(value, &length);
    int same = text != NULL && field.bytes != NULL && field.length == length
               && memcmp(field.bytes, text, length) == 0;

    free(text);
    return same;
}

/* The same for one that may be encoded: =?base64?...?= */
static int is_same_name(struct weir__http_text field, struct weir__slice value)
{
    static const char before[] = "=?base64?", after[] = "?=";
    size_t head = sizeof before - 1, tail = sizeof after - 1;
    struct weir__buffer bytes = {0};
    int same;

    if (field.bytes == NULL || field.length < head + tail || memcmp(field.bytes, before, head) != 0
        || memcmp(field.bytes + field.length - tail, after, tail) != 0)
        return is_same(field, value);
    same =
        weir__base64_decode(field.bytes + head, field.length - head - tail, &bytes, NULL) >= 0
        && is_same((struct weir__http_text){bytes.bytes != NULL ? bytes.bytes : "", bytes.length},
                   value);
    weir__buffer_clear(&bytes);
    return same;
}

/* An error that no server was asked for.  error: a line. */
static void answer_error(struct weir__web_client *client, int status, struct weir__buffer *error,
                         int failed)
{
    struct weir__http_writer writer;

    if (failed < 0) {
        weir__web_finish(client, 1);
        return;
    }
    writer = weir__web_begin(client, status);
    weir__web_answer(client, &writer, "application/json", error->bytes, error->length - 1);
}

void weir__web_mcp_refuse(struct weir__web_client *client, int status, struct weir__slice id,
                          int64_t code, const char *message)
{
    struct weir__buffer line = {0};
    int failed = weir__mcp_write_error(&line, id, code, message);

    answer_error(client, status, &line, failed);
    weir__buffer_clear(&line);
}

/* Without a body. */
void weir__web_mcp_answer_empty(struct weir__web_client *client, int status)
{
    struct weir__http_writer writer = weir__web_begin(client, status);

    if (status == 202)
        weir__http_write_field(&writer, "Content-Length", "0");
    weir__web_answer(client, &writer, NULL, NULL, 0);
}

/* Returns 0, or refuses the request. */
int weir__web_mcp_check_fields(struct weir__web_client *client)
{
    const char *head = client->in.bytes;

    if (!weir__http_media_is(weir__web_mcp_field(client, "content-type"), "application/json")) {
        weir__web_refuse(client, 415, NULL, "send application/json");
        return -1;
    }
    if (weir__http_accepts(&client->request, head, "application/json") == 0
        && weir__http_accepts(&client->request, head, "text/event-stream") == 0) {
        weir__web_refuse(client, 406, NULL,
                         "answers are application/json or text/event-stream: accept both");
        return -1;
    }
    return 0;
}

/* What the fields of a request of 2026-07-28 repeat of it must be the same: what stands between
 * looks at the fields only.  Returns 0, or refuses it. */
int weir__web_mcp_check_modern(struct weir__web_client *client, const struct weir__message *message,
                               const struct weir__mcp_meta *meta)
{
    static const struct {
        const char *method, *member;
    } rows[] = {{"tools/call", "name"}, {"prompts/get", "name"}, {"resources/read", "uri"}};
    const char *fault = NULL;
    struct weir__slice name;

    if (meta->version.bytes == NULL) {
        weir__web_mcp_refuse(client, 400, message->id, -32602,
                             "params._meta has no " WEIR__MCP_VERSION);
        return -1;
    }
    if (!is_same(weir__web_mcp_field(client, "mcp-protocol-version"), meta->version))
        fault = "MCP-Protocol-Version is not the version in params._meta";
    else if (!is_same(weir__web_mcp_field(client, "mcp-method"), message->method))
        fault = "Mcp-Method is not the method of the request";
    for (size_t i = 0; fault == NULL && i < sizeof rows / sizeof rows[0]; i++) {
        if (!weir__slice_is(message->method, rows[i].method))
            continue;
        weir__object_get(message->params, &rows[i].member, &name, 1);
        if (weir__slice_type(name) == 's'
            && !is_same_name(weir__web_mcp_field(client, "mcp-name"), name))
            fault = "Mcp-Name is not the name or URI in params";
    }
    if (fault == NULL)
        return 0;
    weir__web_mcp_refuse(client, 400, message->id, MISMATCH, fault);
    return -1;
}

/* A version that weir does not know.  Returns 0, or refuses the request. */
int weir__web_mcp_check_version(struct weir__web_client *client, struct weir__slice id)
{
    struct weir__http_text version = weir__web_mcp_field(client, "mcp-protocol-version");
    struct weir__buffer quoted = {0}, line = {0};
    struct weir__mcp_refusal refusal = {.code = WEIR__MCP_UNSUPPORTED_VERSION,
                                        .message = "unsupported protocol version"};
    int failed = 0;

    if (version.bytes == NULL)
        return 0;
    failed = weir__write_string(&quoted, version.bytes, version.length);
    refusal.unsupported = (struct weir__slice){quoted.bytes, quoted.length};
    if (failed == 0 && weir__mcp_is_legacy(refusal.unsupported)) {
        weir__buffer_clear(&quoted);
        return 0;
    }
    if (failed == 0)
        failed = weir__mcp_write_refusal(&line, id, &refusal);
    answer_error(client, 400, &line, failed);
    weir__buffer_clear(&line);
    weir__buffer_clear(&quoted);
    return -1;
}

/* What counts for the rate of a token. */
static int is_call(const struct weir__message *message)
{
    char *method =
        message->kind == WEIR__MESSAGE_REQUEST ? weir__slice_string(message->method, NULL) : NULL;
    int is = method != NULL
             && (strcmp(method, "initialize") == 0
                 || (weir__mcp_request(method) != 0 && strstr(method, "/list") == NULL));

    free(method);
    return is;
}

/* Returns 0, or refuses the request. */
int weir__web_mcp_take_rate(struct weir__web_client *client, const struct weir__message *message)
{
    struct weir__slice rest = message->params, element;
    struct weir__message one = *message;
    int is_batch = message->kind == WEIR__MESSAGE_BATCH, count = 0;

    while (!is_batch || weir__message_next(&rest, &element)) {
        if (is_batch)
            weir__message_scan(element.bytes, element.length, &one);
        if (client->bearer != NULL && is_call(&one)
            && weir__bearer_take(client->bearer, weir__clock_ns()) < 0) {
            weir__web_refuse(client, 429, NULL, NULL);
            return -1;
        }
        if (!is_batch)
            break;
        if (++count > BATCH_MAX) {
            weir__web_mcp_refuse(client, 400, nothing, -32600,
                                 "a batch over HTTP has up to 100 messages");
            return -1;
        }
    }
    return 0;
}
