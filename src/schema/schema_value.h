/* schema/schema_value.h - kinds of JSON values, values in messages, and JSON pointers. */
#ifndef WEIR_SCHEMA_SCHEMA_VALUE_H
#define WEIR_SCHEMA_SCHEMA_VALUE_H

#include <jansson.h>

#include <weir/error.h>

#include "base/buffer.h"

/* Kinds of values that a keyword applies to; it ignores others. */
enum kinds {
    NULLS = 1,
    BOOLEANS = 2,
    INTEGERS = 4, /* a real without a fraction counts too */
    REALS = 8,
    STRINGS = 16,
    ARRAYS = 32,
    OBJECTS = 64,
    NUMBERS = INTEGERS | REALS,
    ANY = 127,
};

enum kinds weir__value_kind(const json_t *value);

/* "a string", "an integer"... */
const char *weir__kind_name(enum kinds kind);

/* A value for a message: short JSON. */
struct shown {
    char text[64];
};
struct shown weir__value_shown(const json_t *value);

/* Appends "/" and a name, escaped as in a JSON pointer.  Errors: NOMEM. */
int weir__pointer_add(struct weir__buffer *out, const char *name, struct weir_error *error);

#endif
