/* JSON Pointers (RFC 6901), and the values that they find. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"
#include "text/pointer.h"

/* wanted NULL: there is nothing. */
static int finds(const char *pointer, const char *text, const char *wanted)
{
    size_t at = 0, size = 0;
    bool found = weir__pointer_find(pointer, text, strlen(text), &at, &size);

    if (found ? wanted != NULL && size == strlen(wanted) && memcmp(text + at, wanted, size) == 0
              : wanted == NULL)
        return 1;
    printf("# \"%s\" finds %.*s in %s\n", pointer, found ? (int)size : 7,
           found ? text + at : "nothing", text);
    return 0;
}

static void the_examples_of_the_rfc(void)
{
    static const char text[] =
        "{\"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3, \"g|h\": 4,"
        " \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, \"m~n\": 8}";

    CU_ASSERT(finds("", text, text));
    CU_ASSERT(finds("/foo", text, "[\"bar\", \"baz\"]"));
    CU_ASSERT(finds("/foo/0", text, "\"bar\""));
    CU_ASSERT(finds("/", text, "0"));
    CU_ASSERT(finds("/a~1b", text, "1"));
    CU_ASSERT(finds("/c%d", text, "2"));
    CU_ASSERT(finds("/e^f", text, "3"));
    CU_ASSERT(finds("/g|h", text, "4"));
    CU_ASSERT(finds("/i\\j", text, "5"));
    CU_ASSERT(finds("/k\"l", text, "6"));
    CU_ASSERT(finds("/ ", text, "7"));
    CU_ASSERT(finds("/m~0n", text, "8"));
}

static void escapes_are_undone_once(void)
{
    CU_ASSERT(finds("/~01", "{\"/\":1,\"~1\":2}", "2"));
    CU_ASSERT(finds("/~1~0", "{\"/~\":1}", "1"));
    CU_ASSERT(finds("/a", "{\"\\u0061\":1}", "1"));
    CU_ASSERT(finds("/\xc3\xa9", "{\"\\u00e9\":1}", "1"));
    CU_ASSERT(finds("/\xf0\x9f\x98\x80", "{\"\\ud83d\\uDE00\":1}", "1"));
    CU_ASSERT(finds("/a\nb", "{\"a\\nb\":1}", "1"));
}

static void only_plain_numbers_are_places_in_an_array(void)
{
    static const char text[] = "[0,1,2,3,4,5,6,7,8,9,{\"0\":10}]";

    CU_ASSERT(finds("/0", text, "0"));
    CU_ASSERT(finds("/9", text, "9"));
    CU_ASSERT(finds("/10/0", text, "10"));
    CU_ASSERT(finds("/11", text, NULL));
    CU_ASSERT(finds("/01", text, NULL));
    CU_ASSERT(finds("/-", text, NULL));
    CU_ASSERT(finds("/-1", text, NULL));
    CU_ASSERT(finds("/1e0", text, NULL));
    CU_ASSERT(finds("/", text, NULL));
    CU_ASSERT(finds("/18446744073709551616", text, NULL));
    CU_ASSERT(finds("/18446744073709551617", text, NULL));
    CU_ASSERT(finds("/01", "{\"01\":1}", "1"));
}

static void what_is_not_there_is_not_found(void)
{
    CU_ASSERT(finds("/b", "{\"a\":1}", NULL));
    CU_ASSERT(finds("/a/b", "{\"a\":1}", NULL));
    CU_ASSERT(finds("/a/b", "{\"a\":\"b\"}", NULL));
    CU_ASSERT(finds("/a/0", "{\"a\":[]}", NULL));
    CU_ASSERT(finds("/aa", "{\"a\":1}", NULL));
    CU_ASSERT(finds("/a", "{\"aa\":1}", NULL));
    CU_ASSERT(finds("/a", "{\"b\":{\"a\":1}}", NULL));
    CU_ASSERT(finds("/a", "null", NULL));
    CU_ASSERT(finds("/a", "", NULL));
    CU_ASSERT(finds("/a", "{\"a\"", NULL));
    CU_ASSERT(finds("/a", " { \"a\" : 1 } ", "1"));
}

