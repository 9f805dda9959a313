#include "config.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

static void each_form_has_its_first_and_last_character(void)
{
    static const char *const edges[] = {"\x01",
                                        "\x7F",
                                        "\xC2\x80",
                                        "\xDF\xBF",
                                        "\xE0\xA0\x80",
                                        "\xEC\xBF\xBF",
                                        "\xED\x80\x80",
                                        "\xED\x9F\xBF",
                                        "\xEE\x80\x80",
                                        "\xEF\xBF\xBF",
                                        "\xF0\x90\x80\x80",
                                        "\xF3\xBF\xBF\xBF",
                                        "\xF4\x8F\xBF\xBF"};

    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        CU_ASSERT(weir__utf8_valid(edges[i], strlen(edges[i])));
    CU_ASSERT(weir__utf8_valid("\0", 1));
    CU_ASSERT(weir__utf8_valid("", 0));
}

struct bad {
    const char *bytes;
    size_t rest; /* its maximal subpart */
};

static void overlong_forms_surrogates_and_what_lies_above_unicode_are_bad(void)
{
    static const struct bad bad[] = {
        {"\x80", 1},
        {"\xBF", 1},
        {"\xC0\x80", 1},
        {"\xC1\xBF", 1},
        {"\xE0\x80\x80", 1},
        {"\xE0\x9F\xBF", 1},
        {"\xED\xA0\x80", 1},
        {"\xED\xBF\xBF", 1},
        {"\xF0\x80\x80\x80", 1},
        {"\xF0\x8F\xBF\xBF", 1},
        {"\xF4\x90\x80\x80", 1},
        {"\xF5\x80\x80\x80", 1},
        {"\xFE", 1},
        {"\xFF", 1},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct weir__utf8_scan scan = weir__utf8_scan(bad[i].bytes, strlen(bad[i].bytes));

        CU_ASSERT_EQUAL(scan.stop, WEIR__UTF8_BAD);
        CU_ASSERT_EQUAL(scan.valid, 0);
        CU_ASSERT_EQUAL(scan.rest, bad[i].rest);
    }
}

static void the_maximal_subpart_is_as_much_as_could_have_gone_on(void)
{
    static const struct bad bad[] = {
        {"\xC3"
         "A",
         1},
        {"\xE2\x82"
         "A",
         2},
        {"\xE2"
         "A",
         1},
        {"\xF0\x9F\x98"
         "A",
         3},
        {"\xF0\x9F"
         "A",
         2},
        {"\xF0\x9F\xF0", 2},
        {"\xE2\x82\xC3", 2},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct weir__utf8_scan scan = weir__utf8_scan(bad[i].bytes, strlen(bad[i].bytes));

        CU_ASSERT_EQUAL(scan.stop, WEIR__UTF8_BAD);
        CU_ASSERT_EQUAL(scan.rest, bad[i].rest);
    }
}

static void a_character_cut_short_is_distinguished_from_a_bad_one(void)
{
    struct weir__utf8_scan scan = weir__utf8_scan("abc\xF0\x9F\x98", 6);

    CU_ASSERT_EQUAL(scan.stop, WEIR__UTF8_CUT);
    CU_ASSERT_EQUAL(scan.valid, 3);
    CU_ASSERT_EQUAL(scan.rest, 3);
    scan = weir__utf8_scan("\xE0\x80", 2);
    CU_ASSERT_EQUAL(scan.stop, WEIR__UTF8_BAD);
}

/* The fast path takes 32 and 8 bytes at a time: each place must be looked at. */
static void a_bad_byte_is_found_at_any_place_of_a_long_text(void)
{
    enum { LENGTH = 131 };

    for (size_t length = 1; length <= LENGTH; length++) {
        char *text = malloc(length); /* of that size, for the sanitizer */

        CU_ASSERT_FATAL(text != NULL);
        memset(text, 'a', length);
        CU_ASSERT(weir__utf8_valid(text, length));
        for (size_t at = 0; at < length; at++) {
            struct weir__utf8_scan scan;

            text[at] = (char)0xFF;
            scan = weir__utf8_scan(text, length);
            CU_ASSERT_EQUAL(scan.stop, WEIR__UTF8_BAD);
            CU_ASSERT_EQUAL(scan.valid, at);
            CU_ASSERT_EQUAL(weir__utf8_ascii(text, length), at);
            text[at] = 'a';
        }
        free(text);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"each form has its first and last character", each_form_has_its_first_and_last_character},
        {"overlong forms, surrogates and what lies above Unicode are bad",
         overlong_forms_surrogates_and_what_lies_above_unicode_are_bad},
        {"the maximal subpart is as much as could have gone on",
         the_maximal_subpart_is_as_much_as_could_have_gone_on},
        {"a character cut short is distinguished from a bad one",
         a_character_cut_short_is_distinguished_from_a_bad_one},
        {"a bad byte is found at any place of a long text",
         a_bad_byte_is_found_at_any_place_of_a_long_text},
        CU_TEST_INFO_NULL,
    };

    return run_suite("utf8", tests);
}
