/* text/json_blocks.h - recognizes good JSON texts, 64 bytes at a time, where the processor can. */
#ifndef WEIR_TEXT_JSON_BLOCKS_H
#define WEIR_TEXT_JSON_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>

/* The shortest text that it looks at, and the deepest nesting. */
enum { WEIR__JSON_BLOCK = 64, WEIR__JSON_BLOCK_DEPTH = 64 };

/* Whether this processor can: with AVX2 or NEON. */
bool weir__json_blocks_can(void);

/* Returns true if the bytes are one JSON value, as weir__json_syntax() says, and whether they are
 * all ASCII. false: they may be; so it is for shorter and deeper texts, and for those with a
 * control character such as a tab, or a backslash outside a string. Reads no byte around them. */
bool weir__json_blocks_are_good(const void *bytes, size_t length, bool *is_ascii);

#endif
