/* pipeline/spec_read.h - the values of a spec, each read by what it should be.
 *
 * A reader that meets something else adds a fault, at its place in the text, and
 * goes on: all faults of a spec are told at once.
 */
#ifndef WEIR_PIPELINE_SPEC_READ_H
#define WEIR_PIPELINE_SPEC_READ_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "pipeline/spec_errors.h"

/* A value and where it stands. */
struct weir__spot {
    struct weir__faults *faults;
    const json_t *value;
    size_t node;
    const char *key; /* NULL in an array */
};

/* Adds a fault of the spot's value. */
#define weir__spot_fault(spot, ...)                                                                \
    weir__fault((spot)->faults, (spot)->node, WEIR__AT_VALUE, __VA_ARGS__)

/* A key that an object may have, and who reads its value into the object's struct. */
struct weir__spec_key {
    const char *name;
    void (*read)(const struct weir__spot *spot, void *into);
    const char *required; /* what to do when it is missing; NULL: it may be */
};

/* A word that stands for a number. */
struct weir__spec_word {
    const char *word;
    int value;
};

/* Reads an object by a table of the keys it may have: others, doubled ones and
 * missing ones are faults. */
void weir__spec_object(const struct weir__spot *spot, const struct weir__spec_key *keys,
                       size_t count, void *into);

/* Goes over the values of an array or an object, in the order of the text.  A
 * doubled key is a fault; its last value counts.  Returns the number of values,
 * or -1 after the fault that it is neither: hint then says what to write. */
int64_t weir__spec_each(const struct weir__spot *spot, json_type wanted, const char *hint,
                        void (*each)(const struct weir__spot *spot, void *into), void *into);

/* These return whether the value was what it should be; else a fault was added
 * and *result stays.  Strings are borrowed from the document. */
int weir__spec_string(const struct weir__spot *spot, const char *hint, const char **result);
int weir__spec_flag(const struct weir__spot *spot, int *result);
int weir__spec_integer(const struct weir__spot *spot, int64_t least, int64_t most, int64_t *result);
int weir__spec_seconds(const struct weir__spot *spot, int64_t *ms); /* more than 0 */
int weir__spec_choice(const struct weir__spot *spot, const struct weir__spec_word *words,
                      size_t count, int *result);

/* A whole number, 0 or more, or a size such as "64M". */
int weir__spec_size(const struct weir__spot *spot, uint64_t *result);

/* A list of strings that grows; all zero is an empty one.  The caller owns strings. */
struct weir__spec_list {
    const char **strings; /* NULL-terminated once it has one */
    size_t count;
};

void weir__spec_list_add(struct weir__faults *faults, struct weir__spec_list *list,
                         const char *string);

/* "a string", "an object"... */
const char *weir__spec_kind(const json_t *value);

#endif
