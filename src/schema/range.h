/* schema/range.h - ranges of versions. */
#ifndef WEIR_SCHEMA_RANGE_H
#define WEIR_SCHEMA_RANGE_H

#include "schema/version.h"

/* What is accepted, to end a message with. */
#define WEIR__RANGE_FORMS                                                                          \
    "conditions that all hold, as in \">=1.22 <2\", with \"||\" between alternatives; "            \
    "a condition is one of = != < <= > >= ^ ~ ~= and a version, 1.22.x, or *"

/* Which versions will do.  A version with less than three numbers, or with x or *
 * for one, stands for all that begin with it: "=1.22" and "1.22" are 1.22.0 up to but
 * not 1.23, ">1.22" begins with 1.23.  "^1.2.3" is up to but not 2, "~1.2.3" up to but
 * not 1.3, and "~=1.2" as in PEP 440 up to but not 2.  Commas separate as blanks do.
 * A pre-release comes before its release: 1.22rc1 is not in ">=1.22".  It is not in
 * "<1.22" either, unless the bound is itself a pre-release. */
struct weir__range;

/* The caller owns it; free with weir__range_free().  Returns NULL on failure.
 * Errors: INVALID, saying which condition and what is accepted; NOMEM. */
struct weir__range *weir__range_new(const char *text, struct weir_error *error);

/* NULL is fine. */
void weir__range_free(struct weir__range *range);

bool weir__range_holds(const struct weir__range *range, const struct weir__version *version);

#endif
