#include "config.h"

#include "http/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/portable.h"

enum { SIGNATURE = 32, JTI_LEAST = 16 };

/* --- Base64url ------------------------------------------------------------------- */

int weir__base64url_encode(const void *bytes, size_t length, struct weir__buffer *to)
{
    char *text;
    size_t used;
    int status = weir__base64_encode(bytes, length, &text, NULL);

    if (status < 0)
        return status;
    used = strcspn(text, "=");
    for (size_t i = 0; i < used; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    status = weir__buffer_add(to, text, used, NULL);
    weir__wipe(text, strlen(text));
    free(text);
    return status;
}

int weir__base64url_decode(const char *text, size_t length, struct weir__buffer *to)
{
    struct weir__buffer plain = {0};
    int status = weir__buffer_reserve(&plain, length + 3, NULL);

    if (status < 0)
        return status;
    for (size_t i = 0; i < length && status >= 0; i++) {
        char byte = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];

        if (text[i] == '+' || text[i] == '/' || text[i] == '=')
            status = WEIR_ERR_INVALID;
        plain.bytes[plain.length++] = byte;
    }
    while (plain.length % 4 != 0 && plain.length < length + 3)
        plain.bytes[plain.length++] = '=';
    if (status >= 0)
        status = weir__base64_decode(plain.bytes, plain.length, to, NULL);
    weir__wipe(plain.bytes, plain.capacity);
    weir__buffer_clear(&plain);
    return status < 0 ? status : 0;
}

/* --- Reading ---------------------------------------------------------------------- */

/* header.claims.signature */
static int split(struct weir__http_text text, struct weir__http_text parts[3])
{
    for (int i = 0; i < 3; i++) {
        const char *dot = text.length > 0 ? memchr(text.bytes, '.', text.length) : NULL;

        if ((dot == NULL) != (i == 2))
            return -1;
        parts[i] = text;
        if (dot != NULL) {
            parts[i].length = (size_t)(dot - text.bytes);
            text.bytes = dot + 1;
            text.length -= parts[i].length + 1;
        }
        if (parts[i].length == 0)
            return -1;
    }
    return 0;
}

/* The JSON object in a part, no member twice; NULL: it is none.  Sets *status where memory is
 * short. */
