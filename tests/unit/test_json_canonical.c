#include "config.h"

#include "base/json_canonical.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "support/harness.h"

/* What text becomes in its canonical form; the caller owns it. */
static char *canonical(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    char *made = value != NULL ? weir__canonical_text(value, NULL) : NULL;

    json_decref(value);
    return made;
}

static void expect(const char *text, const char *wanted)
{
    char *made = canonical(text);

    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    CU_ASSERT_STRING_EQUAL(made, wanted);
    free(made);
}

/* RFC 8785, 3.2.2: the whole sample. */
static void the_sample_of_the_rfc(void)
{
    expect("{\"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],"
           " \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\","
           " \"literals\": [null, true, false]}",
           "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
           "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

/* RFC 8785, 3.2.3: an emoji is two surrogates, and so comes before U+FB33. */
static void names_are_sorted_by_utf16_code_units(void)
{
    expect("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Dalet\","
           "\"1\":\"One\",\"\\ud83d\\ude00\":\"Grinning\",\"\\u0080\":\"Control\","
           "\"\\u00f6\":\"Diaeresis\"}",
           "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
           "\"\xc3\xb6\":\"Diaeresis\",\"\xe2\x82\xac\":\"Euro Sign\","
           "\"\xf0\x9f\x98\x80\":\"Grinning\",\"\xef\xac\xb3\":\"Dalet\"}");
    CU_ASSERT(weir__canonical_compare("a", "ab") < 0);
    CU_ASSERT(weir__canonical_compare("", "a") < 0);
    CU_ASSERT(weir__canonical_compare("ab", "ab") == 0);
    CU_ASSERT(weir__canonical_compare("\xed\x9f\xbf", "\xf0\x90\x80\x80") < 0);
    CU_ASSERT(weir__canonical_compare("\xf4\x8f\xbf\xbf", "\xee\x80\x80") < 0);
    CU_ASSERT(weir__canonical_compare("x\xef\xbf\xbd", "x\xf0\x90\x80\x80") > 0);
}

/* RFC 8785, appendix B. */
static void numbers_are_as_ecmascript_prints_them(void)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"0.0", "0"},
        {"-0.0", "0"},
        {"5e-324", "5e-324"},
        {"-5e-324", "-5e-324"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"9007199254740992.0", "9007199254740992"},
        {"-9007199254740992.0", "-9007199254740992"},
        {"295147905179352830000.0", "295147905179352830000"},
        {"9.999999999999997e22", "9.999999999999997e+22"},
        {"1e23", "1e+23"},
        {"1.0000000000000001e23", "1.0000000000000001e+23"},
        {"999999999999999700000.0", "999999999999999700000"},
        {"999999999999999900000.0", "999999999999999900000"},
        {"1e21", "1e+21"},
        {"9.999999999999997e-7", "9.999999999999997e-7"},
        {"0.000001", "0.000001"},
        {"333333333.3333332", "333333333.3333332"},
        {"333333333.33333325", "333333333.33333325"},
        {"-0.0000033333333333333333", "-0.0000033333333333333333"},
        {"1424953923781206.2", "1424953923781206.2"},
        {"0.1", "0.1"},
        {"100.0", "100"},
        {"-12.50", "-12.5"},
        {"9223372036854775807", "9223372036854775807"},
        {"-7", "-7"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(cases[i].text, cases[i].wanted);
}

static void strings_have_the_fewest_escapes(void)
{
    expect("\"\\b\\t\\n\\u000b\\f\\r\\u0000x\\u001f\\u007f\\/\"",
           "\"\\b\\t\\n\\u000b\\f\\r\\u0000x\\u001f\x7f/\"");
    expect("\"\"", "\"\"");
    expect("[[],{}, {\"\":[1]}]", "[[],{},{\"\":[1]}]");
}

/* FIPS 180-2, appendix B; RFC 4231, cases 2 and 6. */
static void digests_are_those_of_the_standards(void)
{
    char hex[WEIR__DIGEST_SIZE], key[131];
    struct weir__digest *digest;

    weir__sha256("abc", 3, hex);
    CU_ASSERT_STRING_EQUAL(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest = weir__digest_new("Jefe", 4);
    CU_ASSERT_PTR_NOT_NULL_FATAL(digest);
    for (int again = 0; again < 2; again++) {
        weir__digest_add(digest, "what do ya want ", 16);
        weir__digest_add(digest, "for nothing?", 12);
        weir__digest_take(digest, hex);
        CU_ASSERT_STRING_EQUAL(hex,
                               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
    weir__digest_free(digest);
    memset(key, 0xaa, sizeof key);
    digest = weir__digest_new(key, sizeof key);
    CU_ASSERT_PTR_NOT_NULL_FATAL(digest);
    weir__digest_add(digest, "Test Using Larger Than Block-Size Key - Hash Key First", 54);
    weir__digest_take(digest, hex);
    CU_ASSERT_STRING_EQUAL(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    weir__digest_free(digest);
    digest = weir__digest_new(NULL, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(digest);
    weir__digest_add(digest, "a", 1);
    weir__digest_add(digest, "bc", 2);
    weir__digest_take(digest, hex);
    CU_ASSERT_STRING_EQUAL(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    weir__digest_free(digest);
    weir__digest_free(NULL);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"the_sample_of_the_rfc", the_sample_of_the_rfc},
        {"names_are_sorted_by_utf16_code_units", names_are_sorted_by_utf16_code_units},
        {"numbers_are_as_ecmascript_prints_them", numbers_are_as_ecmascript_prints_them},
        {"strings_have_the_fewest_escapes", strings_have_the_fewest_escapes},
        {"digests_are_those_of_the_standards", digests_are_those_of_the_standards},
        CU_TEST_INFO_NULL,
    };

    return run_suite("canonical", tests);
}
