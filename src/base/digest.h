/* base/digest.h - SHA-256 and HMAC-SHA256, by nettle. */
#ifndef WEIR_BASE_DIGEST_H
#define WEIR_BASE_DIGEST_H

#include <stddef.h>

enum { WEIR__DIGEST_SIZE = 65 }; /* 64 lower-case hex digits and NUL */

/* A digest of bytes that come piece by piece. */
struct weir__digest;

/* With a key an HMAC-SHA256, with NULL a plain SHA-256.  The key is not kept as it
 * is.  Free with weir__digest_free().  Returns NULL when memory is short. */
struct weir__digest *weir__digest_new(const void *key, size_t length);

/* Overwrites what it held.  NULL is fine. */
void weir__digest_free(struct weir__digest *digest);

void weir__digest_add(struct weir__digest *digest, const void *bytes, size_t length);

/* Tells the digest of what was added, and begins anew under the same key. */
void weir__digest_take(struct weir__digest *digest, char hex[WEIR__DIGEST_SIZE]);

/* Whether two texts of the same length are the same, in a time that says nothing of them. */
int weir__digest_is_same(const void *a, const void *b, size_t length);

/* The SHA-256 of bytes that are all there. */
void weir__sha256(const void *bytes, size_t length, char hex[WEIR__DIGEST_SIZE]);

#endif