static json_t *parse_part(struct weir__http_text part, int *status)
{
    struct weir__buffer text = {0};
    json_error_t fault;
    json_t *object = NULL;
    int decoded = weir__base64url_decode(part.bytes, part.length, &text);

    if (decoded == 0)
        object = weir__json_parse(text.bytes, text.length, JSON_REJECT_DUPLICATES, &fault);
    weir__buffer_clear(&text);
    if (decoded == WEIR_ERR_NOMEM
        || (decoded == 0 && object == NULL && json_error_code(&fault) == json_error_out_of_memory))
        *status = WEIR_ERR_NOMEM;
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

/* Copies a string member of least to size - 1 bytes. */
static int read_text(const json_t *object, const char *name, size_t least, char *to, size_t size)
{
    const json_t *member = json_object_get(object, name);
    size_t length = json_string_length(member);

    if (!json_is_string(member) || length < least || length >= size)
        return -1;
    memcpy(to, json_string_value(member), length + 1);
    return 0;
}

static int is_made_of(const char *text, const char *bytes)
{
    return text[strspn(text, bytes)] == '\0';
}

static int read_header(const json_t *header, struct weir__token *token)
{
    char alg[6], typ[4];

    return json_object_size(header) == 3 && read_text(header, "alg", 1, alg, sizeof alg) == 0
                   && strcmp(alg, "HS256") == 0 && read_text(header, "typ", 1, typ, sizeof typ) == 0
                   && strcmp(typ, "JWT") == 0
                   && read_text(header, "kid", 1, token->kid, sizeof token->kid) == 0
               ? 0
               : -1;
}

static int read_claims(const json_t *claims, struct weir__token *token)
{
    static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                   "-_";
    const json_t *iat = json_object_get(claims, "iat"), *exp = json_object_get(claims, "exp");
    int has_sub = json_object_get(claims, "sub") != NULL;

    if (json_object_size(claims) != (size_t)(4 + has_sub) || !json_is_integer(iat)
        || !json_is_integer(exp)
        || read_text(claims, "jti", JTI_LEAST, token->jti, sizeof token->jti) < 0
        || !is_made_of(token->jti, url_safe)
        || read_text(claims, "hash_claim", WEIR__DIGEST_SIZE - 1, token->hash, sizeof token->hash)
               < 0
        || !is_made_of(token->hash, "0123456789abcdef")
        || (has_sub && read_text(claims, "sub", 1, token->sub, sizeof token->sub) < 0))
        return -1;
    token->iat = json_integer_value(iat);
    token->exp = json_integer_value(exp);
    return token->iat >= 0 && token->exp > token->iat
                   && token->exp - token->iat <= WEIR__TOKEN_LONGEST_S
               ? 0
               : -1;
}

int weir__token_read(struct weir__http_text text, struct weir__token *token)
{
    struct weir__http_text parts[3];
    struct weir__buffer signature = {0};
    json_t *header = NULL, *claims = NULL;
    int status = WEIR_ERR_INVALID, decoded;

    *token = (struct weir__token){0};
    if (text.length > WEIR__TOKEN_MAX || split(text, parts) < 0)
        return WEIR_ERR_INVALID;
    header = parse_part(parts[0], &status);
    claims = parse_part(parts[1], &status);
    decoded = weir__base64url_decode(parts[2].bytes, parts[2].length, &signature);
    if (decoded == WEIR_ERR_NOMEM)
        status = WEIR_ERR_NOMEM;
    if (header != NULL && claims != NULL && decoded == 0 && signature.length == SIGNATURE
        && read_header(header, token) == 0 && read_claims(claims, token) == 0)
        status = 0;
    json_decref(header);
    json_decref(claims);
    weir__buffer_clear(&signature);
    return status;
}

/* --- Signatures --------------------------------------------------------------------- */

static void to_bytes(const char *hex, unsigned char bytes[SIGNATURE])
{
    for (size_t i = 0; i < SIGNATURE; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
}

/* The HMAC of what stands before the last dot.  Returns 0 or NOMEM. */
static int sign(struct weir__http_text signed_text, const void *key, size_t length,
                unsigned char mac[SIGNATURE])
{
    struct weir__digest *digest = weir__digest_new(key, length);
    char hex[WEIR__DIGEST_SIZE];

    if (digest == NULL)
        return WEIR_ERR_NOMEM;
    weir__digest_add(digest, signed_text.bytes, signed_text.length);
    weir__digest_take(digest, hex);
    weir__digest_free(digest);
    to_bytes(hex, mac);
    weir__wipe(hex, sizeof hex);
    return 0;
}

int weir__token_is_signed(struct weir__http_text text, const void *key, size_t length)
{
    struct weir__http_text parts[3];
    struct weir__buffer given = {0};
    unsigned char mac[SIGNATURE];
    int same = 0;

    if (length < WEIR__TOKEN_KEY_LEAST || split(text, parts) < 0)
        return 0;
    text.length = (size_t)(parts[2].bytes - text.bytes) - 1;
    if (weir__base64url_decode(parts[2].bytes, parts[2].length, &given) == 0
        && given.length == SIGNATURE && sign(text, key, length, mac) == 0)
        same = weir__digest_is_same(given.bytes, mac, SIGNATURE);
    weir__wipe(mac, sizeof mac);
    weir__buffer_clear(&given);
    return same;
}

/* --- Writing -------------------------------------------------------------------------- */

static int add_part(struct weir__json_writer *json, struct weir__buffer *to)
{
    size_t length;
    char *text = weir__json_take(json, &length);
    int status = text != NULL ? weir__base64url_encode(text, length, to) : WEIR_ERR_NOMEM;

    free(text);
    return status;
}

int weir__token_write(const struct weir__token *token, const void *key, size_t length,
                      struct weir__buffer *to)
{
    struct weir__json_writer header = {0}, claims = {0};
    unsigned char mac[SIGNATURE];
    size_t begin = to->length;
    struct weir__token again;
    int status;

    weir__json_open(&header, NULL, '{');
    weir__json_string(&header, "alg", "HS256");
    weir__json_string(&header, "typ", "JWT");
    weir__json_string(&header, "kid", token->kid);
    weir__json_close(&header, '}');
    weir__json_open(&claims, NULL, '{');
    weir__json_integer(&claims, "iat", token->iat);
    weir__json_integer(&claims, "exp", token->exp);
    weir__json_string(&claims, "jti", token->jti);
    weir__json_string(&claims, "hash_claim", token->hash);
    if (token->sub[0] != '\0')
        weir__json_string(&claims, "sub", token->sub);
    weir__json_close(&claims, '}');
    status = add_part(&header, to);
    if (status >= 0)
        status = weir__buffer_add(to, ".", 1, NULL);
    if (status >= 0)
        status = add_part(&claims, to);
    else
        weir__json_discard(&claims);
    if (status >= 0)
        status =
            sign((struct weir__http_text){to->bytes + begin, to->length - begin}, key, length, mac);
    if (status >= 0)
        status = weir__buffer_add(to, ".", 1, NULL);
    if (status >= 0)
        status = weir__base64url_encode(mac, sizeof mac, to);
    if (status >= 0 && length < WEIR__TOKEN_KEY_LEAST)
        status = WEIR_ERR_INVALID;
    if (status >= 0)
        status = weir__token_read((struct weir__http_text){to->bytes + begin, to->length - begin},
                                  &again);
    if (status < 0)
        to->length = begin;
    return status < 0 ? status : 0;
}

int weir__token_hash(const char *name, const char *body, size_t length, char hex[WEIR__DIGEST_SIZE])
{
    static const char label[] = "weir-call-1\n";
    struct weir__digest *digest = weir__digest_new(NULL, 0);

    if (digest == NULL)
        return WEIR_ERR_NOMEM;
    weir__digest_add(digest, label, sizeof label - 1);
    weir__digest_add(digest, name, strlen(name));
    weir__digest_add(digest, "\n", 1);
    if (length > 0)
        weir__digest_add(digest, body, length);
    weir__digest_take(digest, hex);
    weir__digest_free(digest);
    return 0;
}
