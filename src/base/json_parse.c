#include "config.h"

#include "base/json_parse.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"

enum {
    DEPTH = 2048,      /* as jansson */
    SHOWN = 20,        /* a longer token is not quoted in a message */
    LONGEST_INT = 20,  /* "-9223372036854775808" */
    LONGEST_REAL = 64, /* a longer one takes memory */
};

enum token { INVALID, END, PUNCTUATION, STRING, INTEGER, REAL, TRUE, FALSE, NIL };

struct parser {
    const char *text;
    size_t length, whole; /* up to what is not UTF-8, and in all */
    size_t flags, depth;
    size_t start, at; /* the token, and the place behind it */
    enum token token;
    int has_escapes; /* STRING */
    json_error_t *fault;
    int failed;
};

/* --- Faults --------------------------------------------------------------- */

static void set_fault(struct parser *parser, enum json_error_code code, const char *text)
{
    json_error_t *fault = parser->fault;

    if (parser->failed)
        return; /* the first one counts */
    parser->failed = 1;
    *fault = (json_error_t){.line = 1, .position = (int)parser->at, .source = "<buffer>"};
    for (size_t i = 0; i < parser->at; i++) {
        if (parser->text[i] == '\n') {
            fault->line++;
            fault->column = 0;
        } else if (((unsigned char)parser->text[i] & 0xC0) != 0x80) {
            fault->column++;
        }
    }
    snprintf(fault->text, sizeof fault->text - 1, "%s", text);
    fault->text[sizeof fault->text - 1] = (char)code; /* where json_error_code() looks */
}

static void *no_memory(struct parser *parser)
{
    set_fault(parser, json_error_out_of_memory, "memory is short");
    return NULL;
}

/* Adds the token that it is about. */
static void *fail(struct parser *parser, enum json_error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void *fail(struct parser *parser, enum json_error_code code, const char *format, ...)
{
    size_t length = parser->at - parser->start;
    char text[JSON_ERROR_TEXT_LENGTH];
    int used;
    va_list args;

    va_start(args, format);
    used = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length == 0 || parser->text[parser->start] == '\0') {
        if (code != json_error_invalid_utf8)
            snprintf(text + used, sizeof text - (size_t)used, " near end of file");
        if (code == json_error_invalid_syntax)
            code = json_error_premature_end_of_input;
    } else if (length <= SHOWN) {
        snprintf(text + used, sizeof text - (size_t)used, " near '%.*s'", (int)length,
                 parser->text + parser->start);
    }
    set_fault(parser, code, text);
    return NULL;
}

/* --- Tokens --------------------------------------------------------------- */

/* The byte at the place that comes, or -1 at the end of what can be read. */
static int look(struct parser *parser)
{
    if (parser->at < parser->length)
        return (unsigned char)parser->text[parser->at];
    if (parser->length < parser->whole) {
        fail(parser, json_error_invalid_utf8, "unable to decode byte 0x%x",
             (unsigned)(unsigned char)parser->text[parser->length]);
    }
    return -1;
}

