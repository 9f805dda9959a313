/* pipeline/spec_read.h - reads the values of a spec by their expected type.
 *
 * A reader that finds an unexpected value adds an error at its place in the text and continues:
 * all errors of a spec are reported together.
 */
#ifndef WEIR_PIPELINE_SPEC_READ_H
#define WEIR_PIPELINE_SPEC_READ_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <weir/command.h>

#include "pipeline/spec_errors.h"

/* A value and its place. */
struct weir__spot {
    struct weir__spec_errors *errors;
    const json_t *value;
    size_t node;
    const char *key; /* NULL in an array */
};

/* Adds an error at the spot's value. */
#define weir__spot_error(spot, ...)                                                                \
    weir__spec_error((spot)->errors, (spot)->node, WEIR__AT_VALUE, __VA_ARGS__)

/* A key of an object, and the function that reads its value into the object's struct. */
struct weir__spec_key {
    const char *name;
    void (*read)(const struct weir__spot *spot, void *into);
    const char *required; /* the advice if it is missing; NULL: optional */
    size_t offset;        /* of what read gets in that struct */
};

/* A word and the number it stands for. */
struct weir__spec_word {
    const char *word;
    int value;
};

/* Reads an object by a table of its keys. Unknown, duplicate and missing keys are errors. */
void weir__spec_object(const struct weir__spot *spot, const struct weir__spec_key *keys,
                       size_t count, void *into);

/* Calls each for the values of an array or an object, in the order of the text. A duplicate key
 * is an error; its last value counts. Returns the number of values, or -1 with an error if the
 * value is of another type: hint is the example to show. */
int64_t weir__spec_each(const struct weir__spot *spot, json_type wanted, const char *hint,
                        void (*each)(const struct weir__spot *spot, void *into), void *into);

/* These return whether the value is valid; otherwise they add an error and leave *result alone.
 * Strings are borrowed from the document. */
int weir__spec_string(const struct weir__spot *spot, const char *hint, const char **result);
int weir__spec_integer(const struct weir__spot *spot, int64_t least, int64_t most, int64_t *result);
int weir__spec_choice(const struct weir__spot *spot, const struct weir__spec_word *words,
                      size_t count, int *result);

/* Readers of a key: into is an int, or an int64_t in milliseconds, which null leaves alone. */
void weir__spec_flag(const struct weir__spot *spot, void *into);
void weir__spec_seconds(const struct weir__spot *spot, void *into);

/* A whole number from 0, or a size such as "64M". */
int weir__spec_size(const struct weir__spot *spot, uint64_t *result);

/* A stop sequence; null is none. */
int weir__spec_stop(const struct weir__spot *spot, struct weir_stop_step steps[WEIR_STOP_STEPS],
                    size_t *count);

/* A growing list of strings; all zero is an empty one. The caller owns strings. */
struct weir__spec_list {
    const char **strings; /* NULL-terminated unless empty */
    size_t count;
};

void weir__spec_list_add(struct weir__spec_errors *errors, struct weir__spec_list *list,
                         const char *string);

/* "a string", "an object"... */
const char *weir__spec_kind(const json_t *value);

#endif
