/* base/json_parse.h - reads a JSON text into jansson's values.
 *
 * jansson's own json_load*() ignore a failed allocation while they collect a token
 * (2.15.1, lex_save() in load.c): a string longer than 15 bytes may lose bytes, or the
 * quote that ends it, and then memory beyond it is read and written.  What weir reads
 * decides what is executed, so nothing in weir calls them.
 */
#ifndef WEIR_BASE_JSON_PARSE_H
#define WEIR_BASE_JSON_PARSE_H

#include <jansson.h>

/* As json_loadb(), with the same flags (JSON_REJECT_DUPLICATES, JSON_DECODE_ANY,
 * JSON_ALLOW_NUL, JSON_DISABLE_EOF_CHECK), faults and sentences.  Returns a new
 * reference, or NULL with *fault filled in; fault may be NULL.  Where memory is short
 * json_error_code(fault) is json_error_out_of_memory. */
json_t *weir__json_parse(const char *bytes, size_t length, size_t flags, json_error_t *fault);

#endif
