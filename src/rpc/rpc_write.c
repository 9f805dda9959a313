#include "config.h"

#include "rpc/rpc_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <weir/lines.h>

#include "base/error.h"
#include "text/json_validate.h"
#include "base/utf8.h"

int weir__write_pieces(struct weir__buffer *to, const struct weir__slice *pieces, size_t count)
{
    size_t length = 0;

    for (size_t i = 0; i < count; i++)
        length += pieces[i].length;
    if (weir__buffer_reserve(to, length, NULL) < 0)
        return WEIR_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].length > 0)
            memcpy(to->bytes + to->length, pieces[i].bytes, pieces[i].length);
        to->length += pieces[i].length;
    }
    return 0;
}

struct weir__slice weir__slice_of(const char *text)
{
    return (struct weir__slice){text, strlen(text)};
}

struct weir__slice weir__id_slice(int64_t number, char *text)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = number < 0 ? (uint64_t)-number : (uint64_t)number;

    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        digits[--at] = '-';
    memcpy(text, digits + at, sizeof digits - at);
    return (struct weir__slice){text, sizeof digits - at};
}

/* Cuts what a failed call has added. */
static int undo(struct weir__buffer *to, size_t length)
{
    to->length = length;
    return WEIR_ERR_NOMEM;
}

static int put_escape(struct weir__buffer *to, unsigned char byte)
{
    static const char from[] = "\"\\\b\f\n\r\t", into[] = "\"\\bfnrt";
    const char *known = byte != '\0' ? strchr(from, byte) : NULL;
    char text[8];

    if (known != NULL)
        snprintf(text, sizeof text, "\\%c", into[known - from]);
    else
        snprintf(text, sizeof text, "\\u%04x", byte);
    return weir__buffer_add(to, text, strlen(text), NULL);
}

static int put_characters(struct weir__buffer *to, const char *bytes, size_t length)
{
    size_t from = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f)
            continue;
        if (weir__buffer_add(to, bytes + from, i - from, NULL) < 0 || put_escape(to, byte) < 0)
            return WEIR_ERR_NOMEM;
        from = i + 1;
    }
    return weir__buffer_add(to, bytes + from, length - from, NULL);
}

/* Whether a character stands for itself in a JSON string. */
static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

int weir__write_string(struct weir__buffer *to, const char *string, size_t length)
{
    size_t before = to->length, plain = 0;
    int status;

    while (plain < length && is_plain((unsigned char)string[plain]))
        plain++;
    if (plain == length)
        return WEIR__PUT(to, WEIR__LITERAL("\""), {string, length}, WEIR__LITERAL("\""));
    status = WEIR__PUT(to, WEIR__LITERAL("\""));
    while (status >= 0 && length > 0) {
        struct weir__utf8_scan scan = weir__utf8_scan(string, length);

        status = put_characters(to, string, scan.valid);
        if (status >= 0 && scan.rest > 0)
            status = WEIR__PUT(to, WEIR__LITERAL("\xef\xbf\xbd"));
        string += scan.valid + scan.rest;
        length -= scan.valid + scan.rest;
    }
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("\""));
    return status < 0 ? undo(to, before) : 0;
}

/* A name and a number: ,"deadline_ms":5 */
static int put_number(struct weir__buffer *to, const char *name, int64_t number)
{
    char text[24];
    struct weir__slice digits = weir__id_slice(number, text);

    return WEIR__PUT(to, WEIR__LITERAL(",\""), {name, strlen(name)}, WEIR__LITERAL("\":"), digits);
}

static int put_text(struct weir__buffer *to, const char *name, const char *text)
{
    int status = WEIR__PUT(to, WEIR__LITERAL(",\""), {name, strlen(name)}, WEIR__LITERAL("\":"));

    return status < 0 ? status : weir__write_string(to, text, strlen(text));
}

static int put_terms(struct weir__buffer *to, const struct weir__call_terms *terms)
{
    size_t begin;
    int status;

    if (terms == NULL
        || (terms->deadline_ms < 0 && terms->credit == 0 && !terms->input
            && terms->traceparent == NULL && terms->tracestate == NULL))
        return 0;
    status = WEIR__PUT(to, WEIR__LITERAL(",\"weir\":"));
    begin = to->length;
    if (status >= 0 && terms->deadline_ms >= 0)
        status = put_number(to, "deadline_ms", terms->deadline_ms);
    if (status >= 0 && terms->credit > 0)
        status = put_number(to, "credit", (int64_t)terms->credit);
    if (status >= 0 && terms->input)
        status = put_text(to, "stream", "in");
    if (status >= 0 && terms->traceparent != NULL)
        status = put_text(to, "traceparent", terms->traceparent);
    if (status >= 0 && terms->tracestate != NULL)
        status = put_text(to, "tracestate", terms->tracestate);
    if (status < 0)
        return status;
    to->bytes[begin] = '{'; /* where the first comma is */
    return WEIR__PUT(to, WEIR__LITERAL("}"));
}

int weir__write_request(struct weir__buffer *to, struct weir__slice id, const char *method,
                        struct weir__slice params, const struct weir__call_terms *terms)
{
    size_t before = to->length;
    int status = WEIR__PUT(to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"id\":"), id,
                           WEIR__LITERAL(",\"method\":"));

    if (status >= 0)
        status = weir__write_string(to, method, strlen(method));
    if (status >= 0 && params.bytes != NULL)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"params\":"), params);
    if (status >= 0)
        status = put_terms(to, terms);
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("}\n"));
    return status < 0 ? undo(to, before) : 0;
}

int weir__write_result(struct weir__buffer *to, struct weir__slice id, struct weir__slice result)
{
    return WEIR__PUT(to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"id\":"), id,
                     WEIR__LITERAL(",\"result\":"), result, WEIR__LITERAL("}\n"));
}

