#include "config.h"

#include "rpc/rpc_parse.h"

#include <stdlib.h>
#include <string.h>

#include "text/json_validate.h"

/* What walks over text that is known to be well-formed up to its end, or a cut
 * there: it checks nothing again. */
struct walker {
    const char *at, *end;
};

static void skip_space(struct walker *walker)
{
    while (walker->at < walker->end
           && (*walker->at == ' ' || *walker->at == '\t' || *walker->at == '\r'
               || *walker->at == '\n'))
        walker->at++;
}

/* From the opening quote to behind the closing one.  Returns 0, or -1 where the
 * text ends first. */
static int skip_string(struct walker *walker)
{
    const char *from = walker->at + 1;

    for (;;) {
        const char *quote = memchr(from, '"', (size_t)(walker->end - from));
        size_t slashes = 0;

        if (quote == NULL)
            return -1;
        while (quote[-1 - (ptrdiff_t)slashes] == '\\')
            slashes++;
        from = quote + 1;
        if (slashes % 2 == 0)
            break;
    }
    walker->at = from;
    return 0;
}

static int skip_nested(struct walker *walker)
{
    size_t depth = 0;

    while (walker->at < walker->end) {
        switch (*walker->at) {
        case '"':
            if (skip_string(walker) < 0)
                return -1;
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            depth--;
            break;
        default:
            break;
        }
        walker->at++;
        if (depth == 0)
            return 0;
    }
    return -1;
}

/* Takes a value.  A scalar that ends with the text may be cut: it is not a value. */
static int take_value(struct walker *walker, struct weir__slice *value)
{
    int status = 0;

    skip_space(walker);
    if (walker->at == walker->end)
        return -1;
    value->bytes = walker->at;
    if (*walker->at == '"') {
        status = skip_string(walker);
    } else if (*walker->at == '{' || *walker->at == '[') {
        status = skip_nested(walker);
    } else {
        while (walker->at < walker->end && strchr(",}] \t\r\n", *walker->at) == NULL)
            walker->at++;
        status = walker->at == walker->end ? -1 : 0;
    }
    value->length = (size_t)(walker->at - value->bytes);
    return status;
}

/* Takes the next member of an object; the walker is behind its brace or a member.
 * Returns 1, 0 at the end, or -1 where the text is cut. */
static int take_member(struct walker *walker, struct weir__slice *key, struct weir__slice *value)
{
    skip_space(walker);
    if (walker->at < walker->end && *walker->at == ',') {
        walker->at++;
        skip_space(walker);
    }
    if (walker->at == walker->end)
        return -1;
    if (*walker->at == '}')
        return 0;
    if (*walker->at != '"')
        return -1;
    key->bytes = walker->at;
    if (skip_string(walker) < 0)
        return -1;
    key->length = (size_t)(walker->at - key->bytes);
    skip_space(walker);
    if (walker->at == walker->end || *walker->at != ':')
        return -1;
    walker->at++;
    return take_value(walker, value) < 0 ? -1 : 1;
}

int weir__member_next(struct weir__slice *rest, struct weir__slice *key, struct weir__slice *value)
{
    struct walker walker;
    int more;

    if (rest->bytes == NULL)
        return 0;
    walker = (struct walker){rest->bytes, rest->bytes + rest->length};
    skip_space(&walker);
    if (walker.at < walker.end && *walker.at == '{')
        walker.at++;
    more = take_member(&walker, key, value) > 0;
    rest->bytes = walker.at;
    rest->length = (size_t)(walker.end - walker.at);
    return more;
}

/* Which of the names a key is, or count.  Most differ in their first character. */
static size_t find_name(struct weir__slice key, const char *const *names, size_t count)
{
    char first = key.bytes[1];

    for (size_t i = 0; i < count; i++)
        if ((first == names[i][0] || first == '\\') && weir__slice_is(key, names[i]))
            return i;
    return count;
}

static void get_members(struct walker walker, const char *const *names, struct weir__slice *values,
                        size_t count)
{
    struct weir__slice key, value;

    memset(values, 0, count * sizeof *values);
    while (take_member(&walker, &key, &value) > 0) {
        size_t at = find_name(key, names, count);

        if (at < count)
            values[at] = value;
    }
}

