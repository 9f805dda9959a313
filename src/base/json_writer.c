#include "config.h"

#include "base/json_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"

enum { FIRST_SIZE = 256 };

static void add_bytes(struct weir__json_writer *json, const char *bytes, size_t length)
{
    if (!json->failed && length < json->text.capacity - json->text.length) { /* the usual case */
        memcpy(json->text.bytes + json->text.length, bytes, length);
        json->text.length += length;
        return;
    }
    if (!json->failed && json->text.capacity == 0)
        json->failed = weir__buffer_reserve(&json->text, FIRST_SIZE, NULL) < 0;
    if (!json->failed)
        json->failed = weir__buffer_add(&json->text, bytes, length, NULL) < 0;
}

/* The inside of a string: what must be escaped is, the rest goes as it is. */
static void add_escaped(struct weir__json_writer *json, const char *text, size_t length)
{
    static const char short_forms[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', [0x1f] = 0};
    size_t plain = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        char escape[8];
        int size;

        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        if (byte >= 0x20)
            size = snprintf(escape, sizeof escape, "\\%c", byte);
        else if (short_forms[byte] != 0)
            size = snprintf(escape, sizeof escape, "\\%c", short_forms[byte]);
        else
            size = snprintf(escape, sizeof escape, "\\u%04X", byte);
        add_bytes(json, text + plain, i - plain);
        add_bytes(json, escape, (size_t)size);
        plain = i + 1;
    }
    add_bytes(json, text + plain, length - plain);
}

/* What stands before a value. */
static void begin_value(struct weir__json_writer *json, const char *key)
{
    if (json->follows)
        add_bytes(json, ",", 1);
    json->follows = 1;
    if (key == NULL)
        return;
    add_bytes(json, "\"", 1);
    add_escaped(json, key, strlen(key));
    add_bytes(json, "\":", 2);
}

void weir__json_open(struct weir__json_writer *json, const char *key, char bracket)
{
    begin_value(json, key);
    add_bytes(json, &bracket, 1);
    json->follows = 0;
}

void weir__json_close(struct weir__json_writer *json, char bracket)
{
    add_bytes(json, &bracket, 1);
    json->follows = 1;
}

void weir__json_raw(struct weir__json_writer *json, const char *key, const char *text,
                    size_t length)
{
    begin_value(json, key);
    add_bytes(json, text, length);
}

/* Writes the digits of value before end.  Returns the first. */
static char *put_integer(char *end, int64_t value)
{
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;

    do
        *--end = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (value < 0)
        *--end = '-';
    return end;
}

void weir__json_integer(struct weir__json_writer *json, const char *key, int64_t value)
{
    char digits[24], *end = digits + sizeof digits;
    char *first = put_integer(end, value);

    weir__json_raw(json, key, first, (size_t)(end - first));
}

void weir__json_boolean(struct weir__json_writer *json, const char *key, int value)
{
    weir__json_raw(json, key, value ? "true" : "false", value ? 4 : 5);
}

void weir__json_null(struct weir__json_writer *json, const char *key)
{
    weir__json_raw(json, key, "null", 4);
}

void weir__json_integer_text(struct weir__json_writer *json, const char *key, int64_t value)
{
    char digits[26], *end = digits + sizeof digits;
    char *first;

    *--end = '"';
    first = put_integer(end, value);
    *--first = '"';
    weir__json_raw(json, key, first, (size_t)(end + 1 - first));
}

void weir__json_hex(struct weir__json_writer *json, const char *key, const uint64_t *words,
                    size_t count)
{
    begin_value(json, key);
    add_bytes(json, "\"", 1);
    for (size_t i = 0; i < count; i++) {
        char digits[16];

        for (unsigned at = 0; at < sizeof digits; at++)
            digits[at] = "0123456789abcdef"[words[i] >> (60 - 4 * at) & 15];
        add_bytes(json, digits, sizeof digits);
    }
    add_bytes(json, "\"", 1);
}

void weir__json_thousandths(struct weir__json_writer *json, const char *key, int64_t value)
{
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[32], *end = digits + sizeof digits, *first, *point = end - 4;

    put_integer(end, (int64_t)(1000 + size % 1000)); /* "1" is where the point goes */
    *point = '.';
    first = put_integer(point, (int64_t)(size / 1000));
    if (value < 0)
        *--first = '-';
    while (end[-1] == '0' && end[-2] != '.')
        end--;
    weir__json_raw(json, key, first, (size_t)(end - first));
}

void weir__json_stringn(struct weir__json_writer *json, const char *key, const char *text,
                        size_t length)
{
    if (text == NULL || !weir__utf8_valid(text, length)) {
        weir__json_fail(json);
        return;
    }
    begin_value(json, key);
    add_bytes(json, "\"", 1);
    add_escaped(json, text, length);
    add_bytes(json, "\"", 1);
}

void weir__json_string(struct weir__json_writer *json, const char *key, const char *text)
{
    weir__json_stringn(json, key, text, text != NULL ? strlen(text) : 0);
}

void weir__json_bytes(struct weir__json_writer *json, const char *key, const char *bytes)
{
    size_t length = strlen(bytes);
    char *text;

    if (weir__utf8_valid(bytes, length)) {
        weir__json_stringn(json, key, bytes, length);
        return;
    }
    if (weir__base64_encode(bytes, length, &text, NULL) < 0) {
        weir__json_fail(json);
        return;
    }
    weir__json_open(json, key, '{');
    weir__json_string(json, "base64", text);
    weir__json_close(json, '}');
    free(text);
}

void weir__json_fail(struct weir__json_writer *json)
{
    json->failed = 1;
}

char *weir__json_take(struct weir__json_writer *json, size_t *length)
{
    char *text = json->failed ? NULL : weir__buffer_take(&json->text, length);

    weir__json_discard(json);
    return text;
}

void weir__json_discard(struct weir__json_writer *json)
{
    weir__buffer_clear(&json->text);
    *json = (struct weir__json_writer){0};
}
