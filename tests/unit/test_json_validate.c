#include "config.h"

#include "text/json_validate.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

/* Bytes that may hold NUL. */
#define TEXT(literal) (literal), sizeof(literal) - 1

struct text {
    const char *bytes;
    size_t length;
};

struct fault_case {
    const char *bytes;
    size_t length, offset;
    const char *reason;
};

enum mode { AS_IT_IS, AS_UTF8 };

/* Looks at a copy of that very size, for the sanitizer. */
static bool look(enum mode mode, const char *bytes, size_t length, struct weir__syntax_fault *fault)
{
    char *copy = malloc(length > 0 ? length : 1);
    bool is_good;

    CU_ASSERT_FATAL(copy != NULL);
    memcpy(copy, bytes, length);
    *fault = (struct weir__syntax_fault){SIZE_MAX, "not reported"};
    is_good = mode == AS_UTF8 ? weir__json_syntax_utf8(copy, length, fault)
                              : weir__json_syntax(copy, length, fault);
    free(copy);
    return is_good;
}

static void expect(bool holds, const char *bytes, size_t length, const char *reported)
{
    CU_ASSERT(holds);
    if (!holds)
        printf("# %.*s: %s\n", (int)(length < 60 ? length : 60), bytes, reported);
}

static void expect_good(enum mode mode, const char *bytes, size_t length)
{
    struct weir__syntax_fault fault;
    bool is_good = look(mode, bytes, length, &fault);

    expect(is_good, bytes, length, fault.reason);
    expect(fault.offset == SIZE_MAX, bytes, length, "a fault was reported in what is good");
}

static void expect_fault(enum mode mode, const struct fault_case *wanted)
{
    struct weir__syntax_fault fault;
    bool is_good = look(mode, wanted->bytes, wanted->length, &fault);
    char reported[200];

    snprintf(reported, sizeof reported, "%s at %zu, not %s at %zu", is_good ? "good" : fault.reason,
             fault.offset, wanted->reason, wanted->offset);
    expect(!is_good && fault.offset == wanted->offset && strcmp(fault.reason, wanted->reason) == 0,
           wanted->bytes, wanted->length, reported);
}

#define EXPECT_ALL_GOOD(texts)                                                                     \
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts)[0]; i++) {                                \
        expect_good(AS_IT_IS, (texts)[i].bytes, (texts)[i].length);                                \
        expect_good(AS_UTF8, (texts)[i].bytes, (texts)[i].length);                                 \
    }

#define EXPECT_ALL_FAULTS(cases)                                                                   \
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases)[0]; i++) {                                \
        expect_fault(AS_IT_IS, &(cases)[i]);                                                       \
        expect_fault(AS_UTF8, &(cases)[i]);                                                        \
    }

/* Of most kinds of what the public JSON test suite (JSONTestSuite) calls y_. */
static void every_value_is_good_at_the_top(void)
{
    static const struct text good[] = {
        {TEXT("null")},
        {TEXT("true")},
        {TEXT("false")},
        {TEXT("0")},
        {TEXT("\"\"")},
        {TEXT("[]")},
        {TEXT("{}")},
        {TEXT("\"a\x7F\"")},
        {TEXT("[[]   ]")},
        {TEXT("[\"\"]")},
        {TEXT("[null, 1, \"1\", {}]")},
        {TEXT("[1,null,null,null,2]")},
        {TEXT("{\"\":0}")},
        {TEXT("{\"a\":[]}")},
        {TEXT("{\"a\":{\"b\":[{\"c\":null}]},\"d\":true}")},
        {TEXT("{\"min\": -1.0e+28, \"max\": 1.0e+28}")},
        {TEXT("[\"a/*b*/c/*d//e\"]")},
        {TEXT("{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430\" }")},
        {TEXT("[\"\xE2\x82\xAC\xF0\x9D\x84\x9E\xF4\x8F\xBF\xBF\xE2\x80\xA8\xEF\xBF\xBF\"]")},
    };

    EXPECT_ALL_GOOD(good);
    CU_ASSERT(weir__json_syntax("1", 1, NULL));
    CU_ASSERT(!weir__json_syntax("?", 1, NULL));
    CU_ASSERT(!weir__json_syntax_utf8("?", 1, NULL));
}

