/* schema/pattern.h - regular expressions as JSON Schema has them: ECMAScript's, in
 * its Unicode mode, by PCRE2.
 *
 * What the two understand differently is translated, and what ECMAScript does not
 * have is refused.  Two things are PCRE2's: a look-behind has a fixed length, and
 * \S inside brackets does not leave out white space beyond ASCII.
 */
#ifndef WEIR_SCHEMA_PATTERN_H
#define WEIR_SCHEMA_PATTERN_H

#include <stddef.h>

#include <weir/error.h>

struct weir__pattern;

/* The longest pattern. */
enum { WEIR__PATTERN_MAX = 16384 };

/* text is UTF-8.  The caller owns it; free with weir__pattern_free().  Returns NULL
 * on failure.  Errors: INVALID, saying what is wrong and where; NOMEM. */
struct weir__pattern *weir__pattern_new(const char *text, size_t length, struct weir_error *error);

/* NULL is fine. */
void weir__pattern_free(struct weir__pattern *pattern);

/* What a search may cost, in the unit of WEIR__SCHEMA_WORK: most cost little. */
enum { WEIR__PATTERN_CHEAP = 50, WEIR__PATTERN_EXPENSIVE = 5000 };

/* Whether the pattern is found anywhere in text, which is UTF-8.  Returns 1 or 0, and
 * sets *work to what it cost.
 * Errors: TOO_LONG, where it would take too many steps; NOMEM. */
int weir__pattern_found(const struct weir__pattern *pattern, const char *text, size_t length,
                        size_t *work, struct weir_error *error);

#endif
