#include "config.h"

#include "http/request.h"

#include <string.h>
#include <strings.h>

/*   START --CR--> START_LF --LF--> START (once)
 *     |
 *     v                             (a byte outside of its place: 400, or a limit)
 *   METHOD --SP--> TARGET --SP--> PROTOCOL --CR--> LINE_LF --LF--> FIELD
 *                                                                   |
 *     +---------------------LF-- VALUE_LF <--CR-- VALUE <--:-- NAME <+
 *     v                                                             |
 *   FIELD --------------------------CR--> END_LF --LF--> OVER       */
enum state {
    START,
    START_LF,
    METHOD,
    TARGET,
    PROTOCOL,
    LINE_LF,
    FIELD,
    NAME,
    VALUE,
    VALUE_LF,
    END_LF,
    OVER,
};

/* --- Texts ------------------------------------------------------------------- */

bool weir__http_is(struct weir__http_text text, const char *string)
{
    return text.bytes != NULL && text.length == strlen(string)
           && memcmp(text.bytes, string, text.length) == 0;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
}

bool weir__http_is_nocase(struct weir__http_text text, const char *string)
{
    if (text.bytes == NULL || text.length != strlen(string))
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (lower(text.bytes[i]) != lower(string[i]))
            return false;
    return true;
}

/* Whether byte may stand in a token: a method, the name of a field. */
static bool is_token(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z')
           || (byte >= 'a' && byte <= 'z')
           || (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

static struct weir__http_text text_at(const char *head, size_t offset, size_t length)
{
    return (struct weir__http_text){head + offset, length};
}

struct weir__http_text weir__http_request_method(const struct weir__http_request *request,
                                                 const char *head)
{
    return text_at(head, request->method, request->method_length);
}

struct weir__http_text weir__http_request_target(const struct weir__http_request *request,
                                                 const char *head)
{
    return text_at(head, request->target, request->target_length);
}

static bool has_name(const struct weir__http_field *field, const char *head, const char *name)
{
    return weir__http_is_nocase(text_at(head, field->name, field->name_length), name);
}

static struct weir__http_text value_of(const struct weir__http_field *field, const char *head)
{
    return text_at(head, field->value, field->value_length);
}

struct weir__http_text weir__http_request_field(const struct weir__http_request *request,
                                                const char *head, const char *name)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (has_name(&request->fields[i], head, name))
            return value_of(&request->fields[i], head);
    return (struct weir__http_text){NULL, 0};
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Commas in quoted strings do not end an element. */
static size_t element_length(struct weir__http_text list)
{
    bool is_quoted = false;
    size_t i;

    for (i = 0; i < list.length && (is_quoted || list.bytes[i] != ','); i++)
        if (list.bytes[i] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && list.bytes[i] == '\\' && i + 1 < list.length)
            i++;
    return i;
}

static int each_element(struct weir__http_text list,
                        int (*item)(struct weir__http_text element, void *context), void *context)
{
    while (list.length > 0) {
        size_t length = element_length(list), rest = length + (length < list.length);
        struct weir__http_text element = {list.bytes, length};
        int status = 0;

        while (element.length > 0 && is_blank(element.bytes[0])) {
            element.bytes++;
            element.length--;
        }
        while (element.length > 0 && is_blank(element.bytes[element.length - 1]))
            element.length--;
        if (element.length > 0)
            status = item(element, context);
        if (status != 0)
            return status;
        list.bytes += rest;
        list.length -= rest;
    }
    return 0;
}

int weir__http_request_list(const struct weir__http_request *request, const char *head,
                            const char *name,
                            int (*item)(struct weir__http_text element, void *context),
                            void *context)
{
    int status = 0;

    for (size_t i = 0; i < request->field_count && status == 0; i++)
        if (has_name(&request->fields[i], head, name))
            status = each_element(value_of(&request->fields[i], head), item, context);
    return status;
}

/* --- What the head as a whole says ------------------------------------------- */

static int refuse(struct weir__http_request *request, int status, const char *reason)
{
    request->reason = reason;
    return status;
}

/* Fields that may come only once. */
static const char *const single[] = {
    "host",   "content-length", "transfer-encoding", "content-type", "authorization",
    "expect", "origin",         "weir-timeout",      "traceparent",  "idempotency-key",
};

static int check_doubled(struct weir__http_request *request, const char *head)
{
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
        size_t count = 0;

        for (size_t j = 0; j < request->field_count; j++)
            count += has_name(&request->fields[j], head, single[i]);
        if (count > 1)
            return refuse(request, 400, "a field is sent twice that may be sent once");
    }
    return 0;
}

static int read_length(struct weir__http_request *request, struct weir__http_text value)
{
    if (value.length < 1 || value.length > 15)
        return refuse(request, 400, "Content-Length is not a number of 1 to 15 digits");
    for (size_t i = 0; i < value.length; i++) {
        if (value.bytes[i] < '0' || value.bytes[i] > '9')
            return refuse(request, 400, "Content-Length is not a number of 1 to 15 digits");
        request->content_length = request->content_length * 10 + (uint64_t)(value.bytes[i] - '0');
    }
    request->framing = WEIR__HTTP_LENGTH;
    return 0;
}

static int read_framing(struct weir__http_request *request, const char *head)
{
    struct weir__http_text length = weir__http_request_field(request, head, "content-length");
    struct weir__http_text coding = weir__http_request_field(request, head, "transfer-encoding");

    if (length.bytes != NULL && coding.bytes != NULL)
        return refuse(request, 400, "Content-Length and Transfer-Encoding in one request");
    if (length.bytes != NULL)
        return read_length(request, length);
    if (coding.bytes == NULL)
        return 0;
    if (!weir__http_is_nocase(coding, "chunked"))
        return refuse(request, 501, "the only Transfer-Encoding is chunked");
    request->framing = WEIR__HTTP_CHUNKED;
    return 0;
}

static int read_connection(struct weir__http_text element, void *context)
{
    struct weir__http_request *request = context;

    request->closes |= weir__http_is_nocase(element, "close");
    return 0;
}

static int read_whole(struct weir__http_request *request, const char *head)
{
    struct weir__http_text method = weir__http_request_method(request, head);
    struct weir__http_text host = weir__http_request_field(request, head, "host");
    struct weir__http_text expect = weir__http_request_field(request, head, "expect");
    int status = check_doubled(request, head);

    if (status == 0 && host.length == 0)
        status = refuse(request, 400, "no Host");
    if (status == 0 && head[request->target] == '*' && !weir__http_is(method, "OPTIONS"))
        status = refuse(request, 400, "the target * is for OPTIONS only");
    if (status == 0)
        status = read_framing(request, head);
    if (status == 0 && expect.bytes != NULL && !weir__http_is_nocase(expect, "100-continue"))
        status = refuse(request, 417, "the only Expect is 100-continue");
    if (status != 0)
        return status;
    request->expects = expect.bytes != NULL && request->framing != WEIR__HTTP_NO_BODY;
    weir__http_request_list(request, head, "connection", read_connection, request);
    return WEIR__HTTP_DONE;
}

/* --- Byte by byte ------------------------------------------------------------- */

void weir__http_request_begin(struct weir__http_request *request)
{
    memset(request, 0, offsetof(struct weir__http_request, fields));
}

static struct weir__http_field *last_field(struct weir__http_request *request)
{
    return &request->fields[request->field_count - 1];
}

static int read_method(struct weir__http_request *request, char byte)
{
    if (byte == ' ' && request->method_length > 0) {
        request->state = TARGET;
        request->target = (uint16_t)(request->length + 1);
        return 0;
    }
    if (!is_token(byte))
        return refuse(request, 400, "the request does not begin with a method");
    if (request->method_length++ == WEIR__HTTP_METHOD_MAX)
        return refuse(request, 400, "the method is too long");
    return 0;
}

static int read_target(struct weir__http_request *request, const char *bytes, char byte)
{
    if (byte == ' ' && request->target_length > 0) {
        request->state = PROTOCOL;
        return 0;
    }
    if (byte < 0x21 || byte > 0x7E || byte == '#')
        return refuse(request, 400, "a byte that cannot be in a target");
    if (request->target_length == 0 ? byte != '/' && byte != '*' : bytes[request->target] == '*')
        return refuse(request, 400, "the target does not begin with /");
    if (request->target_length++ == WEIR__HTTP_TARGET_MAX)
        return refuse(request, 414, "the target is longer than 2048 bytes");
    return 0;
}

static int read_version(struct weir__http_request *request, char byte)
{
    static const char form[] = "HTTP/0.0";
    int is_digit = byte >= '0' && byte <= '9';
    uint8_t at = request->version_at++;

    if (at == sizeof form - 1 && byte == '\r') {
        request->state = LINE_LF;
        return request->major == '1' && request->minor == '1'
                   ? 0
                   : refuse(request, 505, "the only version is HTTP/1.1");
    }
    if (at >= sizeof form - 1 || (form[at] == '0' ? !is_digit : byte != form[at]))
        return refuse(request, 400, "the request line does not end with HTTP/1.1");
    if (at == 5)
        request->major = byte;
    if (at == 7)
        request->minor = byte;
    return 0;
}

/* The first byte of a line after the first. */
static int begin_field(struct weir__http_request *request, char byte)
{
    if (byte == '\r') {
        request->state = END_LF;
        return 0;
    }
    if (!is_token(byte))
        return refuse(request, 400, "a line does not begin with the name of a field");
    if (request->field_count == WEIR__HTTP_FIELDS_MAX)
        return refuse(request, 431, "more than 64 fields");
    request->field_count++;
    *last_field(request) = (struct weir__http_field){.name = request->length, .name_length = 1};
    request->state = NAME;
    return 0;
}

static int read_name(struct weir__http_request *request, char byte)
{
    struct weir__http_field *field = last_field(request);

    if (byte == ':') {
        field->value = (uint16_t)(request->length + 1);
        request->state = VALUE;
        return 0;
    }
    if (!is_token(byte))
        return refuse(request, 400, "a byte that cannot be in the name of a field");
    field->name_length++;
    return 0;
}

/* White space around the value is not of it. */
static int read_value(struct weir__http_request *request, char byte)
{
    struct weir__http_field *field = last_field(request);

    if (byte == '\r') {
        request->state = VALUE_LF;
        return 0;
    }
    if ((unsigned char)byte < ' ' ? byte != '\t' : byte == 0x7F)
        return refuse(request, 400, "a control character in a field");
    if (!is_blank(byte))
        field->value_length = (uint16_t)(request->length + 1 - field->value);
    else if (field->value_length == 0)
        field->value = (uint16_t)(request->length + 1);
    return 0;
}

static int expect_lf(struct weir__http_request *request, char byte, enum state next)
{
    request->state = next;
    return byte == '\n' ? 0 : refuse(request, 400, "a CR without LF");
}

static int begin_request(struct weir__http_request *request, char byte)
{
    if (byte == '\r' && !request->has_blank) {
        request->state = START_LF;
        return 0;
    }
    request->method = request->length;
    request->state = METHOD;
    return read_method(request, byte);
}

static int read_byte(struct weir__http_request *request, const char *bytes, char byte)
{
    switch ((enum state)request->state) {
    case START:
        return begin_request(request, byte);
    case START_LF:
        request->has_blank = true;
        return expect_lf(request, byte, START);
    case METHOD:
        return read_method(request, byte);
    case TARGET:
        return read_target(request, bytes, byte);
    case PROTOCOL:
        return read_version(request, byte);
    case LINE_LF:
    case VALUE_LF:
        return expect_lf(request, byte, FIELD);
    case FIELD:
        return begin_field(request, byte);
    case NAME:
        return read_name(request, byte);
    case VALUE:
        return read_value(request, byte);
    case END_LF:
        return expect_lf(request, byte, OVER);
    case OVER:
        break;
    }
    return 0;
}

int weir__http_request_read(struct weir__http_request *request, const char *bytes, size_t length)
{
    while (request->state != OVER && request->length < length) {
        int status;

        if (request->length == WEIR__HTTP_HEAD_MAX)
            return refuse(request, 431, "the head is longer than 16 KiB");
        status = read_byte(request, bytes, bytes[request->length]);
        if (status != 0)
            return status;
        request->length++;
    }
    return request->state == OVER ? read_whole(request, bytes) : 0;
}
