/* base/json_canonical.h - the one spelling of a JSON value, to be hashed or compared.
 *
 * RFC 8785 (JCS): no white space, members sorted by the UTF-16 code units of
 * their names, strings with as few escapes as JSON allows, numbers as ECMAScript
 * prints them.  One thing goes beyond it: an integer of more than 53 bits keeps
 * all its digits, where JCS would have rounded it before.
 */
#ifndef WEIR_BASE_JSON_CANONICAL_H
#define WEIR_BASE_JSON_CANONICAL_H

#include <jansson.h>

#include <weir/error.h>

#include "base/buffer.h"

/* Appends value.  On failure the buffer has what it had.  Errors: NOMEM. */
int weir__canonical_add(struct weir__buffer *out, const json_t *value, struct weir_error *error);

/* The same as a string of its own.  The caller owns it and frees it with free();
 * length may be NULL.  Returns NULL when memory is short. */
char *weir__canonical_text(const json_t *value, size_t *length);

/* Compares names by their UTF-16 code units, as strcmp() does by bytes. */
int weir__canonical_compare(const char *a, const char *b);

#endif