void weir__object_get(struct weir__slice object, const char *const *names,
                      struct weir__slice *values, size_t count)
{
    if (weir__slice_type(object) != 'o') {
        memset(values, 0, count * sizeof *values);
        return;
    }
    get_members((struct walker){object.bytes + 1, object.bytes + object.length}, names, values,
                count);
}

enum { JSONRPC, ID, METHOD, PARAMS, RESULT, ERROR, WEIR, MEMBER_COUNT };
static const char *const member_names[MEMBER_COUNT] = {
    "jsonrpc", "id", "method", "params", "result", "error", "weir",
};

/* An id that its owner may use: a string or an integer. */
static bool is_good_id(struct weir__slice id)
{
    char type = weir__slice_type(id);

    if (type == '0')
        for (size_t i = 0; i < id.length; i++)
            if (id.bytes[i] == '.' || id.bytes[i] == 'e' || id.bytes[i] == 'E')
                return false;
    return type == '0' || type == 's';
}

static void refuse(struct weir__message *message, const char *reason, const char *line,
                   struct weir__slice where)
{
    message->kind = WEIR__MESSAGE_NOT_RPC;
    message->reason = reason;
    message->offset = where.bytes != NULL ? (size_t)(where.bytes - line) : 0;
}

static void classify_call(struct weir__message *message, const char *line)
{
    char params = weir__slice_type(message->params), weir = weir__slice_type(message->weir);

    message->kind = message->id.bytes != NULL ? WEIR__MESSAGE_REQUEST : WEIR__MESSAGE_NOTIFICATION;
    if (weir__slice_type(message->method) != 's')
        refuse(message, "\"method\" is not a string", line, message->method);
    else if (params != 0 && params != 'o' && params != 'a')
        refuse(message, "\"params\" is neither an array nor an object", line, message->params);
    else if (weir != 0 && weir != 'o')
        refuse(message, "\"weir\" is not an object", line, message->weir);
    if (message->id.bytes != NULL && !is_good_id(message->id)) {
        refuse(message, "\"id\" is neither an integer nor a string", line, message->id);
        message->id = (struct weir__slice){NULL, 0};
    }
}

static void classify_response(struct weir__message *message, const char *line)
{
    bool is_error = message->error.bytes != NULL;

    message->kind = is_error ? WEIR__MESSAGE_ERROR : WEIR__MESSAGE_RESULT;
    if (!is_error && message->result.bytes == NULL)
        refuse(message, "it has no \"method\", no \"result\" and no \"error\"", line,
               (struct weir__slice){NULL, 0});
    else if (is_error && message->result.bytes != NULL)
        refuse(message, "it has a \"result\" and an \"error\"", line, message->error);
    else if (is_error && weir__slice_type(message->error) != 'o')
        refuse(message, "\"error\" is not an object", line, message->error);
    else if (message->id.bytes == NULL)
        refuse(message, "it answers, and has no \"id\"", line, (struct weir__slice){NULL, 0});
    if (message->id.bytes != NULL && !is_good_id(message->id)
        && !(is_error && weir__slice_type(message->id) == 'n')) {
        refuse(message, "\"id\" is neither an integer nor a string", line, message->id);
        message->id = (struct weir__slice){NULL, 0};
    }
}

static void scan_object(const char *line, struct walker walker, struct weir__message *message)
{
    struct weir__slice values[MEMBER_COUNT];

    walker.at++;
    get_members(walker, member_names, values, MEMBER_COUNT);
    message->id = values[ID];
    if (message->kind == WEIR__MESSAGE_NOT_JSON) {
        if (!is_good_id(message->id)
            || !weir__json_syntax_utf8(message->id.bytes, message->id.length, NULL))
            message->id = (struct weir__slice){NULL, 0};
        return;
    }
    message->method = values[METHOD];
    message->params = values[PARAMS];
    message->result = values[RESULT];
    message->error = values[ERROR];
    message->weir = values[WEIR];
    if (message->method.bytes != NULL)
        classify_call(message, line);
    else
        classify_response(message, line);
    if (message->kind != WEIR__MESSAGE_NOT_RPC && !weir__slice_is(values[JSONRPC], "2.0"))
        refuse(message, "\"jsonrpc\" is not \"2.0\"", line, values[JSONRPC]);
}

