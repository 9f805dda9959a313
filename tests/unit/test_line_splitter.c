/* Lines of a worker, however its bytes come. */
#include "config.h"

#include "work/line_splitter.h"

#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

static struct weir__line_splitter splitter;
static char got[200];

/* Feeds text; the lines that it completes are in got, each with a "|" before its LF. */
static ssize_t feed(const char *text)
{
    const char *end = text + strlen(text), *line;
    ssize_t length;

    got[0] = '\0';
    while ((length = weir__line_splitter_next(&splitter, &text, end, &line)) > 0) {
        CU_ASSERT_EQUAL(line[length - 1], '\n');
        strncat(got, line, (size_t)length - 1);
        strcat(got, "|");
    }
    return length;
}

static void begin(size_t longest)
{
    splitter = (struct weir__line_splitter){.longest = longest};
}

static void lines_may_come_in_any_pieces(void)
{
    begin(10);
    CU_ASSERT_EQUAL(feed("one\ntwo\nth"), 0);
    CU_ASSERT_STRING_EQUAL(got, "one|two|");
    CU_ASSERT_EQUAL(feed("re"), 0);
    CU_ASSERT_STRING_EQUAL(got, "");
    CU_ASSERT_EQUAL(feed("e\n\nfour\n"), 0);
    CU_ASSERT_STRING_EQUAL(got, "three||four|");
    CU_ASSERT_EQUAL(feed("\n"), 0);
    CU_ASSERT_STRING_EQUAL(got, "|");
    weir__line_splitter_clear(&splitter);
}

static void a_whole_line_is_not_copied(void)
{
    static const char text[] = "one\n";
    const char *at = text, *line;

    begin(10);
    CU_ASSERT_EQUAL(weir__line_splitter_next(&splitter, &at, text + 4, &line), 4);
    CU_ASSERT_PTR_EQUAL(line, text);
    CU_ASSERT_PTR_EQUAL(at, text + 4);
    CU_ASSERT_PTR_NULL(splitter.partial.bytes);
}

static void the_longest_line_counts_its_end(void)
{
    begin(5);
    CU_ASSERT_EQUAL(feed("four\n"), 0);
    CU_ASSERT_STRING_EQUAL(got, "four|");
    CU_ASSERT_EQUAL(feed("fo"), 0);
    CU_ASSERT_EQUAL(feed("ur\n"), 0);
    CU_ASSERT_STRING_EQUAL(got, "four|");
    CU_ASSERT_EQUAL(feed("fives\n"), WEIR_ERR_TOO_LONG);
    CU_ASSERT_EQUAL(feed("fives"), 0);
    CU_ASSERT_EQUAL(feed("!"), WEIR_ERR_TOO_LONG);
    weir__line_splitter_clear(&splitter);
}

static void a_long_line_does_not_keep_its_memory(void)
{
    size_t size = 1024 * 1024;
    char *text = malloc(size + 1);
    const char *at = text, *line;

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    begin(2 * size);
    memset(text, 'x', size);
    text[size] = '\n';
    CU_ASSERT_EQUAL(weir__line_splitter_next(&splitter, &at, text + size, &line), 0);
    CU_ASSERT_EQUAL(weir__line_splitter_next(&splitter, &at, text + size + 1, &line),
                    (ssize_t)size + 1);
    CU_ASSERT_EQUAL(weir__line_splitter_next(&splitter, &at, text + size + 1, &line), 0);
    CU_ASSERT_PTR_NULL(splitter.partial.bytes);
    free(text);
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(lines_may_come_in_any_pieces),
        TEST(a_whole_line_is_not_copied),
        TEST(the_longest_line_counts_its_end),
        TEST(a_long_line_does_not_keep_its_memory),
        CU_TEST_INFO_NULL,
    };

    return run_suite("line_splitter", tests);
}
