/* The look in blocks at a JSON text must say what the reader of single bytes says. */
#include "config.h"

#include "text/json_blocks.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/harness.h"
#include "text/json_validate.h"

enum { LONGEST = 4000, DEEPEST = 70 };

/* --- Chance ------------------------------------------------------------------ */

static uint64_t chance_state = 1;

static unsigned chance(unsigned below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (unsigned)(chance_state >> 33) % below;
}

/* --- Random texts -------------------------------------------------------------- */

struct text {
    size_t length;
    char bytes[LONGEST + 64];
};

static void put(struct text *text, const char *bytes)
{
    size_t length = strlen(bytes);

    if (text->length + length > LONGEST)
        return; /* a cut text is as good as any */
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static const char *any_of(const char *const *of, size_t count)
{
    return of[chance((unsigned)count)];
}

#define ANY_OF(of) any_of(of, sizeof(of) / sizeof(of)[0])

static void put_space(struct text *text)
{
    static const char *const spaces[] = {" ", "  ", "                 ", "\t", "\n", "\r\n"};

    if (chance(12) == 0)
        put(text, chance(30) > 0 ? " " : ANY_OF(spaces));
}

static void put_string(struct text *text)
{
    static const char *const pieces[] = {
        "a",
        "id",
        "name",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\\\"",
        "\\\\",
        "\\\\\\\\",
        "\\n",
        "\\u00e9",
        "\\/",
        "\xC3\xA9",
        "\x7F",
        "\"",
        "\\",
        "\xE2\x82\xAC",
        "\\\\\\\"",
        "\\uD83",
        "lorem ipsum ",
        "12,34 ",
        "\\u000",
        "\\ud83d\\",
        "\xF0\x9F\x98\x80",
    };
    unsigned count = chance(3) > 0 ? chance(4) : chance(40);

    put(text, "\"");
    while (count-- > 0) {
        const char *piece = ANY_OF(pieces);

        /* What breaks the string is rare. */
        put(text, (piece[0] == '"' || strlen(piece) == 5 || piece[strlen(piece) - 1] == '\\')
                          && chance(300) > 0
                      ? "plain"
                      : piece);
    }
    put(text, "\"");
}

static void put_value(struct text *text, unsigned depth)
{
    static const char *const scalars[] = {
        "0",   "-0",   "1",   "12",   "-345",     "1234567", "12345678",  "123456789012345678901",
        "1.5", "0.25", "1e9", "1E-7", "-2.5e+10", "true",    "false",     "null",
        "{}",  "[]",   "[ ]", "7",    "42",       "9999",    "1000000.1", "3",
    };
    static const char *const wrong[] = {"01",    "1.", "tru", "nul", "-",   "+1",
                                        "truex", "1a", "\\",  "1\"", "\x01"};
    unsigned kind = chance(depth > 0 ? 9 : 3), count = chance(7);

    put_space(text);
    if (chance(300) == 0) {
        put(text, ANY_OF(wrong));
    } else if (kind < 2) {
        put(text, ANY_OF(scalars));
    } else if (kind == 2) {
        put_string(text);
    } else {
        put(text, kind % 2 > 0 ? "[" : "{");
        for (unsigned i = 0; i < count; i++) {
            put(text, i > 0 ? "," : "");
            put_space(text);
            if (kind % 2 == 0) {
                put_string(text);
                put_space(text);
                put(text, ":");
            }
            put_value(text, depth - 1);
        }
        put(text, kind % 2 > 0 ? "]" : "}");
    }
    put_space(text);
}

static void put_deep(struct text *text)
{
    unsigned depth = chance(DEEPEST);
    char closing[DEEPEST + 1];

    closing[depth] = '\0';
    for (unsigned level = 0; level < depth; level++) {
        int is_object = chance(2) > 0;

        put(text, is_object ? "{\"k\":" : "[");
        closing[depth - 1 - level] = is_object ? '}' : ']';
    }
    put(text, "0");
    put(text, closing);
}

static void change(struct text *text)
{
    static const char marks[] = "\"\\{}[],: 0-.eE+tfnu\t\r\x01\x80\xFF";
    size_t at = text->length > 0 ? chance((unsigned)text->length) : 0;

    switch (text->length > 0 ? chance(4) : 3) {
    case 0:
        text->bytes[at] = marks[chance(sizeof marks)]; /* the NUL, too */
        break;
    case 1:
        memmove(text->bytes + at, text->bytes + at + 1, --text->length - at);
        break;
    case 2:
        text->length = at;
        break;
    default:
        memmove(text->bytes + at + 1, text->bytes + at, text->length++ - at);
        text->bytes[at] = marks[chance(sizeof marks)];
    }
}

/* --- What both say ------------------------------------------------------------- */

static unsigned depth_of(const char *bytes, size_t length)
{
    unsigned depth = 0, deepest = 0;
    bool is_in = false;

    for (size_t i = 0; i < length; i++) {
        if (is_in && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            is_in = !is_in;
        else if (!is_in && (bytes[i] == '[' || bytes[i] == '{'))
            deepest = ++depth > deepest ? depth : deepest;
        else if (!is_in && (bytes[i] == ']' || bytes[i] == '}'))
            depth--;
    }
    return deepest;
}

static bool has_control(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] < ' ')
            return true;
    return false;
}