/* Whether it can be walked through beyond its fault: it is nested too deeply, or its
 * only fault is a character. */
static bool is_walkable(const char *line, size_t length, const struct weir__syntax_fault *fault)
{
    return strncmp(fault->reason, "nested", strlen("nested")) == 0
           || weir__json_syntax(line, length, NULL);
}

/* Recognizes a result as weir's own workers write it, which most messages are, so that it need not
 * be walked through. It has no other members if all that follows is one value and the brace. */
static bool is_usual_result(const char *line, size_t length, struct weir__message *message)
{
    static const char begin[] = "{\"jsonrpc\":\"2.0\",\"id\":", result[] = ",\"result\":";
    enum { BEGIN_SIZE = sizeof begin - 1, RESULT_SIZE = sizeof result - 1 };
    const char *id, *end, *value;
    size_t digits = 0;

    if (length < BEGIN_SIZE + RESULT_SIZE || memcmp(line, begin, BEGIN_SIZE) != 0
        || line[length - 1] != '}')
        return false;
    id = line + BEGIN_SIZE;
    end = line + length - 1;
    while (id[digits] >= '0' && id[digits] <= '9') /* up to the brace at most */
        digits++;
    if (digits == 0 || (digits > 1 && *id == '0') || (size_t)(end - id) <= digits + RESULT_SIZE
        || memcmp(id + digits, result, RESULT_SIZE) != 0)
        return false;
    value = id + digits + RESULT_SIZE;
    if (*value <= ' ' || end[-1] <= ' ' || !weir__json_member_utf8(value, (size_t)(end - value)))
        return false;
    message->kind = WEIR__MESSAGE_RESULT;
    message->id = (struct weir__slice){id, digits};
    message->result = (struct weir__slice){value, (size_t)(end - value)};
    message->number = weir__slice_number(message->id);
    return true;
}

void weir__message_scan(const char *line, size_t length, struct weir__message *message)
{
    struct walker walker = {line, line + length};
    struct weir__syntax_fault fault;

    memset(message, 0, sizeof *message);
    message->number = -1;
    if (is_usual_result(line, length, message))
        return;
    skip_space(&walker);
    if (walker.at == walker.end) {
        message->kind = WEIR__MESSAGE_BLANK;
        return;
    }
    if (*walker.at != '{' && *walker.at != '[') {
        message->kind = WEIR__MESSAGE_NOISE;
        return;
    }
    if (!weir__json_syntax_utf8(line, length, &fault)) {
        message->kind = WEIR__MESSAGE_NOT_JSON;
        message->reason = fault.reason;
        message->offset = fault.offset;
        if (!is_walkable(line, length, &fault))
            walker.end = line + fault.offset;
    } else if (*walker.at == '[') {
        while (strchr(" \t\r\n", walker.end[-1]) != NULL)
            walker.end--;
        message->kind = WEIR__MESSAGE_BATCH;
        message->params = (struct weir__slice){walker.at, (size_t)(walker.end - walker.at)};
    }
    if (walker.at < walker.end && *walker.at == '{')
        scan_object(line, walker, message);
    if (message->id.bytes != NULL)
        message->number = weir__slice_number(message->id);
}

int weir__message_next(struct weir__slice *rest, struct weir__slice *element)
{
    struct walker walker = {rest->bytes, rest->bytes + rest->length};
    int more = 0;

    skip_space(&walker);
    if (walker.at < walker.end && (*walker.at == '[' || *walker.at == ',')) {
        walker.at++;
        skip_space(&walker);
        more = walker.at < walker.end && *walker.at != ']' && take_value(&walker, element) == 0;
    }
    /* What is left begins with the comma before the next element. */
    skip_space(&walker);
    rest->bytes = walker.at;
    rest->length = (size_t)(walker.end - walker.at);
    return more;
}

char weir__slice_type(struct weir__slice slice)
{
    if (slice.bytes == NULL || slice.length == 0)
        return 0;
    switch (slice.bytes[0]) {
    case '{':
        return 'o';
    case '[':
        return 'a';
    case '"':
        return 's';
    case 't':
    case 'f':
    case 'n':
        return slice.bytes[0];
    default:
        return '0';
    }
}

