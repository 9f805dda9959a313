/* audit/key.h - the key that a chain is made under. */
#ifndef WEIR_AUDIT_KEY_H
#define WEIR_AUDIT_KEY_H

#include <weir/error.h>

#include "base/digest.h"

/* The environment variable that names the file with the key. */
#define WEIR__AUDIT_KEY_VARIABLE "WEIR_AUDIT_KEY_FILE"

enum {
    WEIR__AUDIT_KEY_LEAST = 16, /* bytes: fewer can be guessed */
    WEIR__AUDIT_KEY_MOST = 4096,
    WEIR__AUDIT_KEY_ID_SIZE = 17, /* 16 hex digits and NUL */
};

/* What hashes are made with. */
struct weir__audit_key {
    struct weir__digest *digest;      /* an HMAC, or a plain SHA-256 where there is no key */
    char id[WEIR__AUDIT_KEY_ID_SIZE]; /* distinguishes keys and reveals nothing else of
                                         it; "" where there is no key */
};

/* Reads the file at path; NULL or "": no key.  All of its bytes are the key but one
 * newline at its end.  It must be a regular file of this user or root, that nobody
 * else may read or write.  Errors: SYSTEM; INVALID, saying what is wrong with it;
 * NOMEM.  On failure there is nothing to clear. */
int weir__audit_key_open(struct weir__audit_key *key, const char *path, struct weir_error *error);

void weir__audit_key_clear(struct weir__audit_key *key);

/* "hmac-sha256", or "sha256" where there is no key. */
const char *weir__audit_key_algorithm(const struct weir__audit_key *key);

#endif
