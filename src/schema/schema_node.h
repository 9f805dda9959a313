/* schema/schema_node.h - a compiled schema: nodes, their keywords, and the nodes below these. */
#ifndef WEIR_SCHEMA_SCHEMA_NODE_H
#define WEIR_SCHEMA_SCHEMA_NODE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "schema/pattern.h"
#include "schema/schema_value.h"
#include "schema/range.h"

struct node;
struct check;
struct compiler;
struct run;
struct place;

typedef int weir__keyword_apply(struct run *run, const struct check *check, const json_t *value,
                                const struct place *place);

/* A known keyword. */
struct keyword {
    const char *name;
    enum kinds kinds;
    /* Compiles the keyword's value into the check. */
    int (*compile)(struct compiler *compiler, struct check *check);
    /* Applies it. NULL: an annotation, or read by another keyword. */
    weir__keyword_apply *apply;
    bool in_place;       /* applies its schemas to the same value: they can go in circles */
    const char *refused; /* not supported: what to use instead */
};

/* A schema below a keyword. */
struct sub {
    const char *key; /* the member's name; NULL in an array and for a lone schema */
    size_t index;    /* in an array */
    struct node *node;
    struct weir__pattern *pattern; /* patternProperties */
};

/* One keyword of one schema. The keyword determines which of the last members are set. */
struct check {
    const struct keyword *keyword;
    const json_t *value; /* borrowed from the document */
    struct node *node;   /* that it belongs to */
    struct sub *subs;
    size_t sub_count;
    size_t number;     /* minLength...: the bound; type: the enum kinds */
    json_t *canonical; /* enum, const: an object whose keys are the canonical forms */
    struct weir__pattern *pattern;
    struct weir__range *range;
};

/* One schema. */
struct node {
    const json_t *value;       /* borrowed from the document */
    const struct check *above; /* the keyword that contains it; NULL: the root */
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

/* The check of a node for a keyword, or NULL. */
const struct check *weir__node_check(const struct node *node, const char *keyword);

/* Make the schemas below a check, one for each member of its value; they are compiled later. Fail
 * if one is neither an object nor a boolean. */
int weir__check_make_subs(struct compiler *compiler, struct check *check, size_t count);
int weir__check_add_sub(struct compiler *compiler, struct check *check, const char *key,
                        const json_t *value);

/* Makes a node for a schema; it is compiled later.  Returns NULL when memory is short. */
struct node *weir__node_add(struct compiler *compiler, const json_t *value);

/* Fails because memory is short.  Returns NOMEM. */
int weir__compile_no_memory(const struct compiler *compiler);

/* Fails with the pointer of a check's keyword before the sentence.  Returns SPEC. */
int weir__check_fail(struct compiler *compiler, const struct check *check, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* The JSON pointer of a node, and of a keyword there unless it is NULL.  The caller
 * owns it.  Returns NULL when memory is short. */
char *weir__node_pointer(const struct node *node, const char *keyword);

#endif
