#include "config.h"

#include <weir/text.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "support/harness.h"

#define FFFD "\xEF\xBF\xBD"

/* Bytes with their length, NUL bytes included. */
#define BYTES(literal) (literal), sizeof(literal) - 1

/* Decodes one-shot and compares.  charset_used is checked unless NULL. */
static void decodes(const char *bytes, size_t length, const char *charset,
                    enum weir_on_error on_error, const char *expected, const char *charset_used)
{
    struct weir_text text = {0};
    struct weir_error error = {0};

    CU_ASSERT_EQUAL_FATAL(weir_decode(bytes, length, charset, on_error, NULL, &text, &error), 0);
    CU_ASSERT_EQUAL(text.length, strlen(expected));
    CU_ASSERT_STRING_EQUAL(text.bytes, expected);
    if (charset_used != NULL)
        CU_ASSERT_STRING_EQUAL(text.charset, charset_used);
    CU_ASSERT_EQUAL(text.replaced > 0, text.invalid_at >= 0);
    weir_text_clear(&text);
    CU_ASSERT(text.bytes == NULL);
}

static void refuses(const char *bytes, size_t length, const char *charset, int64_t invalid_at)
{
    struct weir_text text = {0};
    struct weir_error error = {0};

    CU_ASSERT_EQUAL(weir_decode(bytes, length, charset, WEIR_STRICT, NULL, &text, &error),
                    WEIR_ERR_DECODE);
    CU_ASSERT_EQUAL(error.status, WEIR_ERR_DECODE);
    CU_ASSERT_EQUAL(text.invalid_at, invalid_at);
    CU_ASSERT(text.bytes == NULL);
}

static void bytes_that_do_not_fit_are_treated_in_three_ways(void)
{
    struct weir_text text;
    struct weir_error error;

    decodes(BYTES("caf\xE9 au"), NULL, WEIR_REPLACE, "caf" FFFD " au", "utf-8");
    decodes(BYTES("caf\xE9 au"), "UTF8", WEIR_BACKSLASHREPLACE, "caf\\xe9 au", "utf-8");
    CU_ASSERT_EQUAL(weir_decode("caf\xE9 au", 7, "utf-8", WEIR_STRICT, NULL, &text, &error),
                    WEIR_ERR_DECODE);
    CU_ASSERT_EQUAL(text.invalid_at, 3);
    CU_ASSERT_STRING_EQUAL(text.charset, "utf-8");
    CU_ASSERT_STRING_EQUAL(error.text, "byte 0xE9 at offset 3 does not fit utf-8: give another "
                                       "charset, or replace what does not fit");
}

static void each_maximal_subpart_is_replaced_once(void)
{
    /* The example of the Unicode Standard, table 3-8. */
    decodes(BYTES("a\xF1\x80\x80\xE1\x80\xC2"
                  "b\x80"
                  "c\x80\xBF"
                  "d"),
            "utf-8", WEIR_REPLACE, "a" FFFD FFFD FFFD "b" FFFD "c" FFFD FFFD "d", "utf-8");
    decodes(BYTES("\xED\xA0\x80"), "utf-8", WEIR_REPLACE, FFFD FFFD FFFD, "utf-8");
    decodes(BYTES("\xE2\x82"), "utf-8", WEIR_BACKSLASHREPLACE, "\\xe2\\x82", "utf-8");
}

static void replacements_are_counted(void)
{
    struct weir_text text;

    CU_ASSERT_EQUAL(weir_decode("ab\xE2\x82 \xFF", 6, NULL, WEIR_REPLACE, NULL, &text, NULL), 0);
    CU_ASSERT_EQUAL(text.replaced, 2);
    CU_ASSERT_EQUAL(text.invalid_at, 2);
    weir_text_clear(&text);
    CU_ASSERT_EQUAL(
        weir_decode("ab\xE2\x82 \xFF", 6, NULL, WEIR_BACKSLASHREPLACE, NULL, &text, NULL), 0);
    CU_ASSERT_EQUAL(text.replaced, 3);
    weir_text_clear(&text);
}

