/* Syntax: what jansson reads is good, what is good jansson reads or refuses for one
 * of its own limits, and a fault lies behind what could begin a JSON text. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "fuzz/replay.h"
#include "text/json_blocks.h"
#include "text/json_validate.h"
#include "base/utf8.h"

/* How deep the bytes before a fault are nested. */
static size_t depth_of(const uint8_t *bytes, size_t length)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < length; i++) {
        if (in_string && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            in_string = !in_string;
        else if (!in_string && (bytes[i] == '[' || bytes[i] == '{'))
            depth++;
        else if (!in_string && (bytes[i] == ']' || bytes[i] == '}'))
            depth--;
    }
    return depth;
}

static bool is_too_deep(const uint8_t *bytes, size_t length, const struct weir__syntax_fault *fault)
{
    return strstr(fault->reason, "deeper") != NULL && fault->offset < length
           && (bytes[fault->offset] == '[' || bytes[fault->offset] == '{')
           && depth_of(bytes, fault->offset) == WEIR__JSON_DEPTH;
}

/* Jansson 2.14 puts back the byte that ends a number or a word, and a NUL byte that
 * was put back is lost: it reads "[1\0]" as [1]. */
static bool is_lost_nul(const uint8_t *bytes, size_t length, const struct weir__syntax_fault *fault)
{
    return fault->offset > 0 && fault->offset < length && bytes[fault->offset] == '\0'
           && strchr("0123456789el", bytes[fault->offset - 1]) != NULL;
}

/* Whether it is about a text that RFC 8259 has nothing against. */
static bool is_own_limit(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);

    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key
           || (code == json_error_invalid_syntax
               && strncmp(error->text, "invalid Unicode", strlen("invalid Unicode")) == 0);
}

static void compare(const uint8_t *bytes, size_t length)
{
    struct weir__syntax_fault fault;
    bool is_good = weir__json_syntax_utf8(bytes, length, &fault);
    json_error_t error;
    json_t *value =
        json_loadb((const char *)bytes, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (value != NULL)
        HOLDS(is_good || is_too_deep(bytes, length, &fault) || is_lost_nul(bytes, length, &fault));
    else if (is_good)
        HOLDS(is_own_limit(&error));
    if (value != NULL && is_good)
        HOLDS(weir__json_is_null(bytes, length) == json_is_null(value));
    json_decref(value);
}

typedef bool syntax(const void *bytes, size_t length, struct weir__syntax_fault *fault);

/* Copies of their exact size: a sanitizer then sees any look past the end. */
static bool check_copy(syntax *check, const uint8_t *bytes, size_t length,
                       struct weir__syntax_fault *fault)
{
    uint8_t *copy = malloc(length > 0 ? length : 1);
    bool is_good;

    HOLDS(copy != NULL);
    memcpy(copy, bytes, length);
    is_good = check(copy, length, fault);
    free(copy);
    return is_good;
}

static void check_place(syntax *check, const uint8_t *bytes, size_t length)
{
    struct weir__syntax_fault fault, before, with;

    if (check_copy(check, bytes, length, &fault))
        return;
    HOLDS(fault.offset <= length);
    if (!check_copy(check, bytes, fault.offset, &before))
        HOLDS(before.offset == fault.offset);
    if (fault.offset == length)
        return;
    HOLDS(!check_copy(check, bytes, fault.offset + 1, &with));
    HOLDS(with.offset == fault.offset && strcmp(with.reason, fault.reason) == 0);
}

/* The look in blocks recognizes what is good, and nothing else. */
static void check_blocks(const uint8_t *bytes, size_t length)
{
    struct weir__syntax_fault by_bytes, fault;
    bool is_ascii = false, is_really_ascii;
    bool is_good = weir__json_syntax_plain(bytes, length, &is_really_ascii, &by_bytes);

    if (weir__json_blocks_are_good(bytes, length, &is_ascii))
        HOLDS(is_good && is_ascii == is_really_ascii);
    HOLDS(weir__json_syntax(bytes, length, &fault) == is_good);
    HOLDS(is_good || fault.offset == by_bytes.offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    bool is_good = weir__json_syntax(bytes, length, NULL);

    HOLDS(weir__json_syntax_utf8(bytes, length, NULL)
          == (is_good && weir__utf8_valid(bytes, length)));
    HOLDS(is_good || !weir__json_is_null(bytes, length));
    compare(bytes, length);
    check_blocks(bytes, length);
    check_place(weir__json_syntax, bytes, length);
    check_place(weir__json_syntax_utf8, bytes, length);
    return 0;
}
