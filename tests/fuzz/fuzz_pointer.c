/* JSON Pointers, and the keys that they cut out of records: what is found is what jansson
 * finds, values that are the same have one hash, and the oldest record of a key is taken first.
 *
 * Input: a line with a pointer, a line with a value, then records, a line each. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "base/buffer.h"
#include "map/record_keys.h"
#include "fuzz/replay.h"
#include "text/pointer.h"
#include "text/json_validate.h"

enum { RECORDS = 64 };

/* The next line, copied so that the sanitizer sees its end; with a NUL byte where asked for.
 * Returns NULL behind the last. */
static char *next_line(const uint8_t **at, const uint8_t *end, bool is_text, size_t *length)
{
    const uint8_t *from = *at, *lf;
    char *line;

    if (from > end)
        return NULL;
    lf = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;
    lf = lf != NULL ? lf : end;
    *length = (size_t)(lf - from);
    *at = lf + 1;
    line = malloc(*length + is_text > 0 ? *length + is_text : 1);
    HOLDS(line != NULL);
    memcpy(line, from, *length);
    if (is_text)
        line[*length] = '\0';
    return line;
}

static json_t *member(const json_t *object, const char *token, size_t length)
{
    struct weir__buffer name = {0};
    json_t *value;

    for (size_t i = 0; i < length; i++) {
        char byte = token[i];

        if (byte == '~')
            byte = token[++i] == '0' ? '~' : '/';
        HOLDS(weir__buffer_add(&name, &byte, 1, NULL) == 0);
    }
    HOLDS(weir__buffer_add(&name, "", 1, NULL) == 0);
    value = json_object_get(object, name.bytes);
    weir__buffer_clear(&name);
    return value;
}

static json_t *element(const json_t *array, const char *token, size_t length)
{
    if (length == 0 || length > 9 || (length > 1 && *token == '0')
        || strspn(token, "0123456789") < length)
        return NULL;
    return json_array_get(array, (size_t)strtoul(token, NULL, 10));
}

/* As RFC 6901 has it. */
static json_t *walk(json_t *value, const char *pointer)
{
    while (*pointer == '/' && value != NULL) {
        size_t length = strcspn(++pointer, "/");

        value = json_is_object(value)  ? member(value, pointer, length)
                : json_is_array(value) ? element(value, pointer, length)
                                       : NULL;
        pointer += length;
    }
    return value;
}

static json_t *read_json(const char *bytes, size_t length)
{
    return json_loadb(bytes, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static void check_found(const char *pointer, const char *line, size_t length, bool found,
                        const char *cut, size_t size)
{
    json_t *whole = read_json(line, length), *wanted, *value;

    if (whole != NULL && weir__json_syntax_utf8(line, length, NULL)) {
        wanted = walk(whole, pointer);
        HOLDS(found == (wanted != NULL));
        if (found) {
            value = read_json(cut, size);
            HOLDS(value != NULL && json_equal(value, wanted));
            json_decref(value);
        }
    }
    json_decref(whole);
}

static void check_same(const char *a, size_t a_length, const char *b, size_t b_length)
{
    bool same = weir__json_same(a, a_length, b, b_length);
    json_t *first = read_json(a, a_length), *second = read_json(b, b_length);

    HOLDS(same == weir__json_same(b, b_length, a, a_length));
    HOLDS(!same || weir__json_hash(a, a_length, 7) == weir__json_hash(b, b_length, 7));
    if (first != NULL && second != NULL) {
        HOLDS(!same || json_equal(first, second));
        if (json_is_string(first))
            HOLDS(same == json_equal(first, second));
    }
    json_decref(first);
    json_decref(second);
}

static void cut_keys(const char *pointer, const char *value, size_t value_length, const uint8_t *at,
                     const uint8_t *end)
{
    struct weir__record *records[RECORDS];
    struct weir__keys keys = {0};
    size_t count = 0, length, cut, size;
    char *line;

    while (count < RECORDS && (line = next_line(&at, end, false, &length)) != NULL) {
        bool found = weir__pointer_find(pointer, line, length, &cut, &size);

        HOLDS(!found || (size > 0 && cut <= length && size <= length - cut));
        check_found(pointer, line, length, found, found ? line + cut : NULL, size);
        if (found) {
            struct weir__record *record = calloc(1, sizeof *record + length);

            HOLDS(record != NULL);
            check_same(line + cut, size, value, value_length);
            check_same(line + cut, size, line + cut, size);
            memcpy(record->bytes, line, length);
            record->seq = count;
            record->length = length;
            record->key = (struct weir__key_mark){.hash = weir__json_hash(line + cut, size, 0),
                                                  .at = (uint32_t)cut,
                                                  .length = (uint32_t)size};
            HOLDS(weir__keys_add(&keys, record) == 0);
            records[count++] = record;
        }
        free(line);
    }
    for (size_t i = 0; i < count; i++) {
        struct weir__record *taken = weir__keys_take(&keys, weir__key_of(records[i]));

        HOLDS(taken == records[i]); /* the oldest, whatever its key is like */
    }
    HOLDS(keys.count == 0);
    for (size_t i = 0; i < count; i++)
        free(records[i]);
    weir__keys_clear(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const uint8_t *at = bytes, *end = bytes + length;
    size_t pointer_length, value_length, cut, size;
    char *pointer = next_line(&at, end, true, &pointer_length);
    char *value = next_line(&at, end, false, &value_length);

    if (value != NULL && weir__pointer_fault(pointer) == NULL
        && weir__pointer_find("", value, value_length, &cut, &size))
        cut_keys(pointer, value + cut, size, at, end);
    free(pointer);
    free(value);
    return 0;
}
