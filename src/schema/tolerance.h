/* schema/tolerance.h - how far a value may differ between environments: x-env-diff. */
#ifndef WEIR_SCHEMA_TOLERANCE_H
#define WEIR_SCHEMA_TOLERANCE_H

#include <stdbool.h>

#include <jansson.h>

#include <weir/error.h>

enum weir__tolerance_kind {
    WEIR__TOLERANCE_EXACT,   /* "exact": not at all */
    WEIR__TOLERANCE_PATCH,   /* "patch": versions of the same major and minor */
    WEIR__TOLERANCE_MINOR,   /* "minor": versions of the same major */
    WEIR__TOLERANCE_ANY,     /* "any": in any way */
    WEIR__TOLERANCE_PERCENT, /* "±15%": numbers, of the first one's amount */
};

struct weir__tolerance {
    enum weir__tolerance_kind kind;
    double percent;
};

/* The accepted forms, for the end of a message. */
#define WEIR__TOLERANCE_FORMS                                                                      \
    "\"exact\", \"patch\", \"minor\" or \"any\" for versions, and \"±15%\" for numbers"

/* "+-15%" is accepted too, for keyboards without ±.  Errors: INVALID. */
int weir__tolerance_parse(const char *text, struct weir__tolerance *tolerance,
                          struct weir_error *error);

/* Whether b is an allowed value in place of a. Equal values always are; values other than
 * versions and numbers only with "any". Numbers: |b - a| is at most that part of |a|. */
bool weir__tolerance_holds(const struct weir__tolerance *tolerance, const json_t *a,
                           const json_t *b);

#endif