static void a_nul_byte_is_a_character(void)
{
    struct weir_text text;

    CU_ASSERT_EQUAL(weir_decode("a\0b", 3, NULL, WEIR_STRICT, NULL, &text, NULL), 0);
    CU_ASSERT_EQUAL(text.length, 3);
    CU_ASSERT(memcmp(text.bytes, "a\0b", 4) == 0);
    weir_text_clear(&text);
}

static void no_bytes_make_an_empty_text(void)
{
    static const char *const charsets[] = {"utf-8", "auto", "utf-16", "gb18030"};

    for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++) {
        decodes(NULL, 0, charsets[i], WEIR_STRICT, "", NULL);
        decodes("", 0, charsets[i], WEIR_STRICT, "", NULL);
    }
}

static void a_byte_order_mark_stays_in_utf_8_and_goes_in_auto_and_utf_16(void)
{
    decodes(BYTES("\xEF\xBB\xBF"
                  "a"),
            "utf-8", WEIR_STRICT,
            "\xEF\xBB\xBF"
            "a",
            "utf-8");
    decodes(BYTES("\xEF\xBB\xBF"
                  "a"),
            "auto", WEIR_STRICT, "a", "utf-8");
    decodes(BYTES("\xFF\xFE"
                  "a\0"),
            "utf-16", WEIR_STRICT, "a", "utf-16");
    decodes(BYTES("\xFE\xFF\0a"), "utf-16", WEIR_STRICT, "a", "utf-16");
    decodes(BYTES("a\0"), "utf-16", WEIR_STRICT, "a", "utf-16");
    decodes(BYTES("\xFF\xFE"
                  "a\0"),
            "utf-16le", WEIR_STRICT,
            "\xEF\xBB\xBF"
            "a",
            "utf-16le");
    decodes(BYTES("\0\0\xFE\xFF\0\0\0a"), "UTF-32", WEIR_STRICT, "a", "utf-32");
}

static void auto_takes_a_mark_then_utf_8_then_the_fallback(void)
{
    struct weir_text text;

    unsetenv("LC_ALL");
    unsetenv("LC_CTYPE");
    setenv("LANG", "C", 1);
    decodes(BYTES("\xFF\xFE"
                  "a\0\x3D\xD8\0\xDE"),
            "auto", WEIR_STRICT, "a\xF0\x9F\x98\x80", "utf-16le");
    decodes(BYTES("\xFE\xFF\0a"), "auto", WEIR_STRICT, "a", "utf-16be");
    decodes(BYTES("\xFF\xFE\0\0a\0\0\0"), "auto", WEIR_STRICT, "a", "utf-32le");
    decodes(BYTES("\0\0\xFE\xFF\0\0\0a"), "auto", WEIR_STRICT, "a", "utf-32be");
    decodes(BYTES("\x84\x31\x95\x33\xC4\xE3"), "auto", WEIR_STRICT, "\xE4\xBD\xA0", "gb18030");
    decodes(BYTES("caf\xC3\xA9"), "Auto", WEIR_STRICT, "caf\xC3\xA9", "utf-8");
    decodes(BYTES("caf\xE9"), "auto", WEIR_STRICT, "caf\xC3\xA9", "latin1");
    decodes(BYTES("\xFF"), "auto", WEIR_STRICT, "\xC3\xBF", "latin1");
    CU_ASSERT_EQUAL(weir_decode("\xC4\xE3", 2, "auto", WEIR_STRICT, "GBK", &text, NULL), 0);
    CU_ASSERT_STRING_EQUAL(text.bytes, "\xE4\xBD\xA0");
    CU_ASSERT_STRING_EQUAL(text.charset, "gbk");
    weir_text_clear(&text);
}

/* Nothing may be passed on before the charset is known: 5C is a yen sign here. */
static void auto_waits_where_ascii_would_not_mean_itself(void)
{
    struct weir_text text;

    CU_ASSERT_EQUAL(weir_decode("\\\x93\xFA", 3, "auto", WEIR_STRICT, "shift_jis", &text, NULL), 0);
    CU_ASSERT_STRING_EQUAL(text.bytes, "\xC2\xA5\xE6\x97\xA5");
    weir_text_clear(&text);
}

static void auto_still_takes_utf_8_that_was_cut_at_its_end(void)
{
    decodes(BYTES("\xC3\xA9 caf\xC3"), "auto", WEIR_REPLACE, "\xC3\xA9 caf" FFFD, "utf-8");
    decodes(BYTES("caf\xC3"), "auto", WEIR_REPLACE, "caf\xC3\x83", "latin1");
}

