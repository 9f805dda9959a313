/* text/json_validate.h - is it one JSON text (RFC 8259)?  Nothing is parsed into memory. */
#ifndef WEIR_TEXT_JSON_VALIDATE_H
#define WEIR_TEXT_JSON_VALIDATE_H

#include <stdbool.h>
#include <stddef.h>

/* How deep arrays and objects may be nested: far above what records have, and
 * about as far as readers go (Python's gives up near 1000, jansson's at 2048). */
enum { WEIR__JSON_DEPTH = 1024 };

struct weir__syntax_fault {
    /* The first byte that cannot be there, or the length when the text ends too
     * early: what lies before could be the beginning of a JSON text. */
    size_t offset;
    const char *reason; /* a few words, static: "unterminated string" */
};

/* Says whether bytes is exactly one JSON value of any kind, with whitespace around
 * it or not; when it is not, *fault (unless NULL) says where and why.  Bytes from
 * 0x80 pass where they are inside strings.  Syntax is all that counts: a lone
 * surrogate (\ud800), a doubled key, 1e400 and an integer of any length are good.
 * Linear in length, with no allocation and no recursion. */
bool weir__json_syntax(const void *bytes, size_t length, struct weir__syntax_fault *fault);

/* The same, but strings must be well-formed UTF-8 too; the offset is then that of
 * the first byte of the ill-formed character. */
bool weir__json_syntax_utf8(const void *bytes, size_t length, struct weir__syntax_fault *fault);

/* Says whether it is such a value as a member of an outermost object may have: that is, one level
 * less deep. */
bool weir__json_member_utf8(const void *bytes, size_t length);

/* weir__json_syntax() without the quick look in blocks; fault must not be NULL. Also says whether
 * the bytes read are all ASCII. Tests compare the two. */
bool weir__json_syntax_plain(const void *bytes, size_t length, bool *is_ascii,
                             struct weir__syntax_fault *fault);

/* Says whether it is null, with whitespace around it or not. */
bool weir__json_is_null(const void *bytes, size_t length);

#endif
