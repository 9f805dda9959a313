#include "config.h"

#include "text/json_text.h"

#include <string.h>

#include <weir/text.h>

#include "base/json_parse.h"

/* How many beginnings are tried: each costs what can be read from there on. */
enum { MOST_TRIES = 64 };

json_t *weir__json_textn(const char *bytes, size_t length)
{
    struct weir_text text;
    json_t *value;

    if (weir_decode(bytes, length, NULL, WEIR_REPLACE, NULL, &text, NULL) < 0)
        return NULL;
    value = json_stringn(text.bytes, text.length);
    weir_text_clear(&text);
    return value;
}

json_t *weir__json_text(const char *bytes)
{
    return weir__json_textn(bytes, strlen(bytes));
}

void weir__json_write_textn(struct weir__json_writer *json, const char *key, const char *bytes,
                            size_t length)
{
    struct weir_text text;

    if (weir_decode(bytes, length, NULL, WEIR_REPLACE, NULL, &text, NULL) < 0) {
        weir__json_fail(json);
        return;
    }
    weir__json_stringn(json, key, text.bytes, text.length);
    weir_text_clear(&text);
}

/* Whether nothing but white space stands between here and the end of the line. */
static int ends_line(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return at == end || *at == '\n';
}

json_t *weir__json_find(const char *text, size_t length, json_type type)
{
    const size_t flags = JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL;
    const char opening = type == JSON_OBJECT ? '{' : '[';
    const char *end = text + length, *at = text;
    json_t *found = NULL;
    int tries = 0;

    while (at != NULL && at < end && tries < MOST_TRIES) {
        json_error_t error;
        json_t *value = NULL;

        if (*at == opening) {
            tries++;
            value = weir__json_parse(at, (size_t)(end - at), flags, &error);
        }
        if (value != NULL && ends_line(at + error.position, end)) {
            json_decref(found);
            found = value;
            at += error.position;
        } else {
            json_decref(value);
        }
        at = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        if (at != NULL)
            at++;
    }
    return found;
}