static void what_jansson_refuses_is_good_syntax(void)
{
    static const struct text good[] = {
        {TEXT("{\"a\":1,\"a\":1}")},
        {TEXT("1e400")},
        {TEXT("-123123e100000")},
        {TEXT("123456789012345678901234567890123456789012345678901234567890")},
        {TEXT("\"\\uD800\"")},
        {TEXT("\"\\uDc00\\ud800\"")},
        {TEXT("\"\\ud800\\n\"")},
        {TEXT("{\"foo\\u0000bar\": 42}")},
    };

    EXPECT_ALL_GOOD(good);
}

static void every_form_of_a_number_is_good(void)
{
    static const struct text good[] = {
        {TEXT("-0")},
        {TEXT("-1")},
        {TEXT("10")},
        {TEXT("1234567")},
        {TEXT("12345678")},
        {TEXT("123456789")},
        {TEXT("0.0")},
        {TEXT("-0.5")},
        {TEXT("123.456789")},
        {TEXT("0e1")},
        {TEXT("0e+1")},
        {TEXT("0E-00")},
        {TEXT("1E22")},
        {TEXT("1E-2")},
        {TEXT("123.456e78")},
        {TEXT("1.5E+0100000000")},
        {TEXT("[20e1 ]")},
        {TEXT("[ 4]")},
        {TEXT("{\"a\":-1.5e-7}")},
    };

    EXPECT_ALL_GOOD(good);
}

static void a_number_out_of_form_is_a_fault_at_its_first_wrong_byte(void)
{
    static const struct fault_case faults[] = {
        {TEXT("-"), 1, "a digit is due"},
        {TEXT("[-]"), 2, "a digit is due"},
        {TEXT("- 1"), 1, "a digit is due"},
        {TEXT("-.5"), 1, "a digit is due"},
        {TEXT("-NaN"), 1, "a digit is due"},
        {TEXT("--1"), 1, "a digit is due"},
        {TEXT("1."), 2, "a digit is due"},
        {TEXT("[1.]"), 3, "a digit is due"},
        {TEXT("0.e1"), 2, "a digit is due"},
        {TEXT("2.e+3"), 2, "a digit is due"},
        {TEXT("12345678.x"), 9, "a digit is due"},
        {TEXT("1e"), 2, "a digit is due"},
        {TEXT("1E+"), 3, "a digit is due"},
        {TEXT("1e+-2"), 3, "a digit is due"},
        {TEXT("1eE2"), 2, "a digit is due"},
        {TEXT("1e1.5"), 3, "more after the value"},
        {TEXT("01"), 1, "leading zero"},
        {TEXT("-012"), 2, "leading zero"},
        {TEXT("00"), 1, "leading zero"},
        {TEXT("0x1F"), 1, "more after the value"},
        {TEXT("1.2.3"), 3, "more after the value"},
        {TEXT("1 000"), 2, "more after the value"},
        {TEXT("1234567/"), 7, "more after the value"},
        {TEXT("1234567:"), 7, "more after the value"},
        {TEXT("12345678901:"), 11, "more after the value"},
        {TEXT("1\xE5"), 1, "more after the value"},
        {TEXT("123456789\xB1"), 9, "more after the value"},
        {TEXT("1\0"), 1, "more after the value"},
        {TEXT("[1+2]"), 2, "a comma or ] is due"},
        {TEXT("+1"), 0, "a value is due"},
        {TEXT(".5"), 0, "a value is due"},
        {TEXT("Infinity"), 0, "a value is due"},
        {TEXT("\xEF\xBC\x91"), 0, "a value is due"},
    };

    EXPECT_ALL_FAULTS(faults);
}

