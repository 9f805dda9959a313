/* The ids of messages: two spellings of one id have one key, two ids never have.
 *
 * Input: two JSON values, a line each. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "fuzz/replay.h"
#include "rpc/rpc_parse.h"
#include "text/json_validate.h"

struct id {
    char *bytes, *owned;
    size_t length;
    struct weir__slice key;
    json_t *value; /* NULL: jansson does not read it */
};

static struct id read_id(const uint8_t *bytes, size_t length)
{
    struct id id = {.bytes = malloc(length > 0 ? length : 1), .length = length};

    HOLDS(id.bytes != NULL);
    memcpy(id.bytes, bytes, length);
    return id;
}

static int is_id(const struct id *id)
{
    return weir__json_syntax_utf8(id->bytes, id->length, NULL) && id->length > 0
           && strchr(" \t\r\n[{", id->bytes[0]) == NULL
           && strchr(" \t\r\n", id->bytes[id->length - 1]) == NULL;
}

static void find_key(struct id *id)
{
    id->key = weir__id_key((struct weir__slice){id->bytes, id->length}, &id->owned);
    HOLDS(id->key.bytes != NULL && id->key.length <= id->length);
    id->value = json_loadb(id->bytes, id->length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static void clear(struct id *id)
{
    json_decref(id->value);
    free(id->owned);
    free(id->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const uint8_t *lf = length > 0 ? memchr(bytes, '\n', length) : NULL;
    struct id a, b;
    int same;

    if (lf == NULL)
        return 0;
    a = read_id(bytes, (size_t)(lf - bytes));
    b = read_id(lf + 1, length - (size_t)(lf + 1 - bytes));
    if (is_id(&a) && is_id(&b)) {
        find_key(&a);
        find_key(&b);
        same = a.key.length == b.key.length && memcmp(a.key.bytes, b.key.bytes, a.key.length) == 0;
        if (a.value != NULL && b.value != NULL) {
            HOLDS(!same || json_equal(a.value, b.value));
            HOLDS(same || json_is_real(a.value) || !json_equal(a.value, b.value));
        }
    }
    clear(&a);
    clear(&b);
    return 0;
}
