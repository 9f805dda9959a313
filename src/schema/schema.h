/* schema/schema.h - JSON Schema, draft 2020-12: compiled once, used to check values.
 *
 * docs/contract.md lists the keywords. An unsupported keyword, or an unknown one that does not
 * begin with "x-", is an error when the schema is compiled: it is never ignored. "format" is an
 * annotation and checks nothing.
 *
 * Beyond the draft, "x-version" checks a string against a range of versions (schema/version.h),
 * and "x-env-diff" is returned with the places it applies to.
 *
 * Numbers are jansson's: integers of 64 bits, or doubles. Comparison and multipleOf are exact: a
 * double stands for the shortest decimal that reads back as it.
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

/* Accepts NULL. */
void weir__schema_free(struct weir__schema *schema);

/* A violation. JSON pointers are "" for the whole value. */
struct weir__finding {
    char *instance; /* where in the value */
    char *schema;   /* which keyword of the schema */
    char *text;     /* a sentence without its subject: "is 3 but must be at least 5" */
};

/* More than this many are counted, but not kept. */
enum { WEIR__FINDINGS_KEPT = 100 };

/* All zero is empty. */
struct weir__findings {
    struct weir__buffer kept; /* struct weir__finding, in the order in which they were found */
    size_t count;             /* of all */
};

/* How many are kept, and the one at index. */
size_t weir__findings_kept(const struct weir__findings *findings);
const struct weir__finding *weir__finding_at(const struct weir__findings *findings, size_t index);

/* Adds one.  Copies its strings.  Errors: NOMEM. */
int weir__findings_add(struct weir__findings *findings, const char *instance, const char *schema,
                       const char *text, struct weir_error *error);

void weir__findings_clear(struct weir__findings *findings);

/* The limits of one check: nesting of applied schemas, and work (a schema applied is 1, a search
 * 50 or more). Exceeding them is an error rather than a crash or a hang. */
enum { WEIR__SCHEMA_DEPTH = 1000, WEIR__SCHEMA_WORK = 5000000 };

/* Checks a value against a schema, and adds each violation to findings. differences, unless NULL,
 * is an object that gets for each place in the value, by JSON pointer, an array of the x-env-diff
 * that apply there, whether the value is valid or not; those of an alternative only if it is
 * valid. Errors: TOO_LONG if a limit of depth, work or a pattern is exceeded; NOMEM. */
int weir__schema_check(const struct weir__schema *schema, const json_t *value,
                       struct weir__findings *findings, json_t *differences,
                       struct weir_error *error);

#endif