static void a_word_is_a_fault_where_it_is_misspelt_or_cut(void)
{
    static const struct fault_case faults[] = {
        {TEXT("t"), 1, "not a value"},
        {TEXT("nul"), 3, "not a value"},
        {TEXT("[tru]"), 4, "not a value"},
        {TEXT("truth"), 3, "not a value"},
        {TEXT("fals\0"), 4, "not a value"},
        {TEXT("falSe"), 3, "not a value"},
        {TEXT("nan"), 1, "not a value"},
        {TEXT("True"), 0, "a value is due"},
        {TEXT("nullx"), 4, "more after the value"},
        {TEXT("truefalse"), 4, "more after the value"},
    };

    EXPECT_ALL_FAULTS(faults);
}

static void every_simple_escape_and_no_other_is_good(void)
{
    for (int byte = 0; byte < 256; byte++) {
        const char text[] = {'"', 'a', '\\', (char)byte, 'b', '"'};
        struct fault_case fault = {text, sizeof text, 3, "unknown escape"};

        if (byte != 0 && strchr("\"\\/bfnrt", byte) != NULL)
            expect_good(AS_IT_IS, text, sizeof text);
        else if (byte != 'u')
            expect_fault(AS_IT_IS, &fault);
    }
}

static void an_escape_of_a_code_unit_has_four_hex_digits(void)
{
    for (int byte = 0; byte < 256; byte++) {
        bool is_hex = byte != 0 && strchr("0123456789abcdefABCDEF", byte) != NULL;

        for (size_t at = 3; at < 7; at++) {
            char text[] = "\"\\u09aF\"";
            struct fault_case fault = {text, sizeof text - 1, at, "\\u without four hex digits"};

            text[at] = (char)byte;
            if (is_hex)
                expect_good(AS_IT_IS, text, sizeof text - 1);
            else
                expect_fault(AS_IT_IS, &fault);
        }
    }
}

static void an_escape_cut_by_the_end_is_a_fault_there(void)
{
    static const struct fault_case faults[] = {
        {TEXT("\"\\"), 2, "unknown escape"},
        {TEXT("\"\\u"), 3, "\\u without four hex digits"},
        {TEXT("\"\\u12"), 5, "\\u without four hex digits"},
        {TEXT("\"\\u123"), 6, "\\u without four hex digits"},
        {TEXT("\"\\u1234"), 7, "unterminated string"},
        {TEXT("\"\\\""), 3, "unterminated string"},
        {TEXT("[\"\\\\\\\"]"), 7, "unterminated string"},
        {TEXT("[\"\\uD834\\\"]"), 11, "unterminated string"},
        {TEXT("[\"\\uD834\\uDd\"]"), 12, "\\u without four hex digits"},
        {TEXT("[\"\\uD800\\u1x\"]"), 11, "\\u without four hex digits"},
        {TEXT("[\"\\UA66D\"]"), 3, "unknown escape"},
        {TEXT("[\"\\\xF0\x9F\x8C\x80\"]"), 3, "unknown escape"},
        {TEXT("[\\u000A\"\"]"), 1, "a value is due"},
    };

    EXPECT_ALL_FAULTS(faults);
}

/* Eight bytes are looked at together: each place must count, at every length. */
static void each_byte_of_a_string_counts_at_any_place(void)
{
    enum { LONGEST = 27 };
    char text[LONGEST + 2];

    for (size_t length = 1; length <= LONGEST; length++)
        for (size_t at = 1; at <= length; at++)
            for (int byte = 0; byte < 256; byte++) {
                struct fault_case fault = {text, length + 2, at, "control character in a string"};

                memset(text, at % 2 ? 'a' : 0xFF, sizeof text);
                text[0] = text[length + 1] = '"';
                text[at] = (char)byte;
                if (byte == '"')
                    fault.offset = at + 1, fault.reason = "more after the value";
                else if (byte == '\\')
                    fault.offset = at + (at < length ? 1 : 2),
                    fault.reason = at < length ? "unknown escape" : "unterminated string";
                if (byte < 0x20 || byte == '"' || byte == '\\')
                    expect_fault(AS_IT_IS, &fault);
                else
                    expect_good(AS_IT_IS, text, length + 2);
            }
}

