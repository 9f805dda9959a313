/* The JSON reader: it accepts what jansson accepts, and means the same.
 *
 * Input: a byte of flags, then the text. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "base/json_parse.h"
#include "base/json_tree.h"
#include "fuzz/replay.h"

static size_t choose(unsigned choices)
{
    static const size_t flags[] = {JSON_REJECT_DUPLICATES, JSON_DECODE_ANY, JSON_ALLOW_NUL,
                                   JSON_DISABLE_EOF_CHECK};
    size_t chosen = 0;

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (choices & 1u << i)
            chosen |= flags[i];
    return chosen;
}

static void check_again(const json_t *value)
{
    char *text = weir__tree_text(value, JSON_COMPACT | JSON_ENCODE_ANY);
    json_t *again;

    HOLDS(text != NULL);
    again = weir__json_parse(text, strlen(text), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    HOLDS(again != NULL && json_equal(again, value));
    json_decref(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    json_error_t fault;
    json_t *value, *wanted;
    size_t flags;
    int has_nul;
    char *text;

    if (length == 0)
        return 0;
    flags = choose(bytes[0]);
    length--;
    text = malloc(length > 0 ? length : 1); /* of that size, for the sanitizer */
    HOLDS(text != NULL);
    memcpy(text, bytes + 1, length);
    value = weir__json_parse(text, length, flags, &fault);
    wanted = json_loadb(text, length, flags, NULL);
    /* jansson overlooks a NUL byte behind a number or a word. */
    has_nul = memchr(text, '\0', length) != NULL;
    HOLDS((value == NULL) == (wanted == NULL) || (value == NULL && has_nul));
    if (value != NULL) {
        HOLDS(json_equal(value, wanted));
        check_again(value);
    } else {
        HOLDS(fault.text[0] != '\0' && fault.position >= 0 && (size_t)fault.position <= length);
    }
    json_decref(value);
    json_decref(wanted);
    free(text);
    return 0;
}
