#include "config.h"

#include "web/tokens.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_parse.h"
#include "base/secret_file.h"

enum { FILE_MAX = 1 << 20, WHOLE = 1000, NS_PER_THOUSANDTH = 1000000 };

/* --- Reading ----------------------------------------------------------------------- */

/* Where in the file, for messages. */
struct place {
    const char *path, *list;
    size_t index;
    struct weir_error *error;
};

static int refuse(const struct place *place, const char *what)
{
    return weir__fail(place->error, WEIR_ERR_INVALID, 0, "%.300s: /%s/%zu: %s", place->path,
                      place->list, place->index, what);
}

static int copy_text(const struct place *place, const json_t *entry, const char *member, char *to,
                     size_t size)
{
    const json_t *text = json_object_get(entry, member);

    if (!json_is_string(text) || json_string_length(text) == 0 || json_string_length(text) >= size)
        return weir__fail(place->error, WEIR_ERR_INVALID, 0,
                          "%.300s: /%s/%zu/%s: expected a string of 1 to %zu bytes", place->path,
                          place->list, place->index, member, size - 1);
    memcpy(to, json_string_value(text), json_string_length(text) + 1);
    return 0;
}

static int take_methods(const struct place *place, json_t *entry, json_t **methods)
{
    json_t *list = json_object_get(entry, "methods"), *pattern;
    size_t i;

    *methods = NULL;
    if (list == NULL)
        return 0;
    if (!json_is_array(list))
        return refuse(place, "methods is not an array of patterns");
    json_array_foreach(list, i, pattern) if (!json_is_string(pattern)) return refuse(
        place, "methods is not an array of patterns");
    *methods = json_incref(list);
    return 0;
}

static int has_only(const struct place *place, json_t *entry, const char *const *names)
{
    const char *name;
    json_t *value;

    if (!json_is_object(entry))
        return refuse(place, "expected an object");
    json_object_foreach(entry, name, value)
    {
        const char *const *known = names;

        while (*known != NULL && strcmp(*known, name) != 0)
            known++;
        if (*known == NULL)
            return weir__fail(place->error, WEIR_ERR_INVALID, 0,
                              "%.300s: /%s/%zu: unknown member %.64s", place->path, place->list,
                              place->index, name);
    }
    return 0;
}

static int read_bearer(struct weir__bearer *bearer, const struct place *place, json_t *entry)
{
    static const char *const names[] = {"name", "sha256", "methods", "rate", "operator", NULL};
    const json_t *rate = json_object_get(entry, "rate");
    const json_t *is_operator = json_object_get(entry, "operator");
    int status = has_only(place, entry, names);

    if (status == 0)
        status = copy_text(place, entry, "name", bearer->name, sizeof bearer->name);
    if (status == 0)
        status = copy_text(place, entry, "sha256", bearer->sha256, sizeof bearer->sha256);
    if (status == 0 && strspn(bearer->sha256, "0123456789abcdef") != WEIR__DIGEST_SIZE - 1)
        status = refuse(place, "sha256 is not 64 hex digits in small letters");
    if (status == 0 && rate != NULL
        && (!json_is_integer(rate) || json_integer_value(rate) < 1
            || json_integer_value(rate) > 1000000))
        status = refuse(place, "rate is not a number of calls a second from 1 to 1000000");
    if (status == 0 && is_operator != NULL && !json_is_boolean(is_operator))
        status = refuse(place, "operator is not true or false");
    if (status == 0)
        status = take_methods(place, entry, &bearer->methods);
    bearer->rate = json_integer_value(rate);
    bearer->room = bearer->rate * WHOLE;
    bearer->is_operator = json_is_true(is_operator);
    return status;
}

static int read_key(struct weir__token_key *key, const struct place *place, json_t *entry)
{
    static const char *const names[] = {"kid", "hs256", "methods", NULL};
    const json_t *secret = json_object_get(entry, "hs256");
    int status = has_only(place, entry, names), decoded = WEIR_ERR_INVALID;

    if (status == 0)
        status = copy_text(place, entry, "kid", key->kid, sizeof key->kid);
    if (status == 0 && json_is_string(secret))
        decoded = weir__base64url_decode(json_string_value(secret), json_string_length(secret),
                                         &key->secret);
    if (decoded == WEIR_ERR_NOMEM)
        status = weir__fail(place->error, WEIR_ERR_NOMEM, 0, "no memory for tokens");
    else if (status == 0 && (decoded != 0 || key->secret.length < WEIR__TOKEN_KEY_LEAST))
        status = refuse(place, "hs256 is not base64url of 32 bytes or more: weir token new-key");
    if (status == 0)
        status = take_methods(place, entry, &key->methods);
    return status;
}

