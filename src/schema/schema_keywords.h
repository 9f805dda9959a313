/* schema/schema_keywords.h - the table of keywords. */
#ifndef WEIR_SCHEMA_SCHEMA_KEYWORDS_H
#define WEIR_SCHEMA_SCHEMA_KEYWORDS_H

#include "schema/schema_node.h"

/* NULL when there is no such keyword. */
const struct keyword *weir__keyword_find(const char *name);

#endif