static void auto_takes_the_charset_of_the_environments_locale(void)
{
    char before[64];

    snprintf(before, sizeof before, "%s", setlocale(LC_ALL, NULL));
    setenv("LC_ALL", "ja_JP.EUC-JP@none", 1); /* installed or not */
    decodes(BYTES("\xC6\xFC\xCB\xDC"), "auto", WEIR_STRICT, "\xE6\x97\xA5\xE6\x9C\xAC", "euc-jp");
    decodes(BYTES("\xE6\x97\xA5"), "auto", WEIR_STRICT, "\xE6\x97\xA5", "utf-8");
    setenv("LC_ALL", "ja_JP.no-such-set", 1);
    decodes(BYTES("\xE9"), "auto", WEIR_STRICT, "\xC3\xA9", "latin1");
    setenv("LC_ALL", "C.UTF-8", 1);
    decodes(BYTES("\xE9"), "auto", WEIR_STRICT, "\xC3\xA9", "latin1");
    CU_ASSERT_STRING_EQUAL(setlocale(LC_ALL, NULL), before);
}

static void asian_and_wide_charsets_are_decoded(void)
{
    decodes(BYTES("\xC4\xE3\x94\x39\xFC\x36"), "GB18030", WEIR_STRICT,
            "\xE4\xBD\xA0\xF0\x9F\x98\x80", "gb18030");
    decodes(BYTES("\x93\xFA\x96\x7B"), "shift_jis", WEIR_STRICT, "\xE6\x97\xA5\xE6\x9C\xAC", NULL);
    decodes(BYTES("\x1B$B$\"\x1B(B!"), "iso-2022-jp", WEIR_STRICT, "\xE3\x81\x82!", NULL);
    decodes(BYTES("na\xEFve"), "latin1", WEIR_STRICT, "na\xC3\xAFve", "latin1");
    decodes(BYTES("a"), "gbk//", WEIR_STRICT, "a", "gbk"); /* as iconv -l lists it */
}

static void other_charsets_mark_one_unit_and_go_on(void)
{
    decodes(BYTES("a\xFF\xC4\xE3"), "gbk", WEIR_REPLACE, "a" FFFD "\xE4\xBD\xA0", NULL);
    decodes(BYTES("\xC4"
                  "1"),
            "gbk", WEIR_BACKSLASHREPLACE,
            "\\xc4"
            "1",
            NULL);
    decodes(BYTES("\xC4"), "gbk", WEIR_REPLACE, FFFD, NULL);
    decodes(BYTES("\0\xD8"
                  "a\0"),
            "utf-16le", WEIR_REPLACE, FFFD "a", NULL);
    decodes(BYTES("a\0\0\xD8"), "utf-16", WEIR_BACKSLASHREPLACE, "a\\x00\\xd8", NULL);
    decodes(BYTES("a\0b"), "utf-16", WEIR_REPLACE, "a" FFFD, NULL);
    refuses(BYTES("a\xFF"), "gbk", 1);
    refuses(BYTES("a\xC4"), "gbk", 1);
    refuses(BYTES("\xFF\xFE"
                  "a\0\0\xDC"),
            "utf-16", 4);
}

static void an_error_does_not_end_a_shift_state(void)
{
    decodes(BYTES("\x1B$B$\"\xFF$\"\x1B(B!"), "iso-2022-jp", WEIR_REPLACE,
            "\xE3\x81\x82" FFFD "\xE3\x81\x82!", NULL);
}

/* In CP1258 a combining accent may follow a letter, so iconv waits with it. */
static void a_character_that_iconv_keeps_back_is_not_lost_nor_late(void)
{
    decodes(BYTES("a\xCC"), "cp1258", WEIR_STRICT, "\xC3\xA0", NULL);
    decodes(BYTES("a"), "cp1258", WEIR_STRICT, "a", NULL);
    decodes(BYTES("a\x8A"), "cp1258", WEIR_REPLACE, "a" FFFD, NULL);
}