static unsigned long compared, recognized;

/* What is good must be recognized, or it would cost time; what is not must never be. */
static void compare(const char *bytes, size_t length)
{
    struct weir__syntax_fault fault, by_bytes;
    bool is_ascii = false, is_really_ascii;
    bool is_good = weir__json_syntax_plain(bytes, length, &is_really_ascii, &by_bytes);
    bool is_seen = weir__json_blocks_are_good(bytes, length, &is_ascii);
    bool may_be_seen =
        weir__json_blocks_can() && length >= WEIR__JSON_BLOCK && !has_control(bytes, length);
    bool is_right =
        is_seen == (is_good && may_be_seen && depth_of(bytes, length) <= WEIR__JSON_BLOCK_DEPTH)
        && (!is_seen || is_ascii == is_really_ascii);

    if (weir__json_syntax(bytes, length, &fault) != is_good
        || (!is_good
            && (fault.offset != by_bytes.offset || strcmp(fault.reason, by_bytes.reason) != 0)))
        is_right = false;
    compared++;
    recognized += is_seen;
    CU_ASSERT_FATAL(
        is_right || printf("# good %d, seen %d: %.*s\n", is_good, is_seen, (int)length, bytes) < 0);
}

/* --- Memory with an end -------------------------------------------------------- */

/* Pages between two that may not be touched. */
static char *guarded;
static size_t guarded_size;

static void make_guarded(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    guarded_size = (LONGEST + 64 + page - 1) / page * page;
    guarded = mmap(NULL, guarded_size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(guarded != MAP_FAILED);
    guarded += page;
    CU_ASSERT_FATAL(mprotect(guarded, guarded_size, PROT_READ | PROT_WRITE) == 0);
}

static void compare_at_both_ends(const char *bytes, size_t length)
{
    char *at_end = guarded + guarded_size - length;

    memcpy(at_end, bytes, length);
    compare(at_end, length);
    memcpy(guarded, bytes, length);
    compare(guarded, length);
}

static void random_texts_and_changed_ones_are_judged_alike(void)
{
    enum { TEXTS = 8000, CHANGES = 3 };
    static struct text text;

    make_guarded();
    for (unsigned i = 0; i < TEXTS; i++) {
        text.length = 0;
        if (chance(20) == 0)
            put_deep(&text);
        else
            put_value(&text, 1 + chance(6));
        compare_at_both_ends(text.bytes, text.length);
        for (unsigned changes = 0; changes < CHANGES; changes++) {
            change(&text);
            compare_at_both_ends(text.bytes, text.length);
        }
    }
    printf("# %lu texts, %lu recognized\n", compared, recognized);
    CU_ASSERT(!weir__json_blocks_can() || recognized > compared / 50);
}

/* Each byte at each place of the blocks, in and around strings. */
static void each_byte_counts_at_each_place(void)
{
    enum { SIZE = 3 * WEIR__JSON_BLOCK };
    static const char *const around[] = {"\"", "[1,\"", "{\"a\":\"", "[\"\\\\"};
    char text[SIZE];

    for (size_t form = 0; form < sizeof around / sizeof around[0]; form++)
        for (size_t length = WEIR__JSON_BLOCK; length <= SIZE - 7; length += 13)
            for (size_t at = 0; at < length; at++)
                for (unsigned byte = 0; byte < 256; byte += byte < 128 ? 1 : 17) {
                    size_t begin = strlen(around[form]);

                    memset(text, 'x', length);
                    memcpy(text, around[form], begin);
                    memcpy(text + length - 2, "\"]", 2);
                    if (form == 0)
                        text[0] = ' ', text[1] = '"', text[length - 1] = ' ';
                    else if (form == 2)
                        text[length - 1] = '}';
                    text[at] = (char)byte;
                    compare(text, length);
                }
}

/* Backslashes before a quote, across the borders of blocks. */
static void runs_of_backslashes_are_counted(void)
{
    enum { SIZE = 4 * WEIR__JSON_BLOCK };
    char text[SIZE];

    for (size_t run = 1; run < 2 * WEIR__JSON_BLOCK + 3; run++)
        for (size_t at = 1; at < WEIR__JSON_BLOCK + 2; at++) {
            memset(text, 'n', SIZE);
            text[0] = text[SIZE - 1] = '"';
            memset(text + at, '\\', run);
            compare(text, SIZE);
            text[at + run] = '"';
            compare(text, SIZE);
            compare(text, at + run + 1);
        }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"random texts and changed ones are judged alike",
         random_texts_and_changed_ones_are_judged_alike},
        {"each byte counts at each place", each_byte_counts_at_each_place},
        {"runs of backslashes are counted", runs_of_backslashes_are_counted},
        CU_TEST_INFO_NULL,
    };

    return run_suite("blocks", tests);
}