/* ... and so are digits. */
static void each_byte_of_a_number_counts_at_any_place(void)
{
    enum { LONGEST = 27 };
    char text[LONGEST];

    for (size_t length = 2; length <= LONGEST; length++)
        for (size_t at = 1; at < length; at++)
            for (int byte = 0; byte < 256; byte++) {
                struct fault_case fault = {text, length, at, "more after the value"};

                memset(text, '9', sizeof text);
                text[at] = (char)byte;
                if ((byte >= '0' && byte <= '9')
                    || ((byte == '.' || byte == 'e' || byte == 'E') && at + 1 < length)
                    || (at + 1 == length
                        && (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'))) {
                    expect_good(AS_IT_IS, text, length);
                    continue;
                }
                if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
                    fault.offset = at + 1;
                else if (byte == '.' || byte == 'e' || byte == 'E')
                    fault.offset = at + 1, fault.reason = "a digit is due";
                expect_fault(AS_IT_IS, &fault);
            }
}

static void four_bytes_are_whitespace_and_no_others(void)
{
    for (int byte = 0; byte < 256; byte++) {
        const char before[] = {(char)byte, '[', ']'}, after[] = {'[', ']', (char)byte};
        struct fault_case first = {before, 3, 0, "a value is due"};
        struct fault_case last = {after, 3, 2, "more after the value"};

        if (byte != 0 && strchr(" \t\n\r", byte) != NULL) {
            expect_good(AS_IT_IS, before, 3);
            expect_good(AS_IT_IS, after, 3);
            continue;
        }
        expect_fault(AS_IT_IS, &last);
        if (byte == 0 || strchr("\"-0123456789[{tfn", byte) == NULL) /* begins no value */
            expect_fault(AS_IT_IS, &first);
    }
    expect_good(AS_IT_IS,
                TEXT(" \t\r\n{ \n\"a\"\t:\r[ 1 , \"b\"\n,\t{ } , [\r] ] ,\n\"c\" : null } \r\n"));
}

static void what_holds_values_has_its_commas_colons_and_ends(void)
{
    static const struct fault_case faults[] = {
        {TEXT(""), 0, "a value is due"},
        {TEXT(" "), 1, "a value is due"},
        {TEXT("\0"), 0, "a value is due"},
        {TEXT("\xEF\xBB\xBF{}"), 0, "a value is due"},
        {TEXT("'a'"), 0, "a value is due"},
        {TEXT("*"), 0, "a value is due"},
        {TEXT("]"), 0, "a value is due"},
        {TEXT("["), 1, "a value is due"},
        {TEXT("[,1]"), 1, "a value is due"},
        {TEXT("[1,]"), 3, "a value is due"},
        {TEXT("[1,,2]"), 3, "a value is due"},
        {TEXT("[1,"), 3, "a value is due"},
        {TEXT("[}"), 1, "a value is due"},
        {TEXT("[1 2]"), 3, "a comma or ] is due"},
        {TEXT("[1"), 2, "a comma or ] is due"},
        {TEXT("[\"a\""), 4, "a comma or ] is due"},
        {TEXT("[1}"), 2, "a comma or ] is due"},
        {TEXT("[1;2]"), 2, "a comma or ] is due"},
        {TEXT("[\"\":1]"), 3, "a comma or ] is due"},
        {TEXT("[3[4]]"), 2, "a comma or ] is due"},
        {TEXT("[\"a\", 4, 5\0]"), 10, "a comma or ] is due"},
        {TEXT("[1]]"), 3, "more after the value"},
        {TEXT("[]{}"), 2, "more after the value"},
        {TEXT("[1],"), 3, "more after the value"},
        {TEXT("{"), 1, "a key is due"},
        {TEXT("{]"), 1, "a key is due"},
        {TEXT("{,"), 1, "a key is due"},
        {TEXT("{1:1}"), 1, "a key is due"},
        {TEXT("{a:1}"), 1, "a key is due"},
        {TEXT("{'a':0}"), 1, "a key is due"},
        {TEXT("{null:null}"), 1, "a key is due"},
        {TEXT("{[:\"x\"}"), 1, "a key is due"},
        {TEXT("{\"a\":0,}"), 7, "a key is due"},
        {TEXT("{\"a\":0,,\"b\":1}"), 7, "a key is due"},
        {TEXT("{\"a\" 0}"), 5, "a colon is due"},
        {TEXT("{\"a\""), 4, "a colon is due"},
        {TEXT("{\"a\",1}"), 4, "a colon is due"},
        {TEXT("{\"a\"}"), 4, "a colon is due"},
        {TEXT("{\"a"), 3, "unterminated string"},
        {TEXT("{\"a\":"), 5, "a value is due"},
        {TEXT("{\"a\"::1}"), 5, "a value is due"},
        {TEXT("{\"a\":}"), 5, "a value is due"},
        {TEXT("{\"a\":0"), 6, "a comma or } is due"},
        {TEXT("{\"a\":0]"), 6, "a comma or } is due"},
        {TEXT("{\"a\":0 \"b\":1}"), 7, "a comma or } is due"},
        {TEXT("{\"a\":0/**/}"), 6, "a comma or } is due"},
        {TEXT("{\"a\":0}//"), 7, "more after the value"},
        {TEXT("{\"a\":0}}"), 7, "more after the value"},
        {TEXT("{\"a\":1} {\"a\":2}"), 8, "more after the value"},
        {TEXT("[{\"a\":[1},2]"), 8, "a comma or ] is due"},
        {TEXT("{\"a\":[{]}"), 7, "a key is due"},
        {TEXT("\"a\""
              "b"),
         3, "more after the value"},
        {TEXT("\"a\nb\""), 2, "control character in a string"},
        {TEXT("[\"a"), 3, "unterminated string"},
    };

    EXPECT_ALL_FAULTS(faults);
}

/* What is asked to be missing at the end really was all that was wrong. */
static void every_beginning_of_a_text_lacks_only_its_end(void)
{
    static const char text[] =
        " {\"key\":[true,false,null,{},[ ]],\"\\u20aC\\n\":\"long enough for "
        "more than one step\",\"n\":[-10.25e+30,0,{\"d\":{\"e\":[[\"\"]]}}]}";

    for (size_t length = 0; length < sizeof text - 1; length++) {
        struct weir__syntax_fault fault;

        CU_ASSERT(!look(AS_IT_IS, text, length, &fault));
        CU_ASSERT_EQUAL(fault.offset, length);
        CU_ASSERT(!look(AS_UTF8, text, length, &fault));
        CU_ASSERT_EQUAL(fault.offset, length);
    }
    expect_good(AS_UTF8, text, sizeof text - 1);
}

static bool is_object_at(size_t level, int pattern)
{
    return pattern == 0 ? false : pattern == 1 ? true : (level / 3 + level / 64) % 2;
}

/* Opens that many levels around a 0 and closes them. */
static char *nest(size_t depth, int pattern, size_t *first_close, size_t *length)
{
    char *text = malloc(depth * 6 + 1), *next = text;

    CU_ASSERT_FATAL(text != NULL);
    for (size_t level = 0; level < depth; level++) {
        const char *open = is_object_at(level, pattern) ? "{\"\":" : "[";

        memcpy(next, open, strlen(open));
        next += strlen(open);
    }
    *next++ = '0';
    *first_close = (size_t)(next - text);
    for (size_t level = depth; level-- > 0;)
        *next++ = is_object_at(level, pattern) ? '}' : ']';
    *length = (size_t)(next - text);
    return text;
}

static void nesting_goes_to_1024_levels_and_no_further(void)
{
    for (int pattern = 0; pattern < 3; pattern++) {
        size_t close, length;
        char *text = nest(WEIR__JSON_DEPTH, pattern, &close, &length);
        struct fault_case deeper = {.reason = "nested deeper than 1024"};

        expect_good(AS_IT_IS, text, length);
        free(text);
        text = nest(WEIR__JSON_DEPTH + 1, pattern, &close, &length);
        deeper.bytes = text;
        deeper.length = length;
        deeper.offset =
            close - 1 - (is_object_at(WEIR__JSON_DEPTH, pattern) ? strlen("{\"\":") : strlen("["));
        expect_fault(AS_IT_IS, &deeper);
        free(text);
    }
}

static void each_level_is_closed_as_it_was_opened(void)
{
    for (int pattern = 0; pattern < 3; pattern++) {
        size_t close, length;
        char *text = nest(WEIR__JSON_DEPTH, pattern, &close, &length);

        for (size_t at = close; at < length; at++) {
            char right = text[at];
            struct fault_case wrong = {
                text, length, at, right == '}' ? "a comma or } is due" : "a comma or ] is due"};

            text[at] = right == '}' ? ']' : '}';
            expect_fault(AS_IT_IS, &wrong);
            text[at] = right;
        }
        free(text);
    }
}

static void levels_side_by_side_are_not_deep(void)
{
    enum { COUNT = 3000, EACH = 5 };
    char *text = malloc(COUNT * EACH + 1);

    CU_ASSERT_FATAL(text != NULL);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + i * EACH, i == 0 ? "[[{}]" : ",[{}]", EACH);
    text[COUNT * EACH] = ']';
    expect_good(AS_IT_IS, text, COUNT * EACH + 1);
    free(text);
}

static void a_hundred_thousand_open_brackets_are_one_fault(void)
{
    enum { COUNT = 100000 };
    char *text = malloc(COUNT);
    struct fault_case deeper = {text, COUNT, WEIR__JSON_DEPTH, "nested deeper than 1024"};

    CU_ASSERT_FATAL(text != NULL);
    memset(text, '[', COUNT);
    expect_fault(AS_IT_IS, &deeper);
    expect_fault(AS_UTF8, &deeper);
    free(text);
}

static void ill_formed_characters_pass_as_they_are_and_are_a_fault_as_utf8(void)
{
    static const struct fault_case faults[] = {
        {TEXT("\"\xFF\""), 1, "not UTF-8"},
        {TEXT("[\"\xE9\"]"), 2, "not UTF-8"},
        {TEXT("[\"\xC3\"]"), 2, "not UTF-8"},
        {TEXT("[\"\xC0\xAF\"]"), 2, "not UTF-8"},
        {TEXT("[\"\xED\xA0\x80\"]"), 2, "not UTF-8"},
        {TEXT("[\"\xF4\xBF\xBF\xBF\"]"), 2, "not UTF-8"},
        {TEXT("[\"\xE6\x97\xA5\xD1\x88\xFA\"]"), 7, "not UTF-8"},
        {TEXT("{\"\xB9\":\"0\"}"), 2, "not UTF-8"},
    };
    static const struct fault_case both[] = {
        {TEXT("\"\xC3\xA9\xE9\" x"), 3, "not UTF-8"},
        {TEXT("\"\xE2\x82"), 1, "not UTF-8"},
        {TEXT("\"\xC3\xA9\x01\xE9\""), 3, "control character in a string"},
        {TEXT("x\"\xE9\""), 0, "a value is due"},
        {TEXT("[1,\"\",\xE9]"), 6, "a value is due"},
        {TEXT("[\xFF]"), 1, "a value is due"},
        {TEXT("{\"x\":1,\xC3\xA9}"), 7, "a key is due"},
        {TEXT("\"\\u\xE5\""), 3, "\\u without four hex digits"},
    };

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        expect_good(AS_IT_IS, faults[i].bytes, faults[i].length);
        expect_fault(AS_UTF8, &faults[i]);
    }
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++)
        expect_fault(AS_UTF8, &both[i]);
}