static void output_larger_than_any_buffer_comes_out_whole(void)
{
    enum { LENGTH = 100003 };
    char *bytes = malloc(LENGTH);
    struct weir_text text;

    memset(bytes, 0xE9, LENGTH);
    CU_ASSERT_EQUAL(weir_decode(bytes, LENGTH, "latin1", WEIR_STRICT, NULL, &text, NULL), 0);
    CU_ASSERT_EQUAL(text.length, 2 * LENGTH);
    weir_text_clear(&text);
    CU_ASSERT_EQUAL(weir_decode(bytes, LENGTH, "utf-8", WEIR_REPLACE, NULL, &text, NULL), 0);
    CU_ASSERT_EQUAL(text.length, 3 * LENGTH);
    CU_ASSERT_EQUAL(text.replaced, LENGTH);
    weir_text_clear(&text);
    memset(bytes, 0xFF, LENGTH);
    CU_ASSERT_EQUAL(weir_decode(bytes, LENGTH, "gbk", WEIR_BACKSLASHREPLACE, NULL, &text, NULL), 0);
    CU_ASSERT_EQUAL(text.length, 4 * LENGTH);
    weir_text_clear(&text);
    free(bytes);
}

static int gather(const char *utf8, size_t length, void *context)
{
    return weir__buffer_add(context, utf8, length, NULL);
}

static void a_character_may_be_split_between_any_two_pieces(void)
{
    static const char *const charsets[] = {"utf-8", "auto", "gb18030", "utf-16", "iso-2022-jp"};
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 \xE2\x82 \x1B$B$\"\x1B(B";
    const size_t length = sizeof text - 1;

    for (size_t c = 0; c < sizeof charsets / sizeof charsets[0]; c++) {
        struct weir_text whole;

        weir_decode(text, length, charsets[c], WEIR_REPLACE, NULL, &whole, NULL);
        for (size_t cut = 0; cut <= length; cut++) {
            weir_decoder_t *decoder = weir_decoder_new(charsets[c], WEIR_REPLACE, NULL, NULL);
            struct weir__buffer utf8 = {0};

            weir_decoder_feed(decoder, text, cut, gather, &utf8, NULL);
            weir_decoder_feed(decoder, text + cut, length - cut, gather, &utf8, NULL);
            weir_decoder_finish(decoder, gather, &utf8, NULL);
            CU_ASSERT_EQUAL(utf8.length, whole.length);
            CU_ASSERT(memcmp(utf8.bytes, whole.bytes, whole.length) == 0);
            CU_ASSERT_EQUAL(weir_decoder_counts(decoder)->bytes, length);
            CU_ASSERT_EQUAL(weir_decoder_counts(decoder)->replaced, whole.replaced);
            CU_ASSERT_EQUAL(weir_decoder_counts(decoder)->invalid_at, whole.invalid_at);
            weir__buffer_clear(&utf8);
            weir_decoder_free(decoder);
        }
        weir_text_clear(&whole);
    }
}

static int expect_the_same_pointer(const char *utf8, size_t length, void *context)
{
    CU_ASSERT_PTR_EQUAL(utf8, context);
    CU_ASSERT_EQUAL(length, 100);
    return 0;
}

static void valid_text_is_passed_on_without_a_copy(void)
{
    weir_decoder_t *decoder = weir_decoder_new("utf-8", WEIR_STRICT, NULL, NULL);
    char text[100];

    memset(text, 'a', sizeof text);
    CU_ASSERT_EQUAL(weir_decoder_feed(decoder, text, 100, expect_the_same_pointer, text, NULL), 0);
    weir_decoder_free(decoder);
}

static int fail_with_minus_77(const char *utf8, size_t length, void *context)
{
    (void)context, (void)utf8, (void)length;
    return -77;
}

static void what_the_sink_answers_ends_the_decoding(void)
{
    weir_decoder_t *decoder = weir_decoder_new("utf-8", WEIR_REPLACE, NULL, NULL);
    struct weir_error error;

    CU_ASSERT_EQUAL(weir_decoder_feed(decoder, "a", 1, fail_with_minus_77, NULL, NULL), -77);
    CU_ASSERT_EQUAL(weir_decoder_feed(decoder, "a", 1, fail_with_minus_77, NULL, &error),
                    WEIR_ERR_INVALID);
    weir_decoder_free(decoder);
}

