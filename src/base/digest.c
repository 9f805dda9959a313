#include "config.h"

#include "base/digest.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <nettle/version.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/portable.h"

/* Nettle 4 always gives the whole digest. */
#if NETTLE_VERSION_MAJOR >= 4
#define WHOLE
#else
#define WHOLE SHA256_DIGEST_SIZE,
#endif

struct weir__digest {
    int keyed;
    struct hmac_sha256_ctx hmac;
    struct sha256_ctx plain;
};

struct weir__digest *weir__digest_new(const void *key, size_t length)
{
    struct weir__digest *digest = calloc(1, sizeof *digest);

    if (digest == NULL)
        return NULL;
    digest->keyed = key != NULL;
    if (digest->keyed)
        hmac_sha256_set_key(&digest->hmac, length, key);
    else
        sha256_init(&digest->plain);
    return digest;
}

void weir__digest_free(struct weir__digest *digest)
{
    if (digest == NULL)
        return;
    weir__wipe(digest, sizeof *digest);
    free(digest);
}

void weir__digest_add(struct weir__digest *digest, const void *bytes, size_t length)
{
    if (digest->keyed)
        hmac_sha256_update(&digest->hmac, length, bytes);
    else
        sha256_update(&digest->plain, length, bytes);
}

static void to_hex(const uint8_t bytes[SHA256_DIGEST_SIZE], char hex[WEIR__DIGEST_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * SHA256_DIGEST_SIZE] = '\0';
}

void weir__digest_take(struct weir__digest *digest, char hex[WEIR__DIGEST_SIZE])
{
    uint8_t bytes[SHA256_DIGEST_SIZE];

    if (digest->keyed)
        hmac_sha256_digest(&digest->hmac, WHOLE bytes);
    else
        sha256_digest(&digest->plain, WHOLE bytes);
    to_hex(bytes, hex);
}

int weir__digest_is_same(const void *a, const void *b, size_t length)
{
    return memeql_sec(a, b, length);
}

void weir__sha256(const void *bytes, size_t length, char hex[WEIR__DIGEST_SIZE])
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];

    sha256_init(&context);
    sha256_update(&context, length, bytes);
    sha256_digest(&context, WHOLE digest);
    to_hex(digest, hex);
}