static int read_lists(struct weir__tokens *tokens, json_t *document, const char *path,
                      struct weir_error *error)
{
    json_t *bearers = json_object_get(document, "tokens"),
           *keys = json_object_get(document, "keys");
    struct place place = {path, "tokens", 0, error};
    int status = 0;

    if (!json_is_object(document) || (bearers != NULL && !json_is_array(bearers))
        || (keys != NULL && !json_is_array(keys))
        || json_object_size(document) != (size_t)((bearers != NULL) + (keys != NULL)))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "%.300s: expected an object with the arrays \"tokens\" and \"keys\"",
                          path);
    tokens->bearers = calloc(json_array_size(bearers) + 1, sizeof *tokens->bearers);
    tokens->keys = calloc(json_array_size(keys) + 1, sizeof *tokens->keys);
    if (tokens->bearers == NULL || tokens->keys == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for tokens");
    for (; place.index < json_array_size(bearers) && status == 0; place.index++)
        status = read_bearer(&tokens->bearers[tokens->bearer_count++], &place,
                             json_array_get(bearers, place.index));
    place.list = "keys";
    place.index = 0;
    for (; place.index < json_array_size(keys) && status == 0; place.index++) {
        struct weir__token_key *key = &tokens->keys[tokens->key_count];

        status = read_key(key, &place, json_array_get(keys, place.index));
        if (status == 0 && weir__tokens_key(tokens, key->kid) != NULL)
            status = refuse(&place, "the kid is used twice");
        tokens->key_count++;
    }
    return status;
}

json_t *weir__tokens_document(const char *path, struct weir_error *error)
{
    struct weir__buffer text;
    json_error_t fault;
    json_t *document;

    if (weir__secret_file_read("token file", path, FILE_MAX, &text, error) < 0)
        return NULL;
    document = weir__json_parse(text.bytes, text.length, JSON_REJECT_DUPLICATES, &fault);
    weir__secret_clear(&text);
    if (document == NULL && json_error_code(&fault) == json_error_out_of_memory)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for tokens");
    else if (document == NULL)
        weir__fail(error, WEIR_ERR_INVALID, 0, "%.300s:%d: %.100s", path, fault.line, fault.text);
    return document;
}

int weir__tokens_read(struct weir__tokens *tokens, const char *path, struct weir_error *error)
{
    json_t *document = weir__tokens_document(path, error);
    int status;

    *tokens = (struct weir__tokens){0};
    if (document == NULL)
        return (int)error->status;
    status = read_lists(tokens, document, path, error);
    json_decref(document);
    if (status < 0)
        weir__tokens_clear(tokens);
    return status;
}

void weir__tokens_clear(struct weir__tokens *tokens)
{
    for (size_t i = 0; i < tokens->bearer_count; i++)
        json_decref(tokens->bearers[i].methods);
    for (size_t i = 0; i < tokens->key_count; i++) {
        json_decref(tokens->keys[i].methods);
        weir__secret_clear(&tokens->keys[i].secret);
    }
    free(tokens->bearers);
    free(tokens->keys);
    *tokens = (struct weir__tokens){0};
}

/* --- Looking up ---------------------------------------------------------------------- */

struct weir__bearer *weir__tokens_find(const struct weir__tokens *tokens,
                                       struct weir__http_text text)
{
    struct weir__bearer *found = NULL;
    char hex[WEIR__DIGEST_SIZE];

    weir__sha256(text.bytes, text.length, hex);
    for (size_t i = 0; i < tokens->bearer_count; i++)
        if (weir__digest_is_same(hex, tokens->bearers[i].sha256, WEIR__DIGEST_SIZE - 1))
            found = &tokens->bearers[i];
    return found;
}

const struct weir__token_key *weir__tokens_key(const struct weir__tokens *tokens, const char *kid)
{
    for (size_t i = 0; i < tokens->key_count; i++)
        if (strcmp(tokens->keys[i].kid, kid) == 0)
            return &tokens->keys[i];
    return NULL;
}

int weir__tokens_allow(const json_t *methods, const char *name)
{
    size_t i;
    json_t *pattern;

    if (methods == NULL)
        return 1;
    json_array_foreach(methods, i,
                       pattern) if (fnmatch(json_string_value(pattern), name, 0) == 0) return 1;
    return 0;
}

int weir__bearer_take(struct weir__bearer *bearer, int64_t now_ns)
{
    int64_t most = bearer->rate * WHOLE, grown;

    if (bearer->rate == 0)
        return 0;
    grown = bearer->at_ns != 0 ? (now_ns - bearer->at_ns) / NS_PER_THOUSANDTH : most;
    if (grown > 0) {
        bearer->room += grown < WHOLE ? grown * bearer->rate : most;
        bearer->room = bearer->room < most ? bearer->room : most;
        bearer->at_ns = now_ns;
    }
    if (bearer->room < WHOLE)
        return -1;
    bearer->room -= WHOLE;
    return 0;
}
