#include "config.h"

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* How a character goes on after its first byte: bytes in all (0: it cannot begin
 * so) and the range of the second.  The others are in 80..BF. */
struct form {
    unsigned length, low, high;
};

static inline struct form form_of(unsigned first)
{
    if (first < 0xC2)
        return (struct form){0};
    if (first < 0xE0)
        return (struct form){2, 0x80, 0xBF};
    if (first < 0xF0) /* no overlong forms, no surrogates */
        return (struct form){3, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF};
    if (first < 0xF5) /* no overlong forms, nothing above U+10FFFF */
        return (struct form){4, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF};
    return (struct form){0};
}

static inline bool goes_on(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The length of the character of two bytes or more at bytes, or 0 when there is
 * no whole one. */
static inline size_t character(const unsigned char *bytes, size_t room)
{
    struct form form = form_of(bytes[0]);

    if (form.length == 0 || room < form.length || bytes[1] < form.low || bytes[1] > form.high)
        return 0;
    if (form.length > 2 && !goes_on(bytes[2]))
        return 0;
    if (form.length > 3 && !goes_on(bytes[3]))
        return 0;
    return form.length;
}

/* Why there is no whole character at bytes. */
static enum weir__utf8_stop why_not(const unsigned char *bytes, size_t room, size_t *rest)
{
    struct form form = form_of(bytes[0]);

    *rest = 1;
    if (form.length == 0)
        return WEIR__UTF8_BAD;
    while (*rest < room) {
        unsigned char byte = bytes[*rest];

        if (*rest == 1 ? byte < form.low || byte > form.high : !goes_on(byte))
            return WEIR__UTF8_BAD;
        ++*rest;
    }
    return WEIR__UTF8_CUT;
}

static inline size_t ascii_run(const unsigned char *bytes, size_t length)
{
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    uint64_t words[4];
    size_t at = 0;

    for (; length - at >= sizeof words; at += sizeof words) {
        memcpy(words, bytes + at, sizeof words);
        if ((words[0] | words[1] | words[2] | words[3]) & high_bits)
            break;
    }
    for (; length - at >= sizeof words[0]; at += sizeof words[0]) {
        memcpy(words, bytes + at, sizeof words[0]);
        if (words[0] & high_bits)
            break;
    }
    while (at < length && bytes[at] < 0x80)
        at++;
    return at;
}

size_t weir__utf8_ascii(const void *bytes, size_t length)
{
    return ascii_run(bytes, length);
}

struct weir__utf8_scan weir__utf8_scan(const void *bytes, size_t length)
{
    const unsigned char *next = bytes;
    struct weir__utf8_scan scan = {0};

    while (scan.valid < length) {
        size_t used;

        if (next[scan.valid] < 0x80) {
            scan.valid += ascii_run(next + scan.valid, length - scan.valid);
            continue;
        }
        used = character(next + scan.valid, length - scan.valid);
        if (used == 0) {
            scan.stop = why_not(next + scan.valid, length - scan.valid, &scan.rest);
            return scan;
        }
        scan.valid += used;
    }
    return scan;
}

bool weir__utf8_valid(const void *bytes, size_t length)
{
    return weir__utf8_scan(bytes, length).stop == WEIR__UTF8_END;
}
