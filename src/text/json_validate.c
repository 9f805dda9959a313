/* One pass.  Most bytes of a record are in strings and numbers: those are looked at
 * eight at a time.  Of the nesting one bit a level is kept.
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

enum { LEVELS_A_WORD = 64 };

struct reader {
    const unsigned char *end, *fault;
    const char *reason;
    uint64_t seen; /* bits of bytes in strings, or-ed: whether any is no ASCII */
    unsigned depth;
    uint64_t objects; /* the innermost levels, from the lowest bit: 1 for an object */
    uint64_t outer[WEIR__JSON_DEPTH / LEVELS_A_WORD]; /* what it was at each 64th level */
};

/* What reads takes the place where it begins, and returns the place behind what it
 * has read, or NULL after a fault. */
typedef const unsigned char *place;

static place stop(struct reader *reader, place at, const char *reason)
{
    reader->fault = at;
    reader->reason = reason;
    return NULL;
}

/* The end looks like a NUL byte, which is good nowhere. */
static inline unsigned look(const struct reader *reader, place at)
{
    return at < reader->end ? *at : 0;
}

static inline bool is_digit(unsigned byte)
{
    return byte - '0' < 10;
}

static inline bool is_hex(unsigned byte)
{
    return is_digit(byte) || (byte | 0x20) - 'a' < 6;
}