static void strict_gives_what_precedes_the_error(void)
{
    weir_decoder_t *decoder = weir_decoder_new("gbk", WEIR_STRICT, NULL, NULL);
    struct weir__buffer utf8 = {0};

    CU_ASSERT_EQUAL(weir_decoder_feed(decoder, "ab\xFFxx", 5, gather, &utf8, NULL),
                    WEIR_ERR_DECODE);
    CU_ASSERT_EQUAL(utf8.length, 2);
    CU_ASSERT_EQUAL(weir_decoder_counts(decoder)->invalid_at, 2);
    weir__buffer_clear(&utf8);
    weir_decoder_free(decoder);
}

static void is_unknown(const char *charset, const char *fallback, const char *part_of_text)
{
    struct weir_error error = {0};

    CU_ASSERT_PTR_NULL(weir_decoder_new(charset, WEIR_REPLACE, fallback, &error));
    CU_ASSERT_EQUAL(error.status, WEIR_ERR_CHARSET);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, part_of_text));
}

static void a_charset_that_is_none_is_named_in_the_error(void)
{
    is_unknown("klingon-8", NULL,
               "no character set named \"klingon-8\": give utf-8, auto, binary or a name that "
               "iconv -l lists");
    is_unknown("auto", "klingon-8", "\"klingon-8\"");
    is_unknown("auto", "auto", "its own fallback");
    is_unknown("binary", NULL, "not to decode");
    is_unknown("", NULL, "\"\"");
    is_unknown("gbk//IGNORE", NULL, "\"gbk//IGNORE\"");
    is_unknown("gbk\n\"x\"\xFF", NULL, "\"gbk\\n\"x\"\\xff\"");
    is_unknown("a-name-that-is-longer-than-any-there-is", NULL, "a-name-that-is");
}

static void an_on_error_that_is_none_is_refused(void)
{
    struct weir_error error;

    CU_ASSERT_PTR_NULL(weir_decoder_new("utf-8", (enum weir_on_error)9, NULL, &error));
    CU_ASSERT_EQUAL(error.status, WEIR_ERR_INVALID);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"bytes that do not fit are treated in three ways",
         bytes_that_do_not_fit_are_treated_in_three_ways},
        {"each maximal subpart is replaced once", each_maximal_subpart_is_replaced_once},
        {"replacements are counted", replacements_are_counted},
        {"a NUL byte is a character", a_nul_byte_is_a_character},
        {"no bytes make an empty text", no_bytes_make_an_empty_text},
        {"a byte-order mark stays in utf-8, and goes in auto and utf-16",
         a_byte_order_mark_stays_in_utf_8_and_goes_in_auto_and_utf_16},
        {"auto takes a mark, then UTF-8, then the fallback",
         auto_takes_a_mark_then_utf_8_then_the_fallback},
        {"auto waits where ASCII would not mean itself",
         auto_waits_where_ascii_would_not_mean_itself},
        {"auto still takes UTF-8 that was cut at its end",
         auto_still_takes_utf_8_that_was_cut_at_its_end},
        {"auto takes the charset of the environment's locale",
         auto_takes_the_charset_of_the_environments_locale},
        {"Asian and wide charsets are decoded", asian_and_wide_charsets_are_decoded},
        {"other charsets mark one unit and go on", other_charsets_mark_one_unit_and_go_on},
        {"an error does not end a shift state", an_error_does_not_end_a_shift_state},
        {"a character that iconv keeps back is neither lost nor late",
         a_character_that_iconv_keeps_back_is_not_lost_nor_late},
        {"output larger than any buffer comes out whole",
         output_larger_than_any_buffer_comes_out_whole},
        {"a character may be split between any two pieces",
         a_character_may_be_split_between_any_two_pieces},
        {"valid text is passed on without a copy", valid_text_is_passed_on_without_a_copy},
        {"what the sink answers ends the decoding", what_the_sink_answers_ends_the_decoding},
        {"strict gives what precedes the error", strict_gives_what_precedes_the_error},
        {"a charset that is none is named in the error",
         a_charset_that_is_none_is_named_in_the_error},
        {"an on_error that is none is refused", an_on_error_that_is_none_is_refused},
        CU_TEST_INFO_NULL,
    };

    return run_suite("decode", tests);
}