static void null_is_null_with_whitespace_around_it(void)
{
    static const struct text null[] = {
        {TEXT("null")}, {TEXT(" null")}, {TEXT("null\r\n")}, {TEXT("\t null \n")}};
    static const struct text other[] = {{TEXT("")},          {TEXT(" ")},     {TEXT("nul")},
                                        {TEXT("nulll")},     {TEXT("n ull")}, {TEXT("Null")},
                                        {TEXT("[null]")},    {TEXT("false")}, {TEXT("null\0")},
                                        {TEXT("null null")}, {TEXT("\vnull")}};

    for (size_t i = 0; i < sizeof null / sizeof null[0]; i++)
        expect(weir__json_is_null(null[i].bytes, null[i].length), null[i].bytes, null[i].length,
               "not null");
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        expect(!weir__json_is_null(other[i].bytes, other[i].length), other[i].bytes,
               other[i].length, "null");
    CU_ASSERT(!weir__json_is_null("null", 3));
    CU_ASSERT(!weir__json_is_null(NULL, 0));
}

static void no_bytes_need_no_pointer(void)
{
    struct weir__syntax_fault fault;

    CU_ASSERT(!weir__json_syntax(NULL, 0, &fault));
    CU_ASSERT_EQUAL(fault.offset, 0);
    CU_ASSERT(!weir__json_syntax_utf8(NULL, 0, &fault));
    CU_ASSERT_EQUAL(fault.offset, 0);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"every value is good at the top", every_value_is_good_at_the_top},
        {"what jansson refuses is good syntax", what_jansson_refuses_is_good_syntax},
        {"every form of a number is good", every_form_of_a_number_is_good},
        {"a number out of form is a fault at its first wrong byte",
         a_number_out_of_form_is_a_fault_at_its_first_wrong_byte},
        {"a word is a fault where it is misspelt or cut",
         a_word_is_a_fault_where_it_is_misspelt_or_cut},
        {"every simple escape and no other is good", every_simple_escape_and_no_other_is_good},
        {"an escape of a code unit has four hex digits",
         an_escape_of_a_code_unit_has_four_hex_digits},
        {"an escape cut by the end is a fault there", an_escape_cut_by_the_end_is_a_fault_there},
        {"each byte of a string counts at any place", each_byte_of_a_string_counts_at_any_place},
        {"each byte of a number counts at any place", each_byte_of_a_number_counts_at_any_place},
        {"four bytes are whitespace and no others", four_bytes_are_whitespace_and_no_others},
        {"what holds values has its commas, colons and ends",
         what_holds_values_has_its_commas_colons_and_ends},
        {"every beginning of a text lacks only its end",
         every_beginning_of_a_text_lacks_only_its_end},
        {"nesting goes to 1024 levels and no further", nesting_goes_to_1024_levels_and_no_further},
        {"each level is closed as it was opened", each_level_is_closed_as_it_was_opened},
        {"levels side by side are not deep", levels_side_by_side_are_not_deep},
        {"a hundred thousand open brackets are one fault",
         a_hundred_thousand_open_brackets_are_one_fault},
        {"ill-formed characters pass as they are and are a fault as UTF-8",
         ill_formed_characters_pass_as_they_are_and_are_a_fault_as_utf8},
        {"null is null with whitespace around it", null_is_null_with_whitespace_around_it},
        {"no bytes need no pointer", no_bytes_need_no_pointer},
        CU_TEST_INFO_NULL,
    };

    return run_suite("syntax", tests);
}