static inline bool is_space(unsigned byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static inline place skip_space(const struct reader *reader, place next)
{
    while (next < reader->end && *next <= ' ' && is_space(*next))
        next++;
    return next;
}

/* --- Eight bytes at a time --------------------------------------------------- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The first byte in the lowest bits, whatever the machine; compilers know this for
 * one load. */
static inline uint64_t load(place at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24
           | (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48
           | (uint64_t)at[7] << 56;
}

/* Marks are highest bits of bytes; there must be one. */
static inline unsigned count_below(uint64_t marks)
{
    return (unsigned)__builtin_ctzll(marks) / 8;
}

/* Marks what ends a plain part of a string.  A borrow may mark bytes above one that
 * is rightly marked: only the lowest mark counts. */
static inline uint64_t mark_special(uint64_t bytes)
{
    uint64_t quotes = bytes ^ EACH('"'), backslashes = bytes ^ EACH('\\');

    return ((bytes - EACH(0x20)) | (quotes - EACH(1)) | (backslashes - EACH(1))) & ~bytes
           & EACH(0x80);
}

/* Marks what is not a digit: 10 and more once '0' is 0. */
static inline uint64_t mark_no_digits(uint64_t bytes)
{
    uint64_t values = bytes ^ EACH('0');

    return (((values & EACH(0x7F)) + EACH(0x80 - 10)) | values) & EACH(0x80);
}

/* --- Strings ----------------------------------------------------------------- */

static inline bool is_plain(unsigned byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

static inline place skip_plain(struct reader *reader, place next)
{
    for (; reader->end - next >= 8; next += 8) {
        uint64_t bytes = load(next), marks = mark_special(bytes);

        reader->seen |= bytes;
        if (marks != 0)
            return next + count_below(marks);
    }
    for (; next < reader->end && is_plain(*next); next++)
        reader->seen |= *next;
    return next;
}

/* next is behind the backslash. */
static place read_escape(struct reader *reader, place next)
{
    switch (look(reader, next)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return next + 1;
    case 'u':
        for (int i = 0; i < 4; i++)
            if (!is_hex(look(reader, ++next)))
                return stop(reader, next, "\\u without four hex digits");
        return next + 1;
    default:
        return stop(reader, next, "unknown escape");
    }
}

/* next is somewhere behind the opening quote. */
static place read_rest_of_string(struct reader *reader, place next)
{
    while (next != NULL) {
        next = skip_plain(reader, next);
        if (next == reader->end)
            return stop(reader, next, "unterminated string");
        if (*next == '"')
            return next + 1;
        if (*next != '\\')
            return stop(reader, next, "control character in a string");
        next = read_escape(reader, next + 1);
    }
    return NULL;
}

/* next is behind the opening quote.  Most strings are short and plain. */
static inline place read_string(struct reader *reader, place next)
{
    for (int words = 0; words < 2 && reader->end - next >= 8; words++) {
        uint64_t bytes = load(next), marks = mark_special(bytes);

        reader->seen |= bytes;
        if (marks != 0) {
            next += count_below(marks);
            return *next == '"' ? next + 1 : read_rest_of_string(reader, next);
        }
        next += 8;
    }
    return read_rest_of_string(reader, next);
}

/* --- Numbers and words ------------------------------------------------------- */

static inline place read_digits(struct reader *reader, place next)
{
    if (!is_digit(look(reader, next)))
        return stop(reader, next, "a digit is due");
    for (next++; reader->end - next >= 8; next += 8) {
        uint64_t marks = mark_no_digits(load(next));

        if (marks != 0)
            return next + count_below(marks);
    }
    while (is_digit(look(reader, next)))
        next++;
    return next;
}

static inline place read_number(struct reader *reader, place next)
{
    if (*next == '-')
        next++;
    if (look(reader, next) != '0')
        next = read_digits(reader, next);
    else if (is_digit(look(reader, ++next)))
        return stop(reader, next, "leading zero");
    if (next != NULL && look(reader, next) == '.')
        next = read_digits(reader, next + 1);
    if (next != NULL && (look(reader, next) | 0x20) == 'e') {
        next++;
        if (look(reader, next) == '+' || look(reader, next) == '-')
            next++;
        next = read_digits(reader, next);
    }
    return next;
}

static inline place read_word(struct reader *reader, place next, const char *word, size_t length)
{
    if ((size_t)(reader->end - next) >= length && memcmp(next, word, length) == 0)
        return next + length;
    while (look(reader, next) == (unsigned char)*word)
        next++, word++;
    return stop(reader, next, "not a value");
}

/* --- Values ------------------------------------------------------------------ */

static inline place open_level(struct reader *reader, place next, bool is_object)
{
    if (reader->depth == WEIR__JSON_DEPTH)
        return stop(reader, next, "nested deeper than 1024");
    if (reader->depth % LEVELS_A_WORD == 0)
        reader->outer[reader->depth / LEVELS_A_WORD] = reader->objects;
    reader->depth++;
    reader->objects = reader->objects << 1 | is_object;
    return skip_space(reader, next + 1);
}
_Static_assert(WEIR__JSON_DEPTH == 1024, "a reason names it");

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
        return read_word(reader, next, "true", 4);
    case 'f':
        return read_word(reader, next, "false", 5);
    case 'n':
        return read_word(reader, next, "null", 4);
    default:
        if (byte == '-' || is_digit(byte))
            return read_number(reader, next);
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
            return next == reader->end || stop(reader, next, "more after the value") != NULL;
    } while (next != NULL);
    return false;
}

static bool read_all(struct reader *reader, const void *bytes, size_t length,
                     struct weir__syntax_fault *fault)
{
    const unsigned char *first = length > 0 ? bytes : (const void *)"";

    reader->end = first + length;
    reader->seen = 0;
    reader->depth = 0;
    reader->objects = 0;
    if (read_text(reader, first))
        return true;
    *fault = (struct weir__syntax_fault){(size_t)(reader->fault - first), reader->reason};
    return false;
}

bool weir__json_syntax(const void *bytes, size_t length, struct weir__syntax_fault *fault)
{
    struct weir__syntax_fault found;
    struct reader reader;
    bool is_good = read_all(&reader, bytes, length, &found);

    if (!is_good && fault != NULL)
        *fault = found;
    return is_good;
}

bool weir__json_syntax_utf8(const void *bytes, size_t length, struct weir__syntax_fault *fault)
{
    struct weir__syntax_fault found = {.offset = length};
    struct reader reader;
    bool is_good = read_all(&reader, bytes, length, &found);
    size_t valid;

    if (is_good && (reader.seen & EACH(0x80)) == 0)
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

bool weir__json_is_null(const void *bytes, size_t length)
{
    const unsigned char *first = bytes;

    while (length > 0 && is_space(first[length - 1]))
        length--;
    while (length > 0 && is_space(*first))
        first++, length--;
    return length == 4 && memcmp(first, "null", 4) == 0;
}
