#include "config.h"

#include <weir/lines.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/harness.h"

static int line_is(const struct weir_line *line, const char *bytes, size_t length)
{
    return line->length == length && memcmp(line->bytes, bytes, length) == 0;
}

static int next_is(weir_lines_t *lines, const char *text)
{
    struct weir_line line;

    return weir_lines_next(lines, &line, NULL) == 1 && line.terminated
           && line_is(&line, text, strlen(text));
}

static int rest_is(weir_lines_t *lines, const char *text)
{
    struct weir_line line;

    return weir_lines_rest(lines, &line, NULL) == 1 && !line.terminated
           && line_is(&line, text, strlen(text));
}

static int is_done(weir_lines_t *lines)
{
    struct weir_line line;

    return weir_lines_next(lines, &line, NULL) == 0 && weir_lines_rest(lines, &line, NULL) == 0;
}

static weir_lines_t *lines_of(size_t max_line, const char *text)
{
    weir_lines_t *lines = weir_lines_new(max_line);

    CU_ASSERT_FATAL(lines != NULL);
    CU_ASSERT_EQUAL(weir_lines_feed(lines, text, strlen(text), NULL), 0);
    return lines;
}

static void a_line_may_arrive_in_pieces(void)
{
    weir_lines_t *lines = lines_of(64, "he");
    struct weir_line line;

    CU_ASSERT_EQUAL(weir_lines_next(lines, &line, NULL), 0);
    CU_ASSERT_EQUAL(weir_lines_feed(lines, "llo\nx", 5, NULL), 0);
    CU_ASSERT(next_is(lines, "hello"));
    CU_ASSERT_EQUAL(weir_lines_next(lines, &line, NULL), 0);
    CU_ASSERT(rest_is(lines, "x"));
    CU_ASSERT(is_done(lines));
    weir_lines_free(lines);
}

static void a_last_line_without_newline_counts_and_is_flagged(void)
{
    weir_lines_t *lines = lines_of(64, "a\nb");

    CU_ASSERT(next_is(lines, "a"));
    CU_ASSERT(rest_is(lines, "b"));
    weir_lines_free(lines);

    lines = lines_of(64, "a\n");
    CU_ASSERT(next_is(lines, "a"));
    CU_ASSERT(is_done(lines));
    weir_lines_free(lines);
}

static void a_cr_is_taken_off_before_lf_and_nowhere_else(void)
{
    weir_lines_t *lines = lines_of(64, "a\r\n\r\nb\rc\n\r\r\nd\r");

    CU_ASSERT(next_is(lines, "a"));
    CU_ASSERT(next_is(lines, ""));
    CU_ASSERT(next_is(lines, "b\rc"));
    CU_ASSERT(next_is(lines, "\r"));
    CU_ASSERT(rest_is(lines, "d\r"));
    weir_lines_free(lines);
}

static void a_cr_lf_may_be_split_in_two(void)
{
    weir_lines_t *lines = lines_of(1, "a\r");
    struct weir_line line;

    CU_ASSERT_EQUAL(weir_lines_next(lines, &line, NULL), 0);
    CU_ASSERT_EQUAL(weir_lines_feed(lines, "\n", 1, NULL), 0);
    CU_ASSERT(next_is(lines, "a"));
    weir_lines_free(lines);
}

static void a_byte_order_mark_is_skipped_at_the_start_only(void)
{
    weir_lines_t *lines = weir_lines_new(64);
    struct weir_line line;

    for (const char *byte = "\xEF\xBB\xBF"; *byte != '\0'; byte++) {
        CU_ASSERT_EQUAL(weir_lines_feed(lines, byte, 1, NULL), 0);
        CU_ASSERT_EQUAL(weir_lines_next(lines, &line, NULL), 0);
    }
    CU_ASSERT_EQUAL(weir_lines_feed(lines, "a\n\xEF\xBB\xBFz\n", 7, NULL), 0);
    CU_ASSERT_EQUAL(weir_lines_next(lines, &line, NULL), 1);
    CU_ASSERT(line_is(&line, "a", 1));
    CU_ASSERT_EQUAL(line.offset, 3);
    CU_ASSERT(next_is(lines, "\xEF\xBB\xBFz"));
    weir_lines_free(lines);
}

