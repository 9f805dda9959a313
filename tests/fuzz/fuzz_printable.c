/* Text inside a sentence: what is shown is UTF-8 without a control character, is the same
 * when it is shown again, and keeps its bound.
 *
 * Input: a byte of choices, the room, then the text. */
#include "config.h"

#include <string.h>

#include "base/printable.h"
#include "base/utf8.h"
#include "fuzz/replay.h"

enum { KEEPS_LINES = 1, LONGEST_ESCAPE = 10 };

static void check_shown(const char *shown, size_t length, enum weir__breaks breaks)
{
    HOLDS(strlen(shown) == length && weir__utf8_valid(shown, length));
    for (const unsigned char *at = (const unsigned char *)shown; *at != '\0'; at++) {
        HOLDS(*at >= 0x20 || (*at == '\n' && breaks == WEIR__KEEP_LINES));
        HOLDS(*at != 0x7F);
        HOLDS(*at != 0xC2 || at[1] >= 0xA0);                                 /* C1 */
        HOLDS(*at != 0xE2 || at[1] != 0x80 || (at[2] & 0xFE) != 0xA8);       /* U+2028, U+2029 */
        HOLDS(*at != 0xE2 || at[1] != 0x80 || at[2] < 0xAA || at[2] > 0xAE); /* directions */
    }
}

/* The same through a stream. */
static void check_stream(const char *text, size_t length, enum weir__breaks breaks,
                         const char *shown, size_t shown_length)
{
    char *written = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&written, &size);

    HOLDS(out != NULL);
    weir__printable_put(out, text, length, breaks);
    HOLDS(fclose(out) == 0);
    HOLDS(size == shown_length && memcmp(written, shown, size) == 0);
    free(written);
}

static void check_again(const char *shown, size_t length, enum weir__breaks breaks)
{
    char *again = malloc(length + 1);

    HOLDS(again != NULL);
    HOLDS(weir__printable(again, length + 1, shown, length, breaks) == length);
    HOLDS(strcmp(again, shown) == 0);
    free(again);
}

static void check_sentence(const char *text, size_t length, size_t room)
{
    char *sentence = malloc(room);
    size_t used;

    HOLDS(sentence != NULL);
    used = weir__sentence(sentence, room, "<%.*s>", (int)length, text);
    HOLDS(used < room);
    check_shown(sentence, used, WEIR__ONE_LINE);
    free(sentence);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    enum weir__breaks breaks;
    size_t whole_length, room, used;
    char *text, *whole, *part;

    if (length < 2)
        return 0;
    breaks = bytes[0] & KEEPS_LINES ? WEIR__KEEP_LINES : WEIR__ONE_LINE;
    room = 1 + bytes[1];
    length -= 2;
    text = malloc(length > 0 ? length : 1);
    whole = malloc(length * LONGEST_ESCAPE + 1);
    part = malloc(room);
    HOLDS(text != NULL && whole != NULL && part != NULL);
    memcpy(text, bytes + 2, length);
    whole_length = weir__printable(whole, length * LONGEST_ESCAPE + 1, text, length, breaks);
    check_shown(whole, whole_length, breaks);
    check_again(whole, whole_length, breaks);
    check_stream(text, length, breaks, whole, whole_length);
    used = weir__printable(part, room, text, length, breaks);
    HOLDS(used < room && used + LONGEST_ESCAPE >= (whole_length < room ? whole_length : room));
    HOLDS(memcmp(part, whole, used) == 0);
    check_shown(part, used, breaks);
    check_sentence(text, length, room);
    free(part);
    free(whole);
    free(text);
    return 0;
}
