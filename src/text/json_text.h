/* text/json_text.h - text that programs wrote, and the JSON in it. */
#ifndef WEIR_TEXT_JSON_TEXT_H
#define WEIR_TEXT_JSON_TEXT_H

#include <stddef.h>

#include <jansson.h>

#include "base/json_writer.h"

/* A JSON string for bytes that may be anything, as names and sentences may: U+FFFD
 * stands for what is not UTF-8.  A new reference, or NULL when memory is short. */
json_t *weir__json_text(const char *bytes);
json_t *weir__json_textn(const char *bytes, size_t length);

/* Writes such a string. */
void weir__json_write_textn(struct weir__json_writer *json, const char *key, const char *bytes,
                            size_t length);

/* Finds the last JSON object or array that begins at the beginning of a line, ends
 * at the end of one and is of the type asked for: tools talk before and after it.
 * A new reference, or NULL when there is none.  Linear in length. */
json_t *weir__json_find(const char *text, size_t length, json_type type);

#endif
