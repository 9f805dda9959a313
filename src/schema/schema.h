/* schema/schema.h - JSON Schema, draft 2020-12: compiled once, held against values.
 *
 * docs/contract.md says which keywords there are.  One that is not supported, or that
 * nobody knows and that does not begin with "x-", is an error when the schema is
 * compiled: it is never ignored.  "format" is an annotation, and checks nothing.
 *
 * Beyond the draft, "x-version" holds a string against a range of versions
 * (schema/version.h), and "x-env-diff" is handed out with the places it applies to.
 *
 * Numbers are what jansson makes of them: whole ones of 64 bits, others doubles.
 * Among those, comparing and multipleOf are exact: a double is the shortest decimal that reads
 * back as it.
 *
 * Threads: a schema may be used by many at once.
 */
#ifndef WEIR_SCHEMA_SCHEMA_H
#define WEIR_SCHEMA_SCHEMA_H

#include <stddef.h>

#include <jansson.h>

#include <weir/error.h>

#include "base/buffer.h"

struct weir__schema;

/* Compiles a schema.  Holds a reference to document, which must not change any more.
 * The caller owns it; free with weir__schema_free().  Returns NULL on failure.
 * Errors: SPEC, beginning with the JSON pointer of the keyword it is about; NOMEM. */
struct weir__schema *weir__schema_new(const json_t *document, struct weir_error *error);

/* NULL is fine. */
void weir__schema_free(struct weir__schema *schema);

/* Something in a value that does not hold.  JSON pointers are "" for the whole. */
struct weir__finding {
    char *instance; /* where in the value */
    char *schema;   /* which keyword of the schema */
    char *text;     /* a sentence without its subject: "is 3, and has to be at least 5" */
};

/* More than this many are counted, but not kept. */
enum { WEIR__FINDINGS_KEPT = 100 };

/* All zero is empty. */
struct weir__findings {
    struct weir__buffer kept; /* struct weir__finding, in the order they were met */
    size_t count;             /* of all */
};

/* How many are kept, and the one at index. */
size_t weir__findings_kept(const struct weir__findings *findings);
const struct weir__finding *weir__finding_at(const struct weir__findings *findings, size_t index);

/* Adds one.  Copies its strings.  Errors: NOMEM. */
int weir__findings_add(struct weir__findings *findings, const char *instance, const char *schema,
                       const char *text, struct weir_error *error);

void weir__findings_clear(struct weir__findings *findings);

/* How deep schemas may be applied within each other, and how much work in all: a schema
 * applied is 1, a search 50 or more.  What needs more is an error rather than a crash
 * or a wait. */
enum { WEIR__SCHEMA_DEPTH = 1000, WEIR__SCHEMA_WORK = 5000000 };

/* Holds a value against a schema, and adds what does not hold to findings: whoever
 * looks there sees whether there was something.  differences, unless it is NULL, must be an
 * object: it gets for each place in the value, by JSON pointer, an array of the
 * x-env-diff that apply there, whether the value holds or not; those of an alternative
 * only if it holds.
 * Errors: TOO_LONG, where depth, work or the limit of a pattern is passed; NOMEM. */
int weir__schema_check(const struct weir__schema *schema, const json_t *value,
                       struct weir__findings *findings, json_t *differences,
                       struct weir_error *error);

#endif
