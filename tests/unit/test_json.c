#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_parse.h"
#include "base/json_tree.h"
#include "base/json_writer.h"
#include "support/harness.h"

/* --- Reading -------------------------------------------------------------- */

static const size_t flag_sets[] = {
    0,
    JSON_DECODE_ANY,
    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
    JSON_ALLOW_NUL | JSON_DECODE_ANY,
    JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL,
};

/* Both read the same, or find the same fault; where only an object or an array may come,
 * jansson looks into another first token for faults of its own. */
static int reads_as_jansson(const char *bytes, size_t length, size_t flags)
{
    char *copy = malloc(length > 0 ? length : 1); /* its end is watched by sanitizers */
    json_error_t ours, theirs;
    json_t *value, *wanted;
    int same;

    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    memcpy(copy, bytes, length);
    value = weir__json_parse(copy, length, flags, &ours);
    wanted = json_loadb(copy, length, flags, &theirs);
    same = (value == NULL) == (wanted == NULL);
    if (value != NULL && wanted != NULL)
        same = json_equal(value, wanted) && ours.position == theirs.position;
    else if (same && ((flags & JSON_DECODE_ANY) || strstr(ours.text, "expected") == NULL))
        same = ours.line == theirs.line && ours.column == theirs.column
               && json_error_code(&ours) == json_error_code(&theirs)
               && strcmp(ours.text, theirs.text) == 0;
    if (!same)
        printf("# flags %zx, %.*s: %d:%d %d %s; jansson: %d:%d %d %s\n", flags, (int)length, bytes,
               ours.line, ours.column, (int)json_error_code(&ours), ours.text, theirs.line,
               theirs.column, (int)json_error_code(&theirs), theirs.text);
    json_decref(value);
    json_decref(wanted);
    free(copy);
    return same;
}

static void texts_and_their_faults_are_read_as_jansson_does(void)
{
    static const char *const texts[] = {
        "",
        " \n",
        "{}",
        "[]",
        "[1,2,[3,{\"a\":{}}]] ",
        "{\"a\":1,\"a\":2}",
        "{\"a\":true,\"b\":false,\"c\":null}",
        "{\"weir\": 1,\n  \"st\": tru}",
        "{\"weir\": 1,\n \"\xC3\xA4\" 2}",
        "{\"weir\":1\n",
        "{} x",
        "[1,]",
        "[,]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "]",
        "0",
        "-0",
        "01",
        "-",
        "-x",
        "1.",
        "1.5",
        "1.5e",
        "1.5e+",
        "1.5e+3",
        "1e400",
        "-1e400",
        "1e-400",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827021181583404541015625000000000000000000000000001",
        "\"\"",
        "\"abc",
        "\"a long string that does not end",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u0041\\u00e4\\u20ac\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ude00\"",
        "\"\\u0000\"",
        "{\"\\u0000\":1}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"a\nb\"",
        "\"a\x1b[2J\"",
        "\"\xFF\"",
        "[1, \xC3",
        "\xC3\xA4",
        "\"\xED\xA0\x80\"",
        "truefalse",
        "nul",
        "NULL",
        "'a'",
        "\"\xF0\x9F\x98\x80\" \xF0\x9F\x98\x80",
        "[\"fourteen bytes\",\"fifteen  bytes.\",\"sixteen bytes...\"]",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (size_t j = 0; j < sizeof flag_sets / sizeof flag_sets[0]; j++)
            CU_ASSERT(reads_as_jansson(texts[i], strlen(texts[i]), flag_sets[j]));
    CU_ASSERT_PTR_NULL(weir__json_parse("[1\0]", 4, 0, NULL)); /* jansson lets it pass */
    CU_ASSERT_PTR_NULL(weir__json_parse("\"a\0b\"", 5, JSON_DECODE_ANY, NULL));
}

