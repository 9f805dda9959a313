/* schema/schema_inner.h - a compiled schema, for the files schema_*.c alone.
 *
 *     schema.c           a document becomes nodes
 *     schema_link.c      $refs lead from one to another, and in no circle
 *     schema_keywords.c  the table of keywords, and how each is compiled
 *     schema_check.c     nodes applied to values, and what is found kept
 *     schema_assert.c    keywords that look at one value
 *     schema_apply.c     keywords that apply other schemas
 */
#ifndef WEIR_SCHEMA_SCHEMA_INNER_H
#define WEIR_SCHEMA_SCHEMA_INNER_H

#include <stdbool.h>

#include "base/buffer.h"
#include "schema/tolerance.h"
#include "schema/pattern.h"
#include "schema/schema.h"
#include "schema/version.h"

/* --- A compiled schema --------------------------------------------------------- */

struct node;
struct check;
struct compiler;
struct run;
struct place;

/* Kinds of values that a keyword looks at; the others it passes over. */
enum kinds {
    NULLS = 1,
    BOOLEANS = 2,
    INTEGERS = 4, /* a real without a fraction is one too */
    REALS = 8,
    STRINGS = 16,
    ARRAYS = 32,
    OBJECTS = 64,
    NUMBERS = INTEGERS | REALS,
    ANY = 127,
};

/* A keyword that is known. */
struct keyword {
    const char *name;
    enum kinds kinds;
    /* Looks at the keyword's value and keeps in the check what applying it needs. */
    int (*compile)(struct compiler *compiler, struct check *check);
    /* Applies it.  NULL: an annotation, or read by another keyword.  Returns -1
     * only on an error; what does not hold is a finding. */
    int (*apply)(struct run *run, const struct check *check, const json_t *value,
                 const struct place *place);
    bool in_place;       /* applies its schemas to the same value: they can go in circles */
    const char *refused; /* known and not supported: what to do instead */
};

/* NULL when there is no such keyword. */
const struct keyword *weir__keyword_find(const char *name);

/* A schema below a keyword. */
struct sub {
    const char *key; /* the member's name; NULL in an array and for a lone schema */
    size_t index;    /* in an array */
    struct node *node;
    struct weir__pattern *pattern; /* patternProperties */
};

/* One keyword of one schema.  What of the last members it has is said by its keyword. */
struct check {
    const struct keyword *keyword;
    const json_t *value; /* borrowed from the document */
    struct node *node;   /* whose it is */
    struct sub *subs;
    size_t sub_count;
    size_t number;     /* minLength...: the bound; type: the enum kinds */
    json_t *canonical; /* enum, const: an object whose names are the canonical forms */
    struct weir__pattern *pattern;
    struct weir__range *range;
};

/* One schema. */
struct node {
    const json_t *value;       /* borrowed from the document */
    const struct check *above; /* the keyword it stands below; NULL: the root */
    size_t above_index;        /* of its sub there */
    struct check *checks;
    size_t check_count;
    int mark; /* for the search for circles */
};

struct weir__schema {
    json_t *document;
    struct weir__buffer nodes; /* struct node *; the first is the root */
    json_t *anchors;           /* name -> index into nodes */
};

struct compiler {
    struct weir__schema *schema;
    struct weir_error *error;
};

size_t weir__node_count(const struct weir__schema *schema);
struct node *weir__node_at(const struct weir__schema *schema, size_t index);

/* Makes the schema below each $ref the one that it names.  All nodes are there. */
int weir__schema_link(struct compiler *compiler);

/* The check of a node for a keyword; NULL when it has none. */
const struct check *weir__node_check(const struct node *node, const char *keyword);

/* Makes the schemas below a check, one for each of its value's members; they are
 * compiled later.  Fails where one is neither an object nor a boolean. */
int weir__check_make_subs(struct compiler *compiler, struct check *check, size_t count);
int weir__check_add_sub(struct compiler *compiler, struct check *check, const char *key,
                        const json_t *value);

/* Fails with the pointer of a check's keyword before the sentence.  Returns SPEC. */
int weir__check_fail(struct compiler *compiler, const struct check *check, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* The JSON pointer of a node, and of a keyword there unless it is NULL.  The caller
 * owns it.  Returns NULL when memory is short. */
char *weir__node_pointer(const struct node *node, const char *keyword);

/* --- One run --------------------------------------------------------------------- */

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

/* A value as a message shows it: short, in JSON. */
struct shown {
    char text[64];
};
struct shown weir__value_shown(const json_t *value);

enum kinds weir__value_kind(const json_t *value);

/* "a string", "an integer"... */
const char *weir__kind_name(enum kinds kind);

/* --- The keywords: schema_assert.c and schema_apply.c ------------------------------ */

#define APPLIES(keyword)                                                                           \
    int weir__apply_##keyword(struct run *run, const struct check *check, const json_t *value,     \
                              const struct place *place)
APPLIES(type);
APPLIES(enum);
APPLIES(const);
APPLIES(multiple_of);
APPLIES(minimum);
APPLIES(maximum);
APPLIES(exclusive_minimum);
APPLIES(exclusive_maximum);
APPLIES(min_length);
APPLIES(max_length);
APPLIES(pattern);
APPLIES(version);
APPLIES(env_diff);
APPLIES(min_items);
APPLIES(max_items);
APPLIES(unique_items);
APPLIES(min_properties);
APPLIES(max_properties);
APPLIES(required);
APPLIES(dependent_required);
APPLIES(properties);
APPLIES(pattern_properties);
APPLIES(additional_properties);
APPLIES(property_names);
APPLIES(dependent_schemas);
APPLIES(prefix_items);
APPLIES(items);
APPLIES(contains);
APPLIES(all_of);
APPLIES(any_of);
APPLIES(one_of);
APPLIES(not_);
APPLIES(if);
APPLIES(ref);

#endif
