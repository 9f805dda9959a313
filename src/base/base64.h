/* base/base64.h - bytes as RFC 4648 base64, for documents that hold only text. */
#ifndef WEIR_BASE_BASE64_H
#define WEIR_BASE_BASE64_H

#include <stddef.h>

#include <weir/error.h>

#include "base/buffer.h"

/* Writes length bytes as base64 with padding and without line breaks.  The
 * caller owns *text, NUL-terminated, and frees it with free().  Errors: NOMEM. */
int weir__base64_encode(const void *bytes, size_t length, char **text, struct weir_error *error);

/* Appends to bytes what text says.  Strict, so that a value has one spelling:
 * padding must be there, unused bits must be zero, and nothing else may stand in
 * it, not even white space.  On failure bytes keeps what it had.
 * Errors: INVALID, naming the character; NOMEM. */
int weir__base64_decode(const char *text, size_t length, struct weir__buffer *bytes,
                        struct weir_error *error);

#endif
