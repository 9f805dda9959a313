/* schema/schema_assert.h - keywords that look at one value and no further. */
#ifndef WEIR_SCHEMA_SCHEMA_ASSERT_H
#define WEIR_SCHEMA_SCHEMA_ASSERT_H

#include "schema/schema_check.h"

APPLIES(type);
APPLIES(enum);
APPLIES(const);
APPLIES(multiple_of);
APPLIES(minimum);
APPLIES(maximum);
APPLIES(exclusive_minimum);
APPLIES(exclusive_maximum);
APPLIES(min_length);
APPLIES(max_length);
APPLIES(pattern);
APPLIES(version);
APPLIES(env_diff);
APPLIES(min_items);
APPLIES(max_items);
APPLIES(unique_items);
APPLIES(min_properties);
APPLIES(max_properties);
APPLIES(required);
APPLIES(dependent_required);

#endif
