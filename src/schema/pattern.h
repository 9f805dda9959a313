/* schema/pattern.h - the regular expressions of JSON Schema: ECMAScript's in Unicode mode, run by
 * PCRE2.
 *
 * Syntax that differs is translated, and syntax unknown to ECMAScript is refused. Two things
 * follow PCRE2: a look-behind has a fixed length, and \S inside brackets excludes ASCII white
 * space only.
 */
#ifndef WEIR_SCHEMA_PATTERN_H
#define WEIR_SCHEMA_PATTERN_H

#include <stddef.h>

#include <weir/error.h>

struct weir__pattern;

/* The longest pattern. */
enum { WEIR__PATTERN_MAX = 16384 };

/* text is UTF-8.  The caller owns it; free with weir__pattern_free().  Returns NULL
 * on failure.  Errors: INVALID, with the reason and the place; NOMEM. */
struct weir__pattern *weir__pattern_new(const char *text, size_t length, struct weir_error *error);

/* Accepts NULL. */
void weir__pattern_free(struct weir__pattern *pattern);

/* The cost of a search, in units of WEIR__SCHEMA_WORK: most are cheap. */
enum { WEIR__PATTERN_CHEAP = 50, WEIR__PATTERN_EXPENSIVE = 5000 };

/* Whether the pattern is found anywhere in text, which is UTF-8.  Returns 1 or 0, and sets *work
 * to its cost.
 * Errors: TOO_LONG if it takes too many steps; NOMEM. */
int weir__pattern_found(const struct weir__pattern *pattern, const char *text, size_t length,
                        size_t *work, struct weir_error *error);

#endif
