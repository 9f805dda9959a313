#include "config.h"

#include "probe/json_values.h"

#include <stdlib.h>
#include <string.h>

#include <weir/text.h>

#include "base/json_parse.h"

/* How many beginnings are tried: each costs what can be read from there on. */
enum { MOST_TRIES = 64 };

json_t *weir__textn_value(const char *bytes, size_t length)
{
    struct weir_text text;
    json_t *value;

    if (weir_decode(bytes, length, NULL, WEIR_REPLACE, NULL, &text, NULL) < 0)
        return NULL;
    value = json_stringn(text.bytes, text.length);
    weir_text_clear(&text);
    return value;
}

json_t *weir__text_value(const char *bytes)
{
    return weir__textn_value(bytes, strlen(bytes));
}

json_t *weir__result_value(const struct weir_result *result)
{
    static const char *const left_out[] = {"weir", "kind", "cwd", "stdout", "stderr", "started_at"};
    struct weir_result brief = *result;
    json_error_t error;
    json_t *object;
    char *text;

    brief.out = brief.err = (struct weir_output){0}; /* may be large */
    text = weir_result_json(&brief);
    object = text != NULL ? weir__json_parse(text, strlen(text), 0, &error) : NULL;
    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++)
        json_object_del(object, left_out[i]);
    free(text);
    return object;
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
