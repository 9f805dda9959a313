#include "config.h"

#include "schema/schema_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_tree.h"

enum kinds weir__value_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return NULLS;
    case JSON_TRUE:
    case JSON_FALSE:
        return BOOLEANS;
    case JSON_INTEGER:
        return INTEGERS;
    case JSON_REAL:
        return json_real_value(value) == floor(json_real_value(value)) ? INTEGERS : REALS;
    case JSON_STRING:
        return STRINGS;
    case JSON_ARRAY:
        return ARRAYS;
    case JSON_OBJECT:
        break;
    }
    return OBJECTS;
}

const char *weir__kind_name(enum kinds kind)
{
    switch (kind) {
    case NULLS:
        return "null";
    case BOOLEANS:
        return "a boolean";
    case INTEGERS:
        return "an integer";
    case REALS:
        return "a number";
    case STRINGS:
        return "a string";
    case ARRAYS:
        return "an array";
    default:
        return "an object";
    }
}

struct shown weir__value_shown(const json_t *value)
{
    struct shown shown = {""};
    char *text;
    size_t length;

    if (json_is_array(value) || json_is_object(value)) {
        snprintf(shown.text, sizeof shown.text, "%s", weir__kind_name(weir__value_kind(value)));
        return shown;
    }
    text = weir__tree_text(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    length = text != NULL ? strlen(text) : 0;
    if (length < sizeof shown.text) {
        snprintf(shown.text, sizeof shown.text, "%s", text != NULL ? text : "?");
    } else {
        size_t cut = sizeof shown.text - 5;

        while (cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80)
            cut--;
        snprintf(shown.text, sizeof shown.text, "%.*s...\"", (int)cut, text);
    }
    free(text);
    return shown;
}

int weir__pointer_add(struct weir__buffer *out, const char *name, struct weir_error *error)
{
    int status = weir__buffer_add(out, "/", 1, error);

    while (status == 0 && *name != '\0') {
        size_t plain = strcspn(name, "~/");

        status = weir__buffer_add(out, name, plain, error);
        name += plain;
        if (*name != '\0' && status == 0)
            status = weir__buffer_add(out, *name++ == '~' ? "~0" : "~1", 2, error);
    }
    return status;
}
