/* probe/compare_filter.h - what of a report is compared: what counts, and what a contract
 * speaks of. */
#ifndef WEIR_PROBE_COMPARE_FILTER_H
#define WEIR_PROBE_COMPARE_FILTER_H

#include <jansson.h>

#include "probe/compare.h"

/* The notes that a contract has for a place (weir__contract_differences()), if they
 * say something for the environment; else NULL.  Everything may be NULL. */
const json_t *weir__compare_notes(const json_t *tolerances, const char *pointer, const char *env);

/* A report cut down to what is compared, each value at its place: elements that are
 * not stay as null.  A new reference.  Returns NULL when memory is short. */
json_t *weir__compare_filter(const struct weir__compared *side, const json_t *tolerances,
                             const char *env);

#endif
