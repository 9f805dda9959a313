#include "config.h"

#include "audit/key.h"

#include <string.h>

#include "base/error.h"
#include "base/secret_file.h"

static int take(struct weir__audit_key *key, const char *bytes, size_t length,
                struct weir_error *error)
{
    static const char label[] = "weir audit key";
    char hex[WEIR__DIGEST_SIZE];

    key->digest = weir__digest_new(bytes, length);
    if (key->digest == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a key");
    weir__digest_add(key->digest, label, sizeof label - 1);
    weir__digest_take(key->digest, hex);
    memcpy(key->id, hex, sizeof key->id - 1);
    key->id[sizeof key->id - 1] = '\0';
    return 0;
}

int weir__audit_key_open(struct weir__audit_key *key, const char *path, struct weir_error *error)
{
    struct weir__buffer bytes;
    size_t length;
    int status;

    *key = (struct weir__audit_key){0};
    if (path == NULL || *path == '\0') {
        key->digest = weir__digest_new(NULL, 0);
        return key->digest != NULL ? 0 : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    }
    /* One newline at its end is not of the key. */
    status = weir__secret_file_read("key file", path, WEIR__AUDIT_KEY_MOST + 1, &bytes, error);
    if (status < 0)
        return status;
    length =
        bytes.length > 0 && bytes.bytes[bytes.length - 1] == '\n' ? bytes.length - 1 : bytes.length;
    if (length < WEIR__AUDIT_KEY_LEAST)
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "the key file %.300s has fewer than %d bytes: make one with "
                            "openssl rand -hex 32",
                            path, WEIR__AUDIT_KEY_LEAST);
    else if (length > WEIR__AUDIT_KEY_MOST)
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "the key file %.300s has more than %d bytes: is it the right file?",
                            path, WEIR__AUDIT_KEY_MOST);
    else
        status = take(key, bytes.bytes, length, error);
    weir__secret_clear(&bytes);
    return status;
}

void weir__audit_key_clear(struct weir__audit_key *key)
{
    weir__digest_free(key->digest);
    *key = (struct weir__audit_key){0};
}

const char *weir__audit_key_algorithm(const struct weir__audit_key *key)
{
    return key->id[0] != '\0' ? "hmac-sha256" : "sha256";
}
