/* text/json_text.h - JSON strings of text that programs wrote. */
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

#endif
