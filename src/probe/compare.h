/* probe/compare.h - what differs between two reports, the weightiest first.
 *
 * What counts is compared, as it does for the fingerprint, and what the contract has an
 * x-env-diff for.  Members are compared by name.  Elements are compared by their
 * "name", "path" or "executable", if all of them have one of their own; else by
 * their place, but lists of plain values by what is in them.
 */
#ifndef WEIR_PROBE_COMPARE_H
#define WEIR_PROBE_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <weir/error.h>

#include "base/buffer.h"
#include "probe/contract.h"

/* What a difference is, the weightiest first. */
enum weir__difference_kind {
    WEIR__DIFFERS_MAJOR,      /* versions, by their first number */
    WEIR__DIFFERS_GONE,       /* it is in the first alone */
    WEIR__DIFFERS_NEW,        /* it is in the second alone */
    WEIR__DIFFERS_TYPE,       /* a number here, a string there */
    WEIR__DIFFERS_MINOR,      /* versions, by their second number */
    WEIR__DIFFERS_VALUE,      /* anything else */
    WEIR__DIFFERS_NUMBER,     /* numbers: they weigh by how far they are apart */
    WEIR__DIFFERS_PATCH,      /* versions, by what is behind the second number */
    WEIR__DIFFERS_PRERELEASE, /* versions, by their pre-release */
    WEIR__DIFFERS_SPELLING,   /* versions that are equal, written otherwise */
    WEIR__DIFFERS_ORDER,      /* lists of the same in another order */
};

/* "major", "gone"... */
const char *weir__difference_name(enum weir__difference_kind kind);

struct weir__difference {
    char *place;         /* a JSON pointer, where elements stand by their name */
    const json_t *a, *b; /* borrowed from the comparison; NULL: not there */
    enum weir__difference_kind kind;
    int weight;    /* 0 to 100 */
    bool within;   /* it is allowed */
    char *allowed; /* the x-env-diff that decides, "±15%"; NULL: none does */
};

/* One side of a comparison. */
struct weir__compared {
    const json_t *report;
    /* What counts of it, at the same places, perhaps spelt so that machines can be
     * compared; NULL: all of it. */
    const json_t *essence;
};

/* All zero is empty. */
struct weir__comparison {
    struct weir__buffer differences; /* struct weir__difference: those beyond come
                                      * first, then by weight, then by place */
    size_t within, beyond;           /* how many of each */
    json_t *documents[2];            /* what was compared */
};

size_t weir__comparison_count(const struct weir__comparison *comparison);
const struct weir__difference *weir__comparison_at(const struct weir__comparison *comparison,
                                                   size_t index);
void weir__comparison_clear(struct weir__comparison *comparison);

/* Compares.  With contract and env, what x-env-diff says for env is allowed: the
 * nearest at a place or above it decides, and where none does, nothing may differ.  Both may be
 * NULL.  The reports must not change while the comparison is used.  On failure the comparison
 * is empty.  Errors: NOMEM, and those of weir__contract_differences(). */
int weir__compare(struct weir__comparison *comparison, const struct weir__compared *a,
                  const struct weir__compared *b, const struct weir__contract *contract,
                  const char *env, struct weir_error *error);

/* The comparison as a document: {"weir":1,"kind":"comparison","ok":false,"beyond":1,
 * "within":0,"env":null,"differences":[{"place","kind","weight","within","allowed","a","b"}]}.
 * a or b is not there where the report has nothing.  The caller owns it.  Returns
 * NULL when memory is short. */
json_t *weir__comparison_json(const struct weir__comparison *comparison, const char *env);

#endif
