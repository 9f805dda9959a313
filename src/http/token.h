/* http/token.h - bound tokens: a JSON Web Token (RFC 7519) that allows one call, once.
 *
 * Only HS256, and only the members below: a token has one meaning, and says nothing that would not
 * be obeyed.
 *
 *     header   {"alg":"HS256","typ":"JWT","kid":KID}
 *     claims   {"iat":SECONDS,"exp":SECONDS,"jti":ID,"hash_claim":HEX,"sub":TEXT}   sub: optional
 */
#ifndef WEIR_HTTP_TOKEN_H
#define WEIR_HTTP_TOKEN_H

#include "base/buffer.h"
#include "base/digest.h"
#include "http/request.h"

enum {
    WEIR__TOKEN_MAX = 2048,
    WEIR__TOKEN_KID = 65,  /* bytes with NUL: of a key's name */
    WEIR__TOKEN_JTI = 44,  /* of an id: 16 to 43 base64url characters */
    WEIR__TOKEN_SUB = 129, /* of a subject */
    WEIR__TOKEN_KEY_LEAST = 32,
    WEIR__TOKEN_LONGEST_S = 24 * 3600, /* from iat to exp */
};

struct weir__token {
    char kid[WEIR__TOKEN_KID], jti[WEIR__TOKEN_JTI], sub[WEIR__TOKEN_SUB];
    int64_t iat, exp;
    char hash[WEIR__DIGEST_SIZE]; /* of the call: weir__token_hash() */
};

/* Reads a token without checking its signature.  Errors: NOMEM; INVALID: it is malformed. */
int weir__token_read(struct weir__http_text text, struct weir__token *token);

/* Whether a token that was read is signed with this key. */
int weir__token_is_signed(struct weir__http_text text, const void *key, size_t length);

/* Appends a token, signed.  Errors: NOMEM; INVALID: a member is not in form. */
int weir__token_write(const struct weir__token *token, const void *key, size_t length,
                      struct weir__buffer *to);

/* What a token is bound to: the SHA-256 of "weir-call-1" LF NAME LF BODY.  Returns 0 or NOMEM. */
int weir__token_hash(const char *name, const char *body, size_t length,
                     char hex[WEIR__DIGEST_SIZE]);

/* Base64url without padding, in its one spelling.  Errors: NOMEM, INVALID. */
int weir__base64url_encode(const void *bytes, size_t length, struct weir__buffer *to);
int weir__base64url_decode(const char *text, size_t length, struct weir__buffer *to);

#endif
