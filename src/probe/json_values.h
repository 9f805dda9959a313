/* probe/json_values.h - JSON values of what programs wrote and of how they ended. */
#ifndef WEIR_PROBE_JSON_VALUES_H
#define WEIR_PROBE_JSON_VALUES_H

#include <stddef.h>

#include <jansson.h>

#include <weir/result.h>

/* A JSON string for bytes that may be anything: U+FFFD stands for what is not UTF-8.
 * A new reference, or NULL when memory is short. */
json_t *weir__text_value(const char *bytes);
json_t *weir__textn_value(const char *bytes, size_t length);

/* The members of the run document, without the outputs, the directory and the time of the start.
 * A new reference, or NULL when memory is short. */
json_t *weir__result_value(const struct weir_result *result);

/* Finds the last JSON object or array that begins at the beginning of a line, ends
 * at the end of one and is of the type asked for: tools talk before and after it.
 * A new reference, or NULL when there is none.  Linear in length. */
json_t *weir__json_find(const char *text, size_t length, json_type type);

#endif
