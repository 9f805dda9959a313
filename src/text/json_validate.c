/* Most good texts are recognized in blocks (json_blocks.c); what is read here is short, has a
 * fault, or is rare.  One pass.  Most bytes of a record are in strings and numbers: those are
 * looked at eight at a time.  Of the nesting one bit a level is kept.
 *
 *                  +------- [ or { "key": -------+
 *                  v                             |
 *     begin --> a value is due --scalar, [], {}--> it is over --end at depth 0--> good
 *                  ^                             |  |     ^
 *                  +------- , or , "key": -------+--+     |
 *                                                   +-] }-+
 */
#include "config.h"

#include "text/json_validate.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "text/json_blocks.h"
#include "text/json_scalar.h"

enum { LEVELS_A_WORD = 64 };

struct reader {
    struct weir__json_reader text; /* first */
    uint64_t seen;                 /* bits of bytes in strings, or-ed: whether any is no ASCII */
    unsigned depth, deepest;
    uint64_t objects; /* the innermost levels, from the lowest bit: 1 for an object */
    uint64_t outer[WEIR__JSON_DEPTH / LEVELS_A_WORD]; /* what it was at each 64th level */
};

typedef weir__json_place place;

static place stop(struct reader *reader, place at, const char *reason)
{
    return weir__json_stop(&reader->text, at, reason);
}

static inline unsigned look(const struct reader *reader, place at)
{
    return weir__json_look(&reader->text, at);
}

