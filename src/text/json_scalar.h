/* text/json_scalar.h - reads numbers, words and escapes of a JSON text, for what checks its syntax.
 */
#ifndef WEIR_TEXT_JSON_SCALAR_H
#define WEIR_TEXT_JSON_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What reads takes the place where it begins, and returns the place behind what it
 * has read, or NULL after a fault. */
typedef const unsigned char *weir__json_place;

struct weir__json_reader {
    weir__json_place end, fault;
    const char *reason;
};

static inline weir__json_place weir__json_stop(struct weir__json_reader *reader,
                                               weir__json_place at, const char *reason)
{
    reader->fault = at;
    reader->reason = reason;
    return NULL;
}

/* The end looks like a NUL byte, which is good nowhere. */
static inline unsigned weir__json_look(const struct weir__json_reader *reader, weir__json_place at)
{
    return at < reader->end ? *at : 0;
}

/* --- Eight bytes at a time --------------------------------------------------- */

#define WEIR__EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The first byte in the lowest bits, whatever the machine; compilers know this for
 * one load. */
static inline uint64_t weir__json_load(weir__json_place at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24
           | (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48
           | (uint64_t)at[7] << 56;
}

/* Marks are highest bits of bytes; there must be one. */
static inline unsigned weir__json_count_below(uint64_t marks)
{
    return (unsigned)__builtin_ctzll(marks) / 8;
}

/* Marks what is not a digit: 10 and more once '0' is 0. */
static inline uint64_t weir__json_mark_no_digits(uint64_t bytes)
{
    uint64_t values = bytes ^ WEIR__EACH_BYTE('0');

    return (((values & WEIR__EACH_BYTE(0x7F)) + WEIR__EACH_BYTE(0x80 - 10)) | values)
           & WEIR__EACH_BYTE(0x80);
}

/* --- What is not nested ------------------------------------------------------ */

static inline bool weir__json_is_digit(unsigned byte)
{
    return byte - '0' < 10;
}

static inline bool weir__json_is_hex(unsigned byte)
{
    return weir__json_is_digit(byte) || (byte | 0x20) - 'a' < 6;
}

static inline weir__json_place weir__json_read_digits(struct weir__json_reader *reader,
                                                      weir__json_place next)
{
    if (!weir__json_is_digit(weir__json_look(reader, next)))
        return weir__json_stop(reader, next, "a digit is due");
    for (next++; reader->end - next >= 8; next += 8) {
        uint64_t marks = weir__json_mark_no_digits(weir__json_load(next));

        if (marks != 0)
            return next + weir__json_count_below(marks);
    }
    while (weir__json_is_digit(weir__json_look(reader, next)))
        next++;
    return next;
}

static inline weir__json_place weir__json_read_number(struct weir__json_reader *reader,
                                                      weir__json_place next)
{
    if (*next == '-')
        next++;
    if (weir__json_look(reader, next) != '0')
        next = weir__json_read_digits(reader, next);
    else if (weir__json_is_digit(weir__json_look(reader, ++next)))
        return weir__json_stop(reader, next, "leading zero");
    if (next != NULL && weir__json_look(reader, next) == '.')
        next = weir__json_read_digits(reader, next + 1);
    if (next != NULL && (weir__json_look(reader, next) | 0x20) == 'e') {
        next++;
        if (weir__json_look(reader, next) == '+' || weir__json_look(reader, next) == '-')
            next++;
        next = weir__json_read_digits(reader, next);
    }
    return next;
}

static inline weir__json_place weir__json_read_word(struct weir__json_reader *reader,
                                                    weir__json_place next, const char *word,
                                                    size_t length)
{
    if ((size_t)(reader->end - next) >= length && memcmp(next, word, length) == 0)
        return next + length;
    while (weir__json_look(reader, next) == (unsigned char)*word)
        next++, word++;
    return weir__json_stop(reader, next, "not a value");
}

/* next is behind the backslash. */
static inline weir__json_place weir__json_read_escape(struct weir__json_reader *reader,
                                                      weir__json_place next)
{
    switch (weir__json_look(reader, next)) {
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
            if (!weir__json_is_hex(weir__json_look(reader, ++next)))
                return weir__json_stop(reader, next, "\\u without four hex digits");
        return next + 1;
    default:
        return weir__json_stop(reader, next, "unknown escape");
    }
}

#endif
