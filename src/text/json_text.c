#include "config.h"

#include "text/json_text.h"

#include <string.h>

#include <weir/text.h>

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
