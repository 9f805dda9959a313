/* schema/schema_apply.h - keywords that apply other schemas. */
#ifndef WEIR_SCHEMA_SCHEMA_APPLY_H
#define WEIR_SCHEMA_SCHEMA_APPLY_H

#include "schema/schema_check.h"

APPLIES(properties);
APPLIES(pattern_properties);
APPLIES(additional_properties);
APPLIES(property_names);
APPLIES(dependent_schemas);
APPLIES(prefix_items);
APPLIES(items);
APPLIES(contains);
APPLIES(all_of);
APPLIES(any_of);
APPLIES(one_of);
APPLIES(not_);
APPLIES(if);
APPLIES(ref);

#endif