static void changed_and_cut_texts_are_read_as_jansson_does(void)
{
    static const char seed[] =
        "{\"op\":\"start\",\"n\":[-12.5e3,0,true,null,\"\\u00e4\\ud83d\\ude00\xC3"
        "\xA4 and more of it\"],\"x\":{\"y\":[]}}";
    static const char others[] = "{}[]:,\"\\u0e-+.\n \x01\xC3\xA4\xFFz";
    unsigned random = 7;
    int wrong = 0;

    for (size_t length = 0; length < sizeof seed; length++)
        wrong += !reads_as_jansson(seed, length, JSON_ALLOW_NUL);
    for (int i = 0; i < 20000; i++) {
        char text[sizeof seed];
        size_t at;

        memcpy(text, seed, sizeof seed);
        for (int changes = 0; changes < 2; changes++) {
            random = random * 1103515245 + 12345;
            at = (random >> 8) % (sizeof seed - 1);
            text[at] = others[(random >> 20) % (sizeof others - 1)];
        }
        wrong += !reads_as_jansson(text, sizeof seed - 1, flag_sets[i % 5]);
        if (wrong > 5)
            break;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void deep_nesting_has_an_end(void)
{
    enum { DEEP = 3000 };
    char text[2 * DEEP];

    memset(text, '[', DEEP);
    memset(text + DEEP, ']', DEEP);
    CU_ASSERT(reads_as_jansson(text, sizeof text, 0));
    CU_ASSERT(reads_as_jansson(text + DEEP - 2048, 2 * 2048, 0));
}

/* --- Writing -------------------------------------------------------------- */

static void write_sample(struct weir__json_writer *json)
{
    weir__json_open(json, NULL, '{');
    weir__json_string(json, "text", "a\"b\\c\n\x01\x7F\xC3\xA4");
    weir__json_bytes(json, "name", "\xFF\xFE");
    weir__json_open(json, "list", '[');
    weir__json_integer(json, NULL, -5);
    weir__json_boolean(json, NULL, 1);
    weir__json_boolean(json, NULL, 0);
    weir__json_null(json, NULL);
    weir__json_open(json, NULL, '{');
    weir__json_close(json, '}');
    weir__json_close(json, ']');
    weir__json_stringn(json, "nul", "a\0b", 3);
    weir__json_thousandths(json, "ms", 9400);
    weir__json_raw(json, "raw", "[1e400]", 7);
    weir__json_close(json, '}');
}

static void a_document_is_written_as_it_was_said(void)
{
    struct weir__json_writer json = {0};
    size_t length = 0;
    char *text;

    write_sample(&json);
    text = weir__json_take(&json, &length);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_STRING_EQUAL(text,
                           "{\"text\":\"a\\\"b\\\\c\\n\\u0001\x7F\xC3\xA4\",\"name\":{\"base64\":"
                           "\"//4=\"},\"list\":[-5,true,false,null,{}],\"nul\":\"a\\u0000b\","
                           "\"ms\":9.4,\"raw\":[1e400]}");
    CU_ASSERT_EQUAL(length, strlen(text));
    free(text);
}

static void thousandths_have_as_many_decimals_as_they_need(void)
{
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {{0, "0.0"},      {1, "0.001"},          {10, "0.01"},
                {1500, "1.5"},   {2000, "2.0"},         {100000, "100.0"},
                {-250, "-0.25"}, {1234567, "1234.567"}, {INT64_MIN, "-9223372036854775.808"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct weir__json_writer json = {0};
        char *text;

        weir__json_thousandths(&json, NULL, rows[i].value);
        text = weir__json_take(&json, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        CU_ASSERT_STRING_EQUAL(text, rows[i].text);
        free(text);
    }
}

static void one_failure_is_the_whole_documents(void)
{
    struct weir__json_writer json = {0};

    weir__json_open(&json, NULL, '[');
    weir__json_string(&json, NULL, "\xFF"); /* no UTF-8 */
    weir__json_string(&json, NULL, "good");
    weir__json_close(&json, ']');
    CU_ASSERT_PTR_NULL(weir__json_take(&json, NULL));
    weir__json_string(&json, NULL, NULL);
    CU_ASSERT_PTR_NULL(weir__json_take(&json, NULL));
    weir__json_integer(&json, NULL, 1);
    weir__json_fail(&json);
    CU_ASSERT_PTR_NULL(weir__json_take(&json, NULL));
    weir__json_integer(&json, NULL, 1); /* a writer that was taken from is a new one */
    weir__json_discard(&json);
}

/* --- Trees ---------------------------------------------------------------- */

static void a_tree_with_a_part_left_out_is_none(void)
{
    json_t *object = json_object(), *list = json_array(), *none = NULL;

    weir__tree_append(&list, json_integer(1));
    weir__tree_set(&object, "list", list);
    weir__tree_update(&object, json_pack("{s:i}", "more", 2));
    CU_ASSERT_EQUAL(json_object_size(object), 2);
    weir__tree_set(&object, "text", json_string("\xFF")); /* NULL */
    CU_ASSERT_PTR_NULL(object);
    weir__tree_set(&object, "later", json_integer(1));
    weir__tree_update(&object, json_object());
    CU_ASSERT_PTR_NULL(object);
    weir__tree_append(&none, json_integer(1));
    CU_ASSERT_PTR_NULL(none);
    list = json_array();
    weir__tree_append(&list, none);
    CU_ASSERT_PTR_NULL(list);
    object = json_object();
    weir__tree_update(&object, NULL);
    CU_ASSERT_PTR_NULL(object);
}

static void bytes_come_back(void)
{
    static const char *const samples[] = {"", "plain", "\xC3\xA4", "\xFF\xFE", "a\x01"};

    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        json_t *value = weir__tree_bytes(samples[i]);
        char *bytes = weir__tree_bytes_take(value);

        CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
        CU_ASSERT_STRING_EQUAL(bytes, samples[i]);
        free(bytes);
        json_decref(value);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"texts and their faults are read as jansson does",
         texts_and_their_faults_are_read_as_jansson_does},
        {"changed and cut texts are read as jansson does",
         changed_and_cut_texts_are_read_as_jansson_does},
        {"deep nesting has an end", deep_nesting_has_an_end},
        {"a document is written as it was said", a_document_is_written_as_it_was_said},
        {"thousandths have as many decimals as they need",
         thousandths_have_as_many_decimals_as_they_need},
        {"one failure is the whole document's", one_failure_is_the_whole_documents},
        {"a tree with a part left out is none", a_tree_with_a_part_left_out_is_none},
        {"bytes come back", bytes_come_back},
        CU_TEST_INFO_NULL,
    };

    return run_suite("json", tests);
}
