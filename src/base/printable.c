#include "config.h"

#include "base/printable.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

enum { WHOLE_SIZE = 4096, ESCAPE_SIZE = 12 };

/* What formats text and is not seen (general category Cf, and the separators Zl and Zp), but
 * for the joiners; and the fillers that only look like a space. */
static const struct {
    uint32_t first, last;
} unseen[] = {
    {0x007F, 0x009F},   {0x00AD, 0x00AD},   {0x061C, 0x061C}, {0x115F, 0x1160}, {0x180B, 0x180F},
    {0x200B, 0x200B},   {0x200E, 0x200F},   {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},
    {0xFDD0, 0xFDEF},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3},
    {0xE0000, 0xE00FF}, {0x1D173, 0x1D17A},
};

static int is_seen(uint32_t character)
{
    if (character < 0x20 || (character & 0xFFFE) == 0xFFFE)
        return 0;
    for (size_t i = 0; i < sizeof unseen / sizeof unseen[0]; i++)
        if (character >= unseen[i].first && character <= unseen[i].last)
            return 0;
    return 1;
}

/* The length of the well-formed character that text begins with, and the character; 0 where
 * there is none. */
static size_t read_character(const unsigned char *text, size_t length, uint32_t *character)
{
    size_t size = text[0] < 0x80 ? 1 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;

    if (size > length || !weir__utf8_valid(text, size))
        return 0;
    *character = size == 1 ? text[0] : text[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++)
        *character = *character << 6 | (text[i] & 0x3F);
    return size;
}

static int write_escape(char to[ESCAPE_SIZE], uint32_t character)
{
    if (character == '\t' || character == '\n' || character == '\r')
        return snprintf(to, ESCAPE_SIZE, "\\%c",
                        character == '\t'   ? 't'
                        : character == '\n' ? 'n'
                                            : 'r');
    if (character < 0x80)
        return snprintf(to, ESCAPE_SIZE, "\\x%02x", (unsigned)character);
    return snprintf(to, ESCAPE_SIZE, character < 0x10000 ? "\\u%04x" : "\\U%08x",
                    (unsigned)character);
}

/* What stands for the first character of text. */
struct shown {
    size_t taken; /* bytes of text */
    const char *bytes;
    size_t length;
    char escape[ESCAPE_SIZE];
};

static void show(struct shown *shown, const char *text, size_t length, enum weir__breaks breaks)
{
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t character = 0;

    shown->taken = read_character(bytes, length, &character);
    if (shown->taken > 0
        && (is_seen(character) || (character == '\n' && breaks == WEIR__KEEP_LINES))) {
        shown->bytes = text;
        shown->length = shown->taken;
        return;
    }
    shown->bytes = shown->escape;
    if (shown->taken > 0) {
        shown->length = (size_t)write_escape(shown->escape, character);
    } else {
        shown->taken = 1;
        shown->length = (size_t)snprintf(shown->escape, sizeof shown->escape, "\\x%02x", *bytes);
    }
}

size_t weir__printable(char *to, size_t size, const char *text, size_t length,
                       enum weir__breaks breaks)
{
    struct shown shown;
    size_t used = 0;

    for (size_t at = 0; at < length; at += shown.taken) {
        show(&shown, text + at, length - at, breaks);
        if (used + shown.length >= size)
            break;
        memcpy(to + used, shown.bytes, shown.length);
        used += shown.length;
    }
    to[used] = '\0';
    return used;
}

void weir__printable_put(FILE *out, const char *text, size_t length, enum weir__breaks breaks)
{
    struct shown shown;

    for (size_t at = 0; at < length; at += shown.taken) {
        show(&shown, text + at, length - at, breaks);
        fwrite(shown.bytes, 1, shown.length, out);
    }
}

/* How much of text that was cut at its length is whole characters. */
static size_t whole(const char *text, size_t length)
{
    size_t start = length;
    uint32_t character;

    while (start > 0 && length - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xC2)
        return length;
    start--;
    return read_character((const unsigned char *)text + start, length - start, &character) > 0
               ? length
               : start;
}

size_t weir__sentence_list(char *to, size_t size, const char *format, va_list args)
{
    char text[WHOLE_SIZE];
    int made = vsnprintf(text, sizeof text, format, args);
    size_t length = made > 0 ? (size_t)made : 0;

    if (length >= sizeof text)
        length = whole(text, sizeof text - 1);
    return weir__printable(to, size, text, length, WEIR__ONE_LINE);
}

size_t weir__sentence(char *to, size_t size, const char *format, ...)
{
    va_list args;
    size_t used;

    va_start(args, format);
    used = weir__sentence_list(to, size, format, args);
    va_end(args);
    return used;
}
