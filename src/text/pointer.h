/* text/pointer.h - cut the value at a JSON Pointer (RFC 6901) out of a JSON text.
 *
 * Nothing is parsed into memory and nothing is allocated.  The text is expected to be
 * well-formed; of one that is not nothing is read beyond its end.
 */
#ifndef WEIR_TEXT_POINTER_H
#define WEIR_TEXT_POINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What keeps text from being a pointer to a member: static, or NULL. */
const char *weir__pointer_fault(const char *pointer);

/* Finds the value, without the whitespace around it.  Of a doubled member the last counts.
 * Returns false when there is none. */
bool weir__pointer_find(const char *pointer, const char *bytes, size_t length, size_t *at,
                        size_t *size);

/* Whether two values are the same: strings by their characters, whatever is escaped in them,
 * anything else byte for byte (1 and 1.0 differ). */
bool weir__json_same(const char *a, size_t a_length, const char *b, size_t b_length);

/* A hash that is equal for values that are the same. */
uint64_t weir__json_hash(const char *value, size_t length, uint64_t seed);

#endif