static int is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static int is_letter(int byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static int hex(int byte)
{
    if (is_digit(byte))
        return byte - '0';
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'f' ? (byte | 0x20) - 'a' + 10 : -1;
}

static enum token bad_escape(struct parser *parser)
{
    if (look(parser) >= 0)
        parser->at++;
    fail(parser, json_error_invalid_syntax, "invalid escape");
    return INVALID;
}

static enum token scan_string(struct parser *parser)
{
    int byte;

    parser->has_escapes = 0;
    for (parser->at++; (byte = look(parser)) != '"'; parser->at++) {
        if (byte < 0) {
            fail(parser, json_error_premature_end_of_input, "premature end of input");
            return INVALID;
        }
        if (byte == '\n') {
            fail(parser, json_error_invalid_syntax, "unexpected newline");
            return INVALID;
        }
        if (byte < 0x20) {
            fail(parser, json_error_invalid_syntax, "control character 0x%x", (unsigned)byte);
            return INVALID;
        }
        if (byte != '\\')
            continue;
        parser->has_escapes = 1;
        parser->at++;
        byte = look(parser);
        if (byte < 0 || strchr("\"\\/bfnrtu", byte) == NULL || byte == '\0')
            return bad_escape(parser);
        for (int i = 0; byte == 'u' && i < 4; i++) {
            parser->at++;
            if (hex(look(parser)) < 0)
                return bad_escape(parser);
        }
    }
    parser->at++;
    return STRING;
}

static int skip_digits(struct parser *parser)
{
    size_t from = parser->at;

    while (is_digit(look(parser)))
        parser->at++;
    return parser->at > from;
}

static enum token scan_number(struct parser *parser)
{
    enum token token = INTEGER;

    if (look(parser) == '-')
        parser->at++;
    if (look(parser) == '0') {
        parser->at++;
        if (is_digit(look(parser)))
            return INVALID;
    } else if (!skip_digits(parser)) {
        return INVALID;
    }
    if (look(parser) == '.') {
        token = REAL;
        parser->at++;
        if (!skip_digits(parser))
            return INVALID;
    }
    if ((look(parser) | 0x20) == 'e') {
        token = REAL;
        parser->at++;
        if (look(parser) == '+' || look(parser) == '-')
            parser->at++;
        if (!skip_digits(parser))
            return INVALID;
    }
    return token;
}

static enum token scan_word(struct parser *parser)
{
    static const struct {
        const char *word;
        enum token token;
    } words[] = {{"true", TRUE}, {"false", FALSE}, {"null", NIL}};

    while (is_letter(look(parser)))
        parser->at++;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].word) == parser->at - parser->start
            && memcmp(words[i].word, parser->text + parser->start, parser->at - parser->start) == 0)
            return words[i].token;
    return INVALID;
}

static void scan(struct parser *parser)
{
    int byte;

    for (parser->start = parser->at;
         (byte = look(parser)) == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
         parser->start = parser->at)
        parser->at++;
    if (byte < 0) {
        parser->token = parser->failed ? INVALID : END;
    } else if (byte != '\0' && strchr("{}[]:,", byte) != NULL) {
        parser->at++;
        parser->token = PUNCTUATION;
    } else if (byte == '"') {
        parser->token = scan_string(parser);
    } else if (is_digit(byte) || byte == '-') {
        parser->token = scan_number(parser);
    } else if (is_letter(byte)) {
        parser->token = scan_word(parser);
    } else {
        do /* a whole character */
            parser->at++;
        while (parser->at < parser->length
               && ((unsigned char)parser->text[parser->at] & 0xC0) == 0x80);
        parser->token = INVALID;
    }
}

static int is(const struct parser *parser, char punctuation)
{
    return parser->token == PUNCTUATION && parser->text[parser->start] == punctuation;
}

/* --- Values --------------------------------------------------------------- */

static unsigned unit_of(const char *digits)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++)
        value = value << 4 | (unsigned)hex((unsigned char)digits[i]);
    return value;
}