static void half_a_byte_order_mark_is_a_line(void)
{
    weir_lines_t *lines = lines_of(64, "\xEF\xBB");

    CU_ASSERT(rest_is(lines, "\xEF\xBB"));
    weir_lines_free(lines);

    lines = lines_of(64, "\xEF\xBB\xBF"); /* and a whole one is none */
    CU_ASSERT(is_done(lines));
    weir_lines_free(lines);

    lines = lines_of(64, "\xEF\n");
    CU_ASSERT(next_is(lines, "\xEF"));
    weir_lines_free(lines);
}

static void a_nul_byte_stays_in_the_line(void)
{
    weir_lines_t *lines = weir_lines_new(64);
    struct weir_line line;

    CU_ASSERT_EQUAL(weir_lines_feed(lines, "a\0b\n", 4, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(weir_lines_next(lines, &line, NULL), 1);
    CU_ASSERT(line_is(&line, "a\0b", 3));
    weir_lines_free(lines);
}

static void a_line_knows_its_number_and_offset(void)
{
    weir_lines_t *lines = lines_of(64, "one\r\n\nthree\nfour");
    static const uint64_t offsets[] = {0, 5, 6, 12};
    struct weir_line line;

    for (uint64_t i = 0; i < 4; i++) {
        int got = i < 3 ? weir_lines_next(lines, &line, NULL) : weir_lines_rest(lines, &line, NULL);

        CU_ASSERT_EQUAL(got, 1);
        CU_ASSERT_EQUAL(line.number, i + 1);
        CU_ASSERT_EQUAL(line.offset, offsets[i]);
    }
    weir_lines_free(lines);
}

static void a_line_over_the_limit_is_refused_by_number_and_never_split(void)
{
    weir_lines_t *lines = lines_of(4, "1234\r\n1\n12345\n6\n");
    struct weir_line line;
    struct weir_error error;

    CU_ASSERT(next_is(lines, "1234"));
    CU_ASSERT(next_is(lines, "1"));
    for (int again = 0; again < 2; again++) {
        CU_ASSERT_EQUAL(weir_lines_next(lines, &line, &error), WEIR_ERR_TOO_LONG);
        CU_ASSERT_STRING_EQUAL(error.text, "line 3 is longer than 4 bytes: raise the limit, or "
                                           "end lines with LF");
    }
    weir_lines_free(lines);
}

static void an_endless_line_is_refused_before_its_end(void)
{
    weir_lines_t *lines = lines_of(4, "1234");
    struct weir_line line;

    CU_ASSERT_EQUAL(weir_lines_next(lines, &line, NULL), 0);
    CU_ASSERT_EQUAL(weir_lines_feed(lines, "5", 1, NULL), 0);
    CU_ASSERT_EQUAL(weir_lines_next(lines, &line, NULL), WEIR_ERR_TOO_LONG);
    CU_ASSERT_EQUAL(weir_lines_rest(lines, &line, NULL), WEIR_ERR_TOO_LONG);
    weir_lines_free(lines);
}

static void any_cut_of_the_stream_gives_the_same_lines(void)
{
    static const char text[] = "\xEF\xBB\xBF"
                               "a\r\n\nbb\r\r\n\0c\nlast\r";
    const size_t length = sizeof text - 1;

    for (size_t cut = 0; cut <= length; cut++) {
        weir_lines_t *lines = weir_lines_new(64);
        struct weir_line line;

        CU_ASSERT_EQUAL(weir_lines_feed(lines, text, cut, NULL), 0);
        if (cut % 2 == 0 && weir_lines_next(lines, &line, NULL) == 1)
            CU_ASSERT(line_is(&line, "a", 1));
        CU_ASSERT_EQUAL(weir_lines_feed(lines, text + cut, length - cut, NULL), 0);
        if (cut % 2 == 1 || cut < 6)
            CU_ASSERT(next_is(lines, "a"));
        CU_ASSERT(next_is(lines, ""));
        CU_ASSERT(next_is(lines, "bb\r"));
        CU_ASSERT_EQUAL(weir_lines_next(lines, &line, NULL), 1);
        CU_ASSERT(line_is(&line, "\0c", 2));
        CU_ASSERT(rest_is(lines, "last\r"));
        weir_lines_free(lines);
    }
}

/* The processor time of a shape of work that is quadratic when done badly. */
static double seconds_since(clock_t start)
{
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

enum { MANY = 1 << 20, LONG = 48 << 20 };

static void a_big_piece_of_small_lines_taken_slowly_is_linear(void)
{
    clock_t start = clock();
    weir_lines_t *lines = weir_lines_new(64);
    char *piece = malloc(2 * MANY);
    struct weir_line line;

    CU_ASSERT_FATAL(lines != NULL && piece != NULL);
    for (size_t i = 0; i < MANY; i++)
        memcpy(piece + 2 * i, "x\n", 2);
    CU_ASSERT_EQUAL(weir_lines_feed(lines, piece, 2 * MANY, NULL), 0);
    free(piece);
    for (size_t i = 0; i < MANY; i++) /* one out, one in: the pile stays as high */
        if (weir_lines_next(lines, &line, NULL) != 1 || weir_lines_feed(lines, "x\n", 2, NULL) != 0)
            CU_FAIL("a line is missing");
    CU_ASSERT(seconds_since(start) < 20); /* quadratic: minutes */
    weir_lines_free(lines);
}

static void a_long_line_in_small_pieces_is_linear(void)
{
    clock_t start = clock();
    weir_lines_t *lines = weir_lines_new(WEIR_MAX_LINE);
    static const char piece[64] = {'x'};
    struct weir_line line;

    for (size_t fed = 0; fed < LONG; fed += sizeof piece) {
        weir_lines_feed(lines, piece, sizeof piece, NULL);
        if (weir_lines_next(lines, &line, NULL) != 0)
            CU_FAIL("a line where there is none");
    }
    CU_ASSERT_EQUAL(weir_lines_feed(lines, "\n", 1, NULL), 0);
    CU_ASSERT_EQUAL(weir_lines_next(lines, &line, NULL), 1);
    CU_ASSERT_EQUAL(line.length, LONG);
    CU_ASSERT(seconds_since(start) < 20);
    weir_lines_free(lines);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a line may arrive in pieces", a_line_may_arrive_in_pieces},
        {"a last line without newline counts and is flagged",
         a_last_line_without_newline_counts_and_is_flagged},
        {"a CR is taken off before LF and nowhere else",
         a_cr_is_taken_off_before_lf_and_nowhere_else},
        {"a CR LF may be split in two", a_cr_lf_may_be_split_in_two},
        {"a byte-order mark is skipped, at the start only",
         a_byte_order_mark_is_skipped_at_the_start_only},
        {"half a byte-order mark is a line", half_a_byte_order_mark_is_a_line},
        {"a NUL byte stays in the line", a_nul_byte_stays_in_the_line},
        {"a line knows its number and offset", a_line_knows_its_number_and_offset},
        {"a line over the limit is refused by number and never split",
         a_line_over_the_limit_is_refused_by_number_and_never_split},
        {"an endless line is refused before its end", an_endless_line_is_refused_before_its_end},
        {"any cut of the stream gives the same lines", any_cut_of_the_stream_gives_the_same_lines},
        {"a big piece of small lines taken slowly is linear",
         a_big_piece_of_small_lines_taken_slowly_is_linear},
        {"a long line in small pieces is linear", a_long_line_in_small_pieces_is_linear},
        CU_TEST_INFO_NULL,
    };

    return run_suite("lines", tests);
}
