/* Messages: what the scanner cuts out lies in the line and is what jansson finds there. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "fuzz/replay.h"
#include "rpc/rpc_parse.h"
#include "text/json_validate.h"

static void check_slice(const uint8_t *bytes, size_t length, struct weir__slice slice,
                        const json_t *object, const char *name)
{
    json_t *value, *wanted = json_object_get(object, name);

    if (slice.bytes == NULL)
        return;
    HOLDS((const uint8_t *)slice.bytes >= bytes);
    HOLDS((const uint8_t *)slice.bytes + slice.length <= bytes + length);
    HOLDS(weir__json_syntax_utf8(slice.bytes, slice.length, NULL));
    if (object == NULL)
        return;
    value = json_loadb(slice.bytes, slice.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    HOLDS(value == NULL || json_equal(value, wanted));
    json_decref(value);
}

static void check_batch(struct weir__slice rest, const json_t *array)
{
    struct weir__slice element;
    size_t count = 0;

    while (weir__message_next(&rest, &element)) {
        HOLDS(weir__json_syntax_utf8(element.bytes, element.length, NULL));
        count++;
    }
    HOLDS(array == NULL || count == json_array_size(array));
}

/* A space in front prevents the shorter way of a usual result. */
static void compare_ways(const char *line, size_t length, const struct weir__message *usual)
{
    char *behind = malloc(length + 1);
    struct weir__message message;

    HOLDS(behind != NULL);
    behind[0] = ' ';
    if (length > 0)
        memcpy(behind + 1, line, length);
    weir__message_scan(behind, length + 1, &message);
    HOLDS(message.kind == usual->kind && message.number == usual->number);
    HOLDS(message.result.length == usual->result.length);
    HOLDS(usual->result.bytes == NULL
          || message.result.bytes - behind == usual->result.bytes - line + 1);
    free(behind);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *copy = calloc(1, length > 0 ? length : 1), *method;
    struct weir__message message;
    json_t *whole;

    HOLDS(copy != NULL);
    if (length > 0)
        memcpy(copy, bytes, length);
    weir__message_scan(copy, length, &message);
    compare_ways(copy, length, &message);
    whole = json_loadb(copy, length, JSON_ALLOW_NUL, NULL);
    bytes = (const uint8_t *)copy;
    if (message.kind == WEIR__MESSAGE_BATCH) {
        check_batch(message.params, json_is_array(whole) ? whole : NULL);
    } else {
        const json_t *object = json_is_object(whole) ? whole : NULL;

        check_slice(bytes, length, message.id, object, "id");
        check_slice(bytes, length, message.method, object, "method");
        check_slice(bytes, length, message.params, object, "params");
        check_slice(bytes, length, message.result, object, "result");
        check_slice(bytes, length, message.error, object, "error");
        check_slice(bytes, length, message.weir, object, "weir");
    }
    method = weir__slice_string(message.method, NULL);
    free(method);
    json_decref(whole);
    free(copy);
    return 0;
}