static size_t encode(unsigned code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3F));
        to[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3F));
    to[2] = (char)(0x80 | (code >> 6 & 0x3F));
    to[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* Reads \uXXXX, or a pair of them, at *from, which is behind the backslash. */
static int take_unicode(struct parser *parser, const char **from, unsigned *code)
{
    unsigned high = unit_of(*from + 1), low;

    *code = high;
    *from += 5;
    if (high < 0xD800 || high > 0xDFFF)
        return 1;
    if (high > 0xDBFF || (*from)[0] != '\\' || (*from)[1] != 'u') {
        fail(parser, json_error_invalid_syntax, "invalid Unicode '\\u%04X'", high);
        return 0;
    }
    low = unit_of(*from + 2);
    if (low < 0xDC00 || low > 0xDFFF) {
        fail(parser, json_error_invalid_syntax, "invalid Unicode '\\u%04X\\u%04X'", high, low);
        return 0;
    }
    *from += 6;
    *code = ((high - 0xD800) << 10) + (low - 0xDC00) + 0x10000;
    return 1;
}

/* The string that the token is: *text is in the document, or in *place. */
static int take_string(struct parser *parser, struct weir__buffer *place, const char **text,
                       size_t *length)
{
    static const char letters[] = "bfnrt", bytes[] = "\b\f\n\r\t";
    const char *from = parser->text + parser->start + 1, *end = parser->text + parser->at - 1;

    *text = from;
    *length = (size_t)(end - from);
    if (!parser->has_escapes)
        return 1;
    if (weir__buffer_reserve(place, *length + 1, NULL) < 0) { /* no escape makes it longer */
        no_memory(parser);
        return 0;
    }
    while (from < end) {
        const char *letter;
        unsigned code;

        if (*from != '\\') {
            place->bytes[place->length++] = *from++;
        } else if (*++from == 'u') {
            if (!take_unicode(parser, &from, &code))
                return 0;
            place->length += encode(code, place->bytes + place->length);
        } else {
            letter = strchr(letters, *from);
            place->bytes[place->length++] = letter != NULL ? bytes[letter - letters] : *from;
            from++;
        }
    }
    *text = place->bytes;
    *length = place->length;
    return 1;
}

static json_t *parse_string(struct parser *parser)
{
    struct weir__buffer place = {0};
    const char *text;
    size_t length;
    json_t *value = NULL;

    if (!take_string(parser, &place, &text, &length)) {
        value = NULL;
    } else if (!(parser->flags & JSON_ALLOW_NUL) && memchr(text, '\0', length) != NULL) {
        fail(parser, json_error_null_character, "\\u0000 is not allowed without JSON_ALLOW_NUL");
    } else {
        value = json_stringn_nocheck(text, length);
        if (value == NULL)
            no_memory(parser);
    }
    weir__buffer_clear(&place);
    return value;
}

static json_t *parse_integer(struct parser *parser)
{
    size_t length = parser->at - parser->start;
    char digits[LONGEST_INT + 1];
    long long number = 0;
    json_t *value;

    errno = ERANGE;
    if (length <= LONGEST_INT) {
        memcpy(digits, parser->text + parser->start, length);
        digits[length] = '\0';
        errno = 0;
        number = strtoll(digits, NULL, 10);
    }
    if (errno == ERANGE)
        return fail(parser, json_error_numeric_overflow,
                    parser->text[parser->start] == '-' ? "too big negative integer"
                                                       : "too big integer");
    value = json_integer(number);
    return value != NULL ? value : no_memory(parser);
}

/* In the C locale, whatever the host's is. */
static int read_real(const char *digits, double *number)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before;

    if (plain == (locale_t)0)
        return 0;
    before = uselocale(plain);
    *number = strtod(digits, NULL);
    uselocale(before);
    freelocale(plain);
    return 1;
}

static json_t *parse_real(struct parser *parser)
{
    size_t length = parser->at - parser->start;
    char place[LONGEST_REAL + 1], *digits = length > LONGEST_REAL ? malloc(length + 1) : place;
    double number = 0;
    int was_read = 0;
    json_t *value;

    if (digits != NULL) {
        memcpy(digits, parser->text + parser->start, length);
        digits[length] = '\0';
        was_read = read_real(digits, &number);
    }
    if (digits != place)
        free(digits);
    if (!was_read)
        return no_memory(parser);
    if (isinf(number))
        return fail(parser, json_error_numeric_overflow, "real number overflow");
    value = json_real(number);
    return value != NULL ? value : no_memory(parser);
}

static json_t *parse_value(struct parser *parser);

