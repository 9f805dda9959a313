/* schema/schema_keywords.h - the table of keywords, the functions that apply them, and references.
 */
#ifndef WEIR_SCHEMA_SCHEMA_KEYWORDS_H
#define WEIR_SCHEMA_SCHEMA_KEYWORDS_H

#include "schema/schema_node.h"

/* NULL when there is no such keyword. */
const struct keyword *weir__keyword_find(const char *name);

/* Each applies a keyword.  Returns -1 only on an error; what does not hold is a finding. */
weir__keyword_apply weir__apply_properties, weir__apply_pattern_properties,
    weir__apply_additional_properties, weir__apply_property_names, weir__apply_dependent_schemas,
    weir__apply_prefix_items, weir__apply_items, weir__apply_contains, weir__apply_all_of,
    weir__apply_any_of, weir__apply_one_of, weir__apply_not_, weir__apply_if, weir__apply_ref;
weir__keyword_apply weir__apply_type, weir__apply_enum, weir__apply_const, weir__apply_multiple_of,
    weir__apply_bound, weir__apply_size, weir__apply_pattern, weir__apply_version,
    weir__apply_env_diff, weir__apply_unique_items, weir__apply_required,
    weir__apply_dependent_required;

/* schema_link.c: makes the schema below each $ref the one that it names.  All nodes exist. */
int weir__schema_link(struct compiler *compiler);

#endif