int64_t weir__slice_number(struct weir__slice slice)
{
    int64_t number = 0;

    if (slice.length == 0 || slice.length > 16)
        return -1;
    for (size_t i = 0; i < slice.length; i++) {
        if (slice.bytes[i] < '0' || slice.bytes[i] > '9')
            return -1;
        number = number * 10 + (slice.bytes[i] - '0');
    }
    return number <= INT64_C(9007199254740991) ? number : -1;
}

bool weir__slice_is(struct weir__slice slice, const char *string)
{
    size_t length = strlen(string), decoded;
    char *text;
    bool is;

    if (slice.length < 2 || slice.bytes[0] != '"')
        return false;
    if (slice.length <= length + 2) /* an escape is longer than what it stands for */
        return slice.length == length + 2 && memcmp(slice.bytes + 1, string, length) == 0;
    if (slice.length > 2 + 6 * length || memchr(slice.bytes, '\\', slice.length) == NULL)
        return false;
    text = weir__slice_string(slice, &decoded);
    is = text != NULL && decoded == length && memcmp(text, string, length) == 0;
    free(text);
    return is;
}

/* Four hexadecimal digits, or -1. */
static long hex4(const char *at, const char *end)
{
    long value = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];

        value = value * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value;
}

static char *put_utf8(char *to, long code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 63));
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    }
    return to;
}

/* What the decoded text is for. */
enum decoding {
    EXACT,     /* a string with its length */
    C_STRING,  /* a NUL character becomes U+FFFD */
    COMPARING, /* a lone surrogate stays what it is */
};

/* Undoes a \u escape, and the one behind it where both make a character; *at is
 * at its first digit and goes behind the last. */
static char *put_escaped(char *to, const char **at, const char *end, enum decoding decoding)
{
    long code = hex4(*at, end), low;

    *at += 4;
    if (code >= 0xd800 && code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u'
        && (low = hex4(*at + 2, end)) >= 0xdc00 && low < 0xe000) {
        *at += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if ((code >= 0xd800 && code < 0xe000 && decoding != COMPARING)
               || (code == 0 && decoding == C_STRING)) {
        code = 0xfffd;
    }
    return put_utf8(to, code);
}

/* Writes what is between the quotes to to, which has room for the slice.  Returns its end. */
static char *decode(struct weir__slice slice, char *to, enum decoding decoding)
{
    static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
    const char *at = slice.bytes + 1, *end = slice.bytes + slice.length - 1;

    while (at < end) {
        const char *known;

        if (*at != '\\') {
            *to++ = *at++;
        } else if (at[1] == 'u') {
            at += 2;
            to = put_escaped(to, &at, end, decoding);
        } else {
            known = strchr(from, at[1]);
            *to++ = known != NULL ? into[known - from] : at[1];
            at += 2;
        }
    }
    return to;
}

char *weir__slice_string(struct weir__slice slice, size_t *length)
{
    char *text, *end;

    if (slice.length < 2 || slice.bytes[0] != '"')
        return NULL;
    text = malloc(slice.length);
    if (text == NULL)
        return NULL;
    end = decode(slice, text, length != NULL ? EXACT : C_STRING);
    *end = '\0';
    if (length != NULL)
        *length = (size_t)(end - text);
    return text;
}

struct weir__slice weir__id_key(struct weir__slice id, char **owned)
{
    char *end;

    *owned = NULL;
    if (id.length == 2 && memcmp(id.bytes, "-0", 2) == 0)
        return (struct weir__slice){"0", 1};
    if (id.length < 2 || id.bytes[0] != '"' || memchr(id.bytes, '\\', id.length) == NULL)
        return id;
    *owned = malloc(id.length);
    if (*owned == NULL)
        return (struct weir__slice){NULL, 0};
    (*owned)[0] = '"'; /* as a string without escapes begins and ends */
    end = decode(id, *owned + 1, COMPARING);
    *end++ = '"';
    return (struct weir__slice){*owned, (size_t)(end - *owned)};
}