static void of_a_doubled_member_the_last_counts(void)
{
    CU_ASSERT(finds("/a", "{\"a\":1,\"b\":2,\"a\":3}", "3"));
    CU_ASSERT(finds("/a", "{\"a\":1,\"\\u0061\":3}", "3"));
    CU_ASSERT(finds("/a/b", "{\"a\":{\"b\":1},\"a\":{\"c\":1}}", NULL));
}

static void a_bad_pointer_is_refused_with_a_reason(void)
{
    CU_ASSERT(weir__pointer_fault("/a") == NULL);
    CU_ASSERT(weir__pointer_fault("/a~0~1/0") == NULL);
    CU_ASSERT(weir__pointer_fault("/") == NULL);
    CU_ASSERT(weir__pointer_fault("") != NULL); /* a key is a member */
    CU_ASSERT(weir__pointer_fault("a") != NULL);
    CU_ASSERT(weir__pointer_fault("#/a") != NULL);
    CU_ASSERT(weir__pointer_fault("/~") != NULL);
    CU_ASSERT(weir__pointer_fault("/~2") != NULL);
    CU_ASSERT(weir__pointer_fault("/a~/b") != NULL);
    CU_ASSERT(weir__pointer_fault("/\xff") != NULL);
}

static void names_and_values_may_be_long(void)
{
    enum { LENGTH = 100000 };
    char *pointer = malloc(LENGTH + 2), *text = malloc(2 * LENGTH + 20), *at = text;
    size_t found, size;

    CU_ASSERT_FATAL(pointer != NULL && text != NULL);
    pointer[0] = '/';
    memset(pointer + 1, 'n', LENGTH);
    pointer[LENGTH + 1] = '\0';
    at += sprintf(at, "{\"");
    memset(at, 'n', LENGTH);
    at += LENGTH;
    at += sprintf(at, "\":\"");
    memset(at, 'v', LENGTH);
    at += LENGTH;
    at += sprintf(at, "\"}");
    CU_ASSERT(weir__pointer_find(pointer, text, (size_t)(at - text), &found, &size));
    CU_ASSERT_EQUAL(size, LENGTH + 2);
    pointer[LENGTH] = '\0'; /* one shorter */
    CU_ASSERT(!weir__pointer_find(pointer, text, (size_t)(at - text), &found, &size));
    free(pointer);
    free(text);
}

static int same(const char *a, const char *b)
{
    int is_same = weir__json_same(a, strlen(a), b, strlen(b));

    CU_ASSERT_EQUAL(is_same, (int)weir__json_same(b, strlen(b), a, strlen(a)));
    if (is_same)
        CU_ASSERT_EQUAL(weir__json_hash(a, strlen(a), 7), weir__json_hash(b, strlen(b), 7));
    return is_same;
}

static void strings_are_the_same_by_their_characters(void)
{
    CU_ASSERT(same("\"a\"", "\"\\u0061\""));
    CU_ASSERT(same("\"\\/\"", "\"/\""));
    CU_ASSERT(same("\"\\n\"", "\"\\u000A\""));
    CU_ASSERT(same("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""));
    CU_ASSERT(same("\"\"", "\"\""));
    CU_ASSERT(!same("\"a\"", "\"b\""));
    CU_ASSERT(!same("\"a\"", "\"aa\""));
    CU_ASSERT(!same("\"1\"", "1"));
    CU_ASSERT(!same("\"\\\\n\"", "\"\\n\""));
    CU_ASSERT(same("1", "1"));
    CU_ASSERT(!same("1", "1.0"));
    CU_ASSERT(same("null", "null"));
    CU_ASSERT(!same("[1]", "[ 1]"));
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(the_examples_of_the_rfc),
        TEST(escapes_are_undone_once),
        TEST(only_plain_numbers_are_places_in_an_array),
        TEST(what_is_not_there_is_not_found),
        TEST(of_a_doubled_member_the_last_counts),
        TEST(a_bad_pointer_is_refused_with_a_reason),
        TEST(names_and_values_may_be_long),
        TEST(strings_are_the_same_by_their_characters),
        CU_TEST_INFO_NULL,
    };

    return run_suite("json_pointer", tests);
}
