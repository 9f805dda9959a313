/* schema/schema_check.h - one run of a schema over a value, for the keywords. */
#ifndef WEIR_SCHEMA_SCHEMA_CHECK_H
#define WEIR_SCHEMA_SCHEMA_CHECK_H

#include "schema/schema.h"
#include "schema/schema_node.h"

/* Where in the value a run is. */
struct place {
    const struct place *above; /* NULL: the whole value */
    const char *key;           /* NULL: an element */
    size_t index;
    int depth;
};

struct run {
    const struct weir__schema *schema;
    struct weir__findings *findings;
    struct weir__buffer differences; /* struct difference */
    bool wants_differences;
    int quiet;     /* findings are counted, and not kept */
    int deepest;   /* the depth of the deepest place with a finding */
    int depth;     /* of schemas applied within each other */
    size_t work;   /* of what is allowed */
    size_t failed; /* findings, quiet ones too */
    struct weir_error *error;
};

/* Applies a node.  Returns -1 only on an error. */
int weir__node_apply(struct run *run, const struct node *node, const json_t *value,
                     const struct place *place);

/* Applies a node without keeping what it finds.  Returns 1 when the value holds,
 * 0 when it does not; then *found, which may be NULL, says how much and how deep. */
struct found {
    size_t count;
    int deepest;
};
int weir__node_holds(struct run *run, const struct node *node, const json_t *value,
                     const struct place *place, struct found *found);

/* Keeps a finding, or counts it in a quiet run. */
int weir__run_find(struct run *run, const struct check *check, const struct place *place,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Takes from the work that is left. */
int weir__run_spend(struct run *run, size_t work);

/* Looks for a pattern, and takes from the work what that costs.  Returns 1 or 0, or -1
 * on an error. */
int weir__run_search(struct run *run, const struct weir__pattern *pattern, const char *text,
                     size_t length);

/* An x-env-diff and where it applies. */
struct difference {
    char *pointer;
    const json_t *value; /* borrowed from the schema */
};
int weir__run_note(struct run *run, const struct place *place, const json_t *value);

/* Defines or declares the function that applies a keyword. */
#define APPLIES(keyword)                                                                           \
    int weir__apply_##keyword(struct run *run, const struct check *check, const json_t *value,     \
                              const struct place *place)

#endif
