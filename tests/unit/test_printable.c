#include "config.h"

#include "base/printable.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "support/harness.h"
#include "base/utf8.h"

static void expect(const char *text, const char *shown)
{
    char made[400];
    size_t length = weir__printable(made, sizeof made, text, strlen(text), WEIR__ONE_LINE);

    CU_ASSERT_STRING_EQUAL(made, shown);
    CU_ASSERT_EQUAL(length, strlen(made));
    CU_ASSERT(weir__utf8_valid(made, length));
    length = weir__printable(made, sizeof made, shown, strlen(shown), WEIR__ONE_LINE);
    CU_ASSERT_STRING_EQUAL(made, shown); /* once is enough */
}

static void printable_text_stays_as_it_is(void)
{
    expect("", "");
    expect("weir run: caf\xC3\xA9 \xE6\xBC\xA2\xE5\xAD\x97 \xF0\x9F\x98\x80 \\n \"'",
           "weir run: "
           "caf\xC3\xA9 \xE6\xBC\xA2\xE5\xAD\x97 \xF0\x9F\x98\x80 \\n \"'");
    /* Joiners and variation selectors belong to words and emoji. */
    expect("\xE2\x80\x8C\xE2\x80\x8D\xEF\xB8\x8F\xF3\xA0\x84\x80",
           "\xE2\x80\x8C\xE2\x80\x8D\xEF\xB8\x8F\xF3\xA0\x84\x80");
    expect("\xC2\xA0\xC3\xBF", "\xC2\xA0\xC3\xBF"); /* next to C1, and ff */
}

static void controls_are_escaped(void)
{
    char all[0x20 + 1] = "", made[400];

    expect("a\nb\rc\td", "a\\nb\\rc\\td");
    expect("\x1b[2J\x07\x08\x7f", "\\x1b[2J\\x07\\x08\\x7f");
    expect("\xC2\x80\xC2\x9B\xC2\x9F", "\\u0080\\u009b\\u009f");
    for (int i = 0; i < 0x20; i++)
        all[i] = (char)i;
    weir__printable(made, sizeof made, all, 0x20, WEIR__ONE_LINE);
    for (const char *at = made; *at != '\0'; at++)
        CU_ASSERT(*at >= ' ' && *at < 0x7f);
    CU_ASSERT_EQUAL(strncmp(made, "\\x00\\x01", 8), 0);
}

static void bytes_that_are_not_utf8_are_escaped_one_by_one(void)
{
    expect("\x9b[31m", "\\x9b[31m");                    /* C1 as it stands in Latin-1 */
    expect("caf\xe9", "caf\\xe9");                      /* Latin-1 */
    expect("\xC0\x9B", "\\xc0\\x9b");                   /* overlong */
    expect("\xE0\x80\x9B", "\\xe0\\x80\\x9b");          /* overlong */
    expect("\xED\xA0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
    expect("\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above Unicode */
    expect("\xE2\x80", "\\xe2\\x80");                   /* torn */
    expect("\xFF\xFE", "\\xff\\xfe");
}

static void what_is_not_seen_is_escaped(void)
{
    expect("a\xE2\x80\xAE"
           "b",
           "a\\u202eb"); /* RLO */
    expect("\xE2\x80\xAA\xE2\x80\xAB\xE2\x80\xAC\xE2\x80\xAD", "\\u202a\\u202b\\u202c\\u202d");
    expect("\xE2\x81\xA6\xE2\x81\xA7\xE2\x81\xA8\xE2\x81\xA9", "\\u2066\\u2067\\u2068\\u2069");
    expect("\xE2\x80\xA8\xE2\x80\xA9", "\\u2028\\u2029"); /* separators */
    expect("\xE2\x80\x8B\xE2\x80\x8E\xE2\x80\x8F\xD8\x9C", "\\u200b\\u200e\\u200f\\u061c");
    expect("\xEF\xBB\xBF\xC2\xAD\xEF\xBF\xBE", "\\ufeff\\u00ad\\ufffe");
    expect("\xF3\xA0\x80\x81", "\\U000e0001"); /* a tag */
}

static void a_traceback_keeps_its_lines(void)
{
    char made[100];

    weir__printable(made, sizeof made, "a\n\tb\x1b\r\n", 7, WEIR__KEEP_LINES);
    CU_ASSERT_STRING_EQUAL(made, "a\n\\tb\\x1b\\r\n");
}

static void text_is_cut_between_two_characters(void)
{
    static const char text[] = "a\xC3\xA9\x1b\xF0\x9F\x98\x80z";
    char made[32];

    for (size_t size = 1; size < 16; size++) {
        size_t length = weir__printable(made, size, text, sizeof text - 1, WEIR__ONE_LINE);

        CU_ASSERT(length < size && strlen(made) == length);
        CU_ASSERT(weir__utf8_valid(made, length));
        CU_ASSERT(strchr(made, '\\') == NULL || strstr(made, "\\x1b") != NULL);
    }
}

static void a_sentence_is_escaped_as_a_whole(void)
{
    char made[64], *many = malloc(5001);
    char whole[5000];

    weir__sentence(made, sizeof made, "cannot execute %s: %d", "no\nsuch\x1b[31m", 7);
    CU_ASSERT_STRING_EQUAL(made, "cannot execute no\\nsuch\\x1b[31m: 7");
    CU_ASSERT_FATAL(many != NULL);
    for (size_t shift = 0; shift < 3; shift++) { /* the cut falls into a character */
        size_t length;

        memset(many, 'x', shift);
        for (size_t at = shift; at + 2 < 5000; at += 3)
            memcpy(many + at, "\xE6\xBC\xA2", 4);
        length = weir__sentence(whole, sizeof whole, "%s", many);
        CU_ASSERT(length > 4090 && length < 4096);
        CU_ASSERT_PTR_NULL(strchr(whole, '\\'));
    }
    free(many);
}

static void an_error_is_one_printable_line(void)
{
    struct weir_error error;

    weir__fail(&error, WEIR_ERR_SYSTEM, 2, "cannot read %s", "a\x1b[2Jb\nc");
    CU_ASSERT_EQUAL(strncmp(error.text, "cannot read a\\x1b[2Jb\\nc: ", 26), 0);
    weir__fail(&error, WEIR_ERR_INVALID, 0, "%s: again", error.text);
    CU_ASSERT_EQUAL(strncmp(error.text, "cannot read a\\x1b[2Jb\\nc: ", 26), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, ": again"));
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"printable text stays as it is", printable_text_stays_as_it_is},
        {"controls are escaped", controls_are_escaped},
        {"bytes that are not UTF-8 are escaped one by one",
         bytes_that_are_not_utf8_are_escaped_one_by_one},
        {"what is not seen is escaped", what_is_not_seen_is_escaped},
        {"a traceback keeps its lines", a_traceback_keeps_its_lines},
        {"text is cut between two characters", text_is_cut_between_two_characters},
        {"a sentence is escaped as a whole", a_sentence_is_escaped_as_a_whole},
        {"an error is one printable line", an_error_is_one_printable_line},
        CU_TEST_INFO_NULL,
    };

    return run_suite("printable", tests);
}