static inline bool is_space(unsigned byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static inline place skip_space(const struct reader *reader, place next)
{
    while (next < reader->text.end && *next <= ' ' && is_space(*next))
        next++;
    return next;
}

/* Marks what ends a plain part of a string.  A borrow may mark bytes above one that
 * is rightly marked: only the lowest mark counts. */
static inline uint64_t mark_special(uint64_t bytes)
{
    uint64_t quotes = bytes ^ WEIR__EACH_BYTE('"'), backslashes = bytes ^ WEIR__EACH_BYTE('\\');

    return ((bytes - WEIR__EACH_BYTE(0x20)) | (quotes - WEIR__EACH_BYTE(1))
            | (backslashes - WEIR__EACH_BYTE(1)))
           & ~bytes & WEIR__EACH_BYTE(0x80);
}

/* --- Strings ----------------------------------------------------------------- */

static inline bool is_plain(unsigned byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

static inline place skip_plain(struct reader *reader, place next)
{
    for (; reader->text.end - next >= 8; next += 8) {
        uint64_t bytes = weir__json_load(next), marks = mark_special(bytes);

        reader->seen |= bytes;
        if (marks != 0)
            return next + weir__json_count_below(marks);
    }
    for (; next < reader->text.end && is_plain(*next); next++)
        reader->seen |= *next;
    return next;
}

/* next is somewhere behind the opening quote. */
static place read_rest_of_string(struct reader *reader, place next)
{
    while (next != NULL) {
        next = skip_plain(reader, next);
        if (next == reader->text.end)
            return stop(reader, next, "unterminated string");
        if (*next == '"')
            return next + 1;
        if (*next != '\\')
            return stop(reader, next, "control character in a string");
        next = weir__json_read_escape(&reader->text, next + 1);
    }
    return NULL;
}

/* next is behind the opening quote.  Most strings are short and plain. */
static inline place read_string(struct reader *reader, place next)
{
    for (int words = 0; words < 2 && reader->text.end - next >= 8; words++) {
        uint64_t bytes = weir__json_load(next), marks = mark_special(bytes);

        reader->seen |= bytes;
        if (marks != 0) {
            next += weir__json_count_below(marks);
            return *next == '"' ? next + 1 : read_rest_of_string(reader, next);
        }
        next += 8;
    }
    return read_rest_of_string(reader, next);
}

/* --- Values ------------------------------------------------------------------ */

static inline place open_level(struct reader *reader, place next, bool is_object)
{
    if (reader->depth == reader->deepest)
        return stop(reader, next, "nested deeper than 1024");
    if (reader->depth % LEVELS_A_WORD == 0)
        reader->outer[reader->depth / LEVELS_A_WORD] = reader->objects;
    reader->depth++;
    reader->objects = reader->objects << 1 | is_object;
    return skip_space(reader, next + 1);
}
_Static_assert(WEIR__JSON_DEPTH == 1024, "a reason names it");
_Static_assert((int)WEIR__JSON_BLOCK_DEPTH < (int)WEIR__JSON_DEPTH, "it is never too deep there");

static inline place close_level(struct reader *reader, place next)
{
    reader->depth--;
    reader->objects >>= 1;
    if (reader->depth % LEVELS_A_WORD == 0)
        reader->objects = reader->outer[reader->depth / LEVELS_A_WORD];
    return next + 1;
}

/* Reads a key and its colon. */
static inline place read_key(struct reader *reader, place next)
{
    if (look(reader, next) != '"')
        return stop(reader, next, "a key is due");
    next = read_string(reader, next + 1);
    if (next == NULL)
        return NULL;
    next = skip_space(reader, next);
    if (look(reader, next) != ':')
        return stop(reader, next, "a colon is due");
    return next + 1;
}

/* Reads a value that is due, or what comes before the first value inside it. */
static inline place begin_value(struct reader *reader, place next, bool *is_over)
{
    unsigned byte = look(reader, next);

    *is_over = true;
    switch (byte) {
    case '"':
        return read_string(reader, next + 1);
    case '{':
    case '[':
        next = open_level(reader, next, byte == '{');
        if (next != NULL && look(reader, next) == byte + 2) /* '}' is '{' + 2, ']' is '[' + 2 */
            return close_level(reader, next);
        *is_over = false;
        return next != NULL && byte == '{' ? read_key(reader, next) : next;
    case 't':
        return weir__json_read_word(&reader->text, next, "true", 4);
    case 'f':
        return weir__json_read_word(&reader->text, next, "false", 5);
    case 'n':
        return weir__json_read_word(&reader->text, next, "null", 4);
    default:
        if (byte == '-' || weir__json_is_digit(byte))
            return weir__json_read_number(&reader->text, next);
        return stop(reader, next, "a value is due");
    }
}

/* Reads what comes after a value inside another. */
static inline place end_value(struct reader *reader, place next, bool *is_over)
{
    bool in_object = reader->objects & 1;
    unsigned byte = look(reader, next);

    if (byte == ',') {
        *is_over = false;
        return in_object ? read_key(reader, skip_space(reader, next + 1)) : next + 1;
    }
    if (byte == (in_object ? '}' : ']'))
        return close_level(reader, next);
    return stop(reader, next, in_object ? "a comma or } is due" : "a comma or ] is due");
}

static bool read_text(struct reader *reader, place next)
{
    bool is_over = false;

    do {
        next = skip_space(reader, next);
        if (!is_over)
            next = begin_value(reader, next, &is_over);
        else if (reader->depth > 0)
            next = end_value(reader, next, &is_over);
        else
            return next == reader->text.end || stop(reader, next, "more after the value") != NULL;
    } while (next != NULL);
    return false;
}

static bool read_plain(const void *bytes, size_t length, unsigned deepest, bool *is_ascii,
                       struct weir__syntax_fault *fault)
{
    const unsigned char *first = length > 0 ? bytes : (const void *)"";
    struct reader reader;
    bool is_good;

    reader.text.end = first + length;
    reader.seen = 0;
    reader.depth = 0;
    reader.deepest = deepest;
    reader.objects = 0;
    is_good = read_text(&reader, first);
    if (!is_good)
        *fault =
            (struct weir__syntax_fault){(size_t)(reader.text.fault - first), reader.text.reason};
    *is_ascii = (reader.seen & WEIR__EACH_BYTE(0x80)) == 0;
    return is_good;
}

bool weir__json_syntax_plain(const void *bytes, size_t length, bool *is_ascii,
                             struct weir__syntax_fault *fault)
{
    return read_plain(bytes, length, WEIR__JSON_DEPTH, is_ascii, fault);
}

static bool read_all(const void *bytes, size_t length, unsigned deepest, bool *is_ascii,
                     struct weir__syntax_fault *fault)
{
    return weir__json_blocks_are_good(bytes, length, is_ascii)
           || read_plain(bytes, length, deepest, is_ascii, fault);
}

bool weir__json_syntax(const void *bytes, size_t length, struct weir__syntax_fault *fault)
{
    struct weir__syntax_fault found;
    bool is_ascii, is_good = read_all(bytes, length, WEIR__JSON_DEPTH, &is_ascii, &found);

    if (!is_good && fault != NULL)
        *fault = found;
    return is_good;
}

static bool read_utf8(const void *bytes, size_t length, unsigned deepest,
                      struct weir__syntax_fault *fault)
{
    struct weir__syntax_fault found = {.offset = length};
    bool is_ascii, is_good = read_all(bytes, length, deepest, &is_ascii, &found);
    size_t valid;

    if (is_good && is_ascii)
        return true;
    valid = weir__utf8_scan(bytes, found.offset).valid;
    if (valid < found.offset)
        found = (struct weir__syntax_fault){valid, "not UTF-8"};
    else if (is_good)
        return true;
    if (fault != NULL)
        *fault = found;
    return false;
}

bool weir__json_syntax_utf8(const void *bytes, size_t length, struct weir__syntax_fault *fault)
{
    return read_utf8(bytes, length, WEIR__JSON_DEPTH, fault);
}

bool weir__json_member_utf8(const void *bytes, size_t length)
{
    return read_utf8(bytes, length, WEIR__JSON_DEPTH - 1, NULL);
}

bool weir__json_is_null(const void *bytes, size_t length)
{
    const unsigned char *first = bytes;

    while (length > 0 && is_space(first[length - 1]))
        length--;
    while (length > 0 && is_space(*first))
        first++, length--;
    return length == 4 && memcmp(first, "null", 4) == 0;
}