/* Parses one member, from its key on. */
static int parse_member(struct parser *parser, json_t *object)
{
    struct weir__buffer place = {0};
    const char *text;
    json_t *value = NULL;
    size_t length;
    char *key = NULL;
    int is_good = 0;

    if (parser->token != STRING) {
        fail(parser, json_error_invalid_syntax, "string or '}' expected");
        return 0;
    }
    if (!take_string(parser, &place, &text, &length))
        goto done;
    if (memchr(text, '\0', length) != NULL) {
        fail(parser, json_error_null_byte_in_key, "NUL byte in object key not supported");
        goto done;
    }
    key = strndup(text, length);
    if (key == NULL) {
        no_memory(parser);
        goto done;
    }
    if ((parser->flags & JSON_REJECT_DUPLICATES) && json_object_get(object, key) != NULL) {
        fail(parser, json_error_duplicate_key, "duplicate object key");
        goto done;
    }
    scan(parser);
    if (!is(parser, ':')) {
        fail(parser, json_error_invalid_syntax, "':' expected");
        goto done;
    }
    scan(parser);
    value = parse_value(parser);
    if (value == NULL)
        goto done;
    is_good = json_object_set_new_nocheck(object, key, value) == 0;
    if (!is_good)
        no_memory(parser);
done:
    free(key);
    weir__buffer_clear(&place);
    return is_good;
}

static int parse_element(struct parser *parser, json_t *array)
{
    json_t *value = parse_value(parser);

    if (value == NULL)
        return 0;
    if (json_array_append_new(array, value) == 0)
        return 1;
    no_memory(parser);
    return 0;
}

static json_t *parse_container(struct parser *parser)
{
    int is_object = is(parser, '{');
    char closing = is_object ? '}' : ']';
    json_t *container = is_object ? json_object() : json_array();
    int is_good = 1;

    if (container == NULL)
        return no_memory(parser);
    scan(parser);
    if (is(parser, closing))
        return container;
    while (is_good) {
        is_good = is_object ? parse_member(parser, container) : parse_element(parser, container);
        if (!is_good)
            break;
        scan(parser);
        if (!is(parser, ','))
            break;
        scan(parser);
    }
    if (is_good && is(parser, closing))
        return container;
    if (is_good)
        fail(parser, json_error_invalid_syntax, "'%c' expected", closing);
    json_decref(container);
    return NULL;
}

static json_t *parse_value(struct parser *parser)
{
    json_t *value = NULL;

    if (++parser->depth > DEPTH)
        return fail(parser, json_error_stack_overflow, "maximum parsing depth reached");
    switch (parser->token) {
    case STRING:
        value = parse_string(parser);
        break;
    case INTEGER:
        value = parse_integer(parser);
        break;
    case REAL:
        value = parse_real(parser);
        break;
    case TRUE:
        value = json_true();
        break;
    case FALSE:
        value = json_false();
        break;
    case NIL:
        value = json_null();
        break;
    case INVALID:
        fail(parser, json_error_invalid_syntax, "invalid token");
        break;
    default:
        if (is(parser, '{') || is(parser, '['))
            value = parse_container(parser);
        else
            fail(parser, json_error_invalid_syntax, "unexpected token");
    }
    parser->depth--;
    return value;
}

json_t *weir__json_parse(const char *bytes, size_t length, size_t flags, json_error_t *fault)
{
    json_error_t unused;
    struct parser parser = {
        .text = bytes,
        .length = weir__utf8_scan(bytes, length).valid,
        .whole = length,
        .flags = flags,
        .fault = fault != NULL ? fault : &unused,
    };
    json_t *value;

    scan(&parser);
    if (!(flags & JSON_DECODE_ANY) && !is(&parser, '[') && !is(&parser, '{'))
        return fail(&parser, json_error_invalid_syntax, "'[' or '{' expected");
    value = parse_value(&parser);
    if (value != NULL && !(flags & JSON_DISABLE_EOF_CHECK)) {
        scan(&parser);
        if (parser.token != END) {
            fail(&parser, json_error_end_of_input_expected, "end of file expected");
            json_decref(value);
            return NULL;
        }
    }
    if (value != NULL)
        *parser.fault = (json_error_t){.line = -1, .column = -1, .position = (int)parser.at};
    return value;
}
