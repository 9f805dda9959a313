/* web/tokens.h - the file of --http-tokens: bearer tokens, and the keys of bound ones.
 *
 *     {"tokens": [{"name": N, "sha256": HEX, "methods": [GLOB...], "rate": CALLS, "operator":
 * true}], "keys": [{"kid": K, "hs256": BASE64URL, "methods": [GLOB...]}]}
 *
 * All but name, sha256, kid and hs256 may be left out: then all methods, any rate, no operator. */
#ifndef WEIR_WEB_TOKENS_H
#define WEIR_WEB_TOKENS_H

#include <jansson.h>

#include "base/buffer.h"
#include "http/token.h"

struct weir__bearer {
    char name[WEIR__TOKEN_KID];
    char sha256[WEIR__DIGEST_SIZE];
    json_t *methods; /* NULL: all */
    int is_operator;
    int64_t rate;  /* calls a second; 0: any */
    int64_t room;  /* thousandths of calls that it may make now */
    int64_t at_ns; /* when that was */
};

struct weir__token_key {
    char kid[WEIR__TOKEN_KID];
    struct weir__buffer secret;
    json_t *methods; /* NULL: all */
};

struct weir__tokens {
    struct weir__bearer *bearers;
    struct weir__token_key *keys;
    size_t bearer_count, key_count;
};

/* The file as JSON, whatever is in it.  Returns NULL and sets error, which is not NULL: as
 * weir__secret_file_read(). */
json_t *weir__tokens_document(const char *path, struct weir_error *error);

/* Errors: as weir__secret_file_read(); INVALID, naming what is wrong.  error is not NULL. */
int weir__tokens_read(struct weir__tokens *tokens, const char *path, struct weir_error *error);
void weir__tokens_clear(struct weir__tokens *tokens);

/* The entry of a bearer token; NULL: there is none.  Takes as long for each. */
struct weir__bearer *weir__tokens_find(const struct weir__tokens *tokens,
                                       struct weir__http_text text);

/* The key that a bound token names; NULL: there is none. */
const struct weir__token_key *weir__tokens_key(const struct weir__tokens *tokens, const char *kid);

/* Whether a list of patterns has this method; NULL has all. */
int weir__tokens_allow(const json_t *methods, const char *name);

/* Counts a call against the rate.  Returns 0, or -1: there were too many. */
int weir__bearer_take(struct weir__bearer *bearer, int64_t now_ns);

#endif