int weir__write_error_value(struct weir__buffer *to, int64_t code, const char *message,
                            struct weir__slice data)
{
    size_t before = to->length;
    char text[24];
    struct weir__slice digits = weir__id_slice(code, text);
    int status = WEIR__PUT(to, WEIR__LITERAL("{\"code\":"), digits, WEIR__LITERAL(",\"message\":"));

    if (status >= 0)
        status = weir__write_string(to, message, strlen(message));
    if (status >= 0 && data.bytes != NULL)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"data\":"), data);
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("}"));
    return status < 0 ? undo(to, before) : 0;
}

int weir__write_error(struct weir__buffer *to, struct weir__slice id, int64_t code,
                      const char *message, struct weir__slice data)
{
    size_t before = to->length;
    int status = WEIR__PUT(to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"id\":"), id,
                           WEIR__LITERAL(",\"error\":"));

    if (status >= 0)
        status = weir__write_error_value(to, code, message, data);
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("}\n"));
    return status < 0 ? undo(to, before) : 0;
}

int weir__write_error_object(struct weir__buffer *to, struct weir__slice id,
                             struct weir__slice error)
{
    return WEIR__PUT(to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"id\":"), id,
                     WEIR__LITERAL(",\"error\":"), error, WEIR__LITERAL("}\n"));
}

int weir__write_chunk(struct weir__buffer *to, struct weir__slice id, struct weir__slice value)
{
    return WEIR__PUT(
        to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"method\":\"weir/chunk\",\"params\":{\"id\":"), id,
        WEIR__LITERAL(",\"value\":"), value, WEIR__LITERAL("}}\n"));
}

int weir__write_credit(struct weir__buffer *to, struct weir__slice id, uint64_t n)
{
    char text[24];
    struct weir__slice digits = weir__id_slice((int64_t)n, text);

    return WEIR__PUT(
        to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"method\":\"weir/credit\",\"params\":{\"id\":"),
        id, WEIR__LITERAL(",\"n\":"), digits, WEIR__LITERAL("}}\n"));
}

int weir__write_end(struct weir__buffer *to, struct weir__slice id, struct weir__slice error)
{
    struct weir__slice name =
        error.bytes != NULL ? WEIR__LITERAL(",\"error\":") : (struct weir__slice){NULL, 0};

    return WEIR__PUT(
        to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"method\":\"weir/end\",\"params\":{\"id\":"), id,
        name, error, WEIR__LITERAL("}}\n"));
}

const char *weir__number_text(char text[32], double number)
{
    if (number > -1e15 && number < 1e15 && number == (double)(int64_t)number)
        snprintf(text, 32, "%" PRId64, (int64_t)number);
    else
        snprintf(text, 32, "%.12g", number);
    return text;
}

int weir__write_progress(struct weir__buffer *to, struct weir__slice id, double progress,
                         double total, struct weir__slice message)
{
    size_t before = to->length;
    char digits[32];
    int status = WEIR__PUT(
        to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"method\":\"weir/progress\",\"params\":{\"id\":"),
        id, WEIR__LITERAL(",\"progress\":"), weir__slice_of(weir__number_text(digits, progress)));

    if (status >= 0 && total >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL(",\"total\":"),
                           weir__slice_of(weir__number_text(digits, total)));
    if (status >= 0 && message.bytes != NULL) {
        status = WEIR__PUT(to, WEIR__LITERAL(",\"message\":"));
        if (status >= 0)
            status = weir__write_string(to, message.bytes, message.length);
    }
    if (status >= 0)
        status = WEIR__PUT(to, WEIR__LITERAL("}}\n"));
    return status < 0 ? undo(to, before) : 0;
}

int weir__write_cancel(struct weir__buffer *to, struct weir__slice id)
{
    return WEIR__PUT(
        to, WEIR__LITERAL("{\"jsonrpc\":\"2.0\",\"method\":\"weir/cancel\",\"params\":{\"id\":"),
        id, WEIR__LITERAL("}}\n"));
}

/* Line breaks of a well-formed text are between its tokens: inside strings they
 * cannot be. */
static int flatten(const char *bytes, size_t length, struct weir__buffer *to,
                   struct weir_error *error)
{
    to->length = 0;
    if (weir__buffer_add(to, bytes, length, error) < 0)
        return WEIR_ERR_NOMEM;
    for (size_t i = 0; i < length; i++)
        if (to->bytes[i] == '\n' || to->bytes[i] == '\r')
            to->bytes[i] = ' ';
    return 0;
}

int weir__value_check(const char *bytes, size_t length, const char *what, struct weir__buffer *to,
                      struct weir__slice *value, struct weir_error *error)
{
    struct weir__syntax_fault fault;

    if (length > WEIR_MAX_LINE)
        return weir__fail(error, WEIR_ERR_TOO_LONG, 0,
                          "%s has %zu bytes, a line of the protocol at most %zu", what, length,
                          WEIR_MAX_LINE);
    if (!weir__json_syntax_utf8(bytes, length, &fault))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%s is not JSON: at byte %zu: %s", what,
                          fault.offset, fault.reason);
    while (length > 0 && strchr(" \t\r\n", bytes[0]) != NULL)
        bytes++, length--;
    while (length > 0 && strchr(" \t\r\n", bytes[length - 1]) != NULL)
        length--;
    *value = (struct weir__slice){bytes, length};
    if (memchr(bytes, '\n', length) == NULL && memchr(bytes, '\r', length) == NULL)
        return 0;
    if (flatten(bytes, length, to, error) < 0)
        return WEIR_ERR_NOMEM;
    value->bytes = to->bytes;
    return 0;
}
