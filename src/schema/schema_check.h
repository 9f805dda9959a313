/* schema/schema_check.h - one check of a value, as the functions of the keywords see it. */
#ifndef WEIR_SCHEMA_SCHEMA_CHECK_H
#define WEIR_SCHEMA_SCHEMA_CHECK_H

#include "schema/schema.h"
#include "schema/schema_node.h"

/* The position of a run in the value. */
struct place {
    const struct place *above; /* NULL: the root */
    const char *key;           /* NULL: an array element */
    size_t index;
    int depth;
};

struct run {
    const struct weir__schema *schema;
    struct weir__findings *findings;
    struct weir__buffer differences; /* struct difference */
    bool wants_differences;
    int quiet;     /* findings are counted, not kept */
    int deepest;   /* the depth of the deepest place with a finding */
    int depth;     /* nesting of applied schemas */
    size_t work;   /* what is left */
    size_t failed; /* number of findings, quiet ones too */
    struct weir_error *error;
};

/* Applies a node.  Returns -1 only on an error. */
int weir__node_apply(struct run *run, const struct node *node, const json_t *value,
                     const struct place *place);

/* Applies a node without keeping findings. Returns 1 if the value is valid, or 0; then *found,
 * which may be NULL, has the number of findings and their greatest depth. */
struct found {
    size_t count;
    int deepest;
};
int weir__node_holds(struct run *run, const struct node *node, const json_t *value,
                     const struct place *place, struct found *found);

/* Adds a finding, or only counts it in a quiet run. */
int weir__run_report(struct run *run, const struct check *check, const struct place *place,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Charges work. Fails when none is left. */
int weir__run_spend(struct run *run, size_t work);

/* Searches for a pattern and charges its cost. Returns 1 or 0, or -1 on an error. */
int weir__run_search(struct run *run, const struct weir__pattern *pattern, const char *text,
                     size_t length);

/* An x-env-diff and where it applies. */
struct difference {
    char *pointer;
    const json_t *value; /* borrowed from the schema */
};
int weir__run_note(struct run *run, const struct place *place, const json_t *value);

#endif
