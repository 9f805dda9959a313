/* Cutting an input into records: where each begins, and what is no record. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "map/record_reader.h"
#include "support/harness.h"

enum { MAX_RECORD = 64, MB = 1024 * 1024 };

/* What a record must be; an array of them ends with one whose line is 0. */
struct expected {
    const char *text; /* without its LF; NULL: none is kept */
    uint64_t line, offset, end;
    const char *fault;
};

static struct weir__record_reader cutter(void)
{
    return (struct weir__record_reader){.max_record = MAX_RECORD, .check_syntax = 1};
}

static void feed(struct weir__record_reader *records, const char *bytes, size_t length)
{
    char *to;

    CU_ASSERT_FATAL(weir__record_reader_room(records, length + 1, &to) > length);
    memcpy(to, bytes, length);
    weir__record_reader_advance(records, length);
}

static struct weir__record *next(struct weir__record_reader *records)
{
    struct weir__record *record = NULL;
    struct weir_error error = {0};
    int status = weir__record_reader_next(records, &record, &error);

    CU_ASSERT_FATAL(status >= 0);
    return status == 1 ? record : NULL;
}

static int is_like(const struct weir__record *record, char end, uint64_t seq,
                   const struct expected *wanted)
{
    size_t length = wanted->text != NULL ? strlen(wanted->text) : 0;

    if (record->seq != seq || record->line != wanted->line || record->offset != wanted->offset
        || record->end != wanted->end || record->attempts != 0)
        return 0;
    if ((record->fault == NULL) != (wanted->fault == NULL)
        || (record->fault != NULL && strcmp(record->fault, wanted->fault) != 0))
        return 0;
    if (wanted->text == NULL)
        return record->length == 0;
    return record->length == length + 1 && record->bytes[length] == end
           && memcmp(record->bytes, wanted->text, length) == 0;
}

/* Takes out what can be taken now; returns how many records that were. */
static size_t take(struct weir__record_reader *records, const struct expected *wanted)
{
    struct weir__record *record;
    size_t count = 0;

    for (; (record = next(records)) != NULL; count++) {
        CU_ASSERT_FATAL(wanted[count].line != 0);
        if (!is_like(record, records->is_nul ? '\0' : '\n', records->seq - 1, &wanted[count])) {
            printf("# seq %llu line %llu [%llu, %llu) %s: %.*s\n", (unsigned long long)record->seq,
                   (unsigned long long)record->line, (unsigned long long)record->offset,
                   (unsigned long long)record->end, record->fault != NULL ? record->fault : "good",
                   (int)record->length, record->bytes);
            CU_FAIL("a record is not as it should be");
        }
        free(record);
    }
    return count;
}

/* The records of text are the wanted ones, into whatever pieces it comes. */
static void check(struct weir__record_reader as, const char *text, size_t length, uint64_t blank,
                  const struct expected *wanted)
{
    static const size_t steps[] = {1, 2, 3, 7, 4096};

    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        struct weir__record_reader records = as;
        const struct expected *rest = wanted;

        for (size_t at = 0; at < length; at += steps[s]) {
            feed(&records, text + at, length - at < steps[s] ? length - at : steps[s]);
            rest += take(&records, rest);
        }
        CU_ASSERT(!weir__record_reader_is_over(&records));
        weir__record_reader_advance(&records, 0);
        rest += take(&records, rest);
        CU_ASSERT_EQUAL(rest->line, 0);
        CU_ASSERT(weir__record_reader_is_over(&records));
        CU_ASSERT_EQUAL(records.blank, blank);
        CU_ASSERT_EQUAL(records.bytes_in, length);
        weir__record_reader_clear(&records);
    }
}

#define CHECK(records, text, blank, ...)                                                           \
    check(records, text, sizeof(text) - 1, blank,                                                  \
          (const struct expected[]){__VA_ARGS__, {.line = 0}})

/* --- Lines ---------------------------------------------------------------- */

static void each_record_knows_its_line_and_its_bytes(void)
{
    CHECK(cutter(), "1\n[22]\n{\"a\":3}\n", 0, {"1", 1, 0, 2, NULL}, {"[22]", 2, 2, 7, NULL},
          {"{\"a\":3}", 3, 7, 15, NULL});
}

static void a_last_line_needs_no_newline(void)
{
    CHECK(cutter(), "1\n2", 0, {"1", 1, 0, 2, NULL}, {"2", 2, 2, 3, NULL});
    CHECK(cutter(), "1\n2\r", 0, {"1", 1, 0, 2, NULL}, {"2", 2, 2, 4, NULL});
}

static void a_carriage_return_before_the_newline_is_no_part_of_it(void)
{
    CHECK(cutter(), "1\r\n\"a\\r\"\r\n\r\n2\r\r\n", 1, {"1", 1, 0, 3, NULL},
          {"\"a\\r\"", 2, 3, 10, NULL}, {"2\r", 4, 12, 16, NULL});
}

static void blank_lines_are_counted_and_no_records(void)
{
    CHECK(cutter(), "\n  \t\n1\n\r\n\n2\n   ", 5, {"1", 3, 5, 7, NULL}, {"2", 6, 10, 12, NULL});
}

static void nothing_at_all_has_no_records(void)
{
    struct weir__record_reader records = cutter();

    weir__record_reader_advance(&records, 0);
    CU_ASSERT_PTR_NULL(next(&records));
    CU_ASSERT(weir__record_reader_is_over(&records));
    CU_ASSERT_EQUAL(records.seq + records.blank + records.line, 0);
    weir__record_reader_clear(&records);
}

static void a_byte_order_mark_is_skipped_at_the_start_only(void)
{
    CHECK(cutter(),
          "\xef\xbb\xbf"
          "1\n\"\xef\xbb\xbf\"\n",
          0, {"1", 1, 3, 5, NULL}, {"\"\xef\xbb\xbf\"", 2, 5, 11, NULL});
    CHECK(cutter(),
          "\xef\xbb\xbf\xef\xbb\xbf"
          "1\n",
          0,
          {"\xef\xbb\xbf"
           "1",
           1, 3, 8, "invalid: not JSON"});
    CHECK(cutter(),
          "\n\xef\xbb\xbf"
          "1\n",
          1,
          {"\xef\xbb\xbf"
           "1",
           2, 1, 6, "invalid: not JSON"});
}

static void a_byte_order_mark_alone_is_an_empty_input(void)
{
    check(cutter(), "\xef\xbb\xbf", 3, 0, (const struct expected[]){{.line = 0}});
    check(cutter(), "\xef\xbb\xbf\n", 4, 1, (const struct expected[]){{.line = 0}});
}

static void half_a_byte_order_mark_is_none(void)
{
    CHECK(cutter(), "\xef\xbb\n1\n", 0, {"\xef\xbb", 1, 0, 3, "invalid: not UTF-8"},
          {"1", 2, 3, 5, NULL});
    CHECK(cutter(), "\xef", 0, {"\xef", 1, 0, 1, "invalid: not UTF-8"});
}

/* --- What no worker may see ------------------------------------------------ */

static void what_is_not_json_is_reported_with_its_bytes(void)
{
    CHECK(cutter(), "{\"a\":}\n1 2\n1\n", 0, {"{\"a\":}", 1, 0, 7, "invalid: not JSON"},
          {"1 2", 2, 7, 11, "invalid: not JSON"}, {"1", 3, 11, 13, NULL});
}

static void unchecked_input_may_be_anything(void)
{
    struct weir__record_reader records = cutter();

    records.check_syntax = 0;
    CHECK(records, "{\"a\":}\n\n x\n", 1, {"{\"a\":}", 1, 0, 7, NULL}, {" x", 3, 8, 11, NULL});
}

static void bytes_that_are_not_utf8_are_refused_replaced_or_passed(void)
{
    struct weir__record_reader records = cutter();

    CHECK(records, "\"a\xff\"\n1\n", 0, {"\"a\xff\"", 1, 0, 5, "invalid: not UTF-8"},
          {"1", 2, 5, 7, NULL});
    records.encoding = WEIR__ENCODING_REPLACE;
    CHECK(records, "\"a\xff\"\n1\n", 0, {"\"a\xef\xbf\xbd\"", 1, 0, 5, NULL}, {"1", 2, 5, 7, NULL});
    CHECK(records, "a\xff\n", 0, {"a\xef\xbf\xbd", 1, 0, 3, "invalid: not JSON"});
    records.encoding = WEIR__ENCODING_RAW;
    CHECK(records, "\"a\xff\"\n1\n", 0, {"\"a\xff\"", 1, 0, 5, NULL}, {"1", 2, 5, 7, NULL});
}

static void a_nul_byte_stays_in_its_line(void)
{
    struct weir__record_reader records = cutter();
    struct weir__record *record;

    records.check_syntax = 0;
    feed(&records, "a\0b\n", 4);
    record = next(&records);
    CU_ASSERT_FATAL(record != NULL && record->length == 4);
    CU_ASSERT_EQUAL(memcmp(record->bytes, "a\0b\n", 4), 0);
    free(record);
    weir__record_reader_clear(&records);
}

/* --- Long lines ------------------------------------------------------------ */

static void opaque_records_are_any_bytes(void)
{
    struct weir__record_reader lines = {.max_record = MAX_RECORD, .is_opaque = 1}, nuls = lines;

    nuls.is_nul = 1;
    CHECK(lines, "\xef\xbb\xbf\r\n\n \n\xff\r", 0, {"\xef\xbb\xbf\r", 1, 0, 5, NULL},
          {"", 2, 5, 6, NULL}, {" ", 3, 6, 8, NULL}, {"\xff\r", 4, 8, 10, NULL});
    CHECK(nuls, "a\nb\0\0\r\0c", 0, {"a\nb", 1, 0, 4, NULL}, {"", 2, 4, 5, NULL},
          {"\r", 3, 5, 7, NULL}, {"c", 4, 7, 8, NULL});
}

static void a_record_may_be_just_as_long_as_allowed(void)
{
    char text[2 * MAX_RECORD + 16], most[MAX_RECORD + 1];

    memset(most, '7', MAX_RECORD);
    most[MAX_RECORD] = '\0';
    snprintf(text, sizeof text, "%s\n%s\r\n", most, most);
    check(cutter(), text, strlen(text), 0,
          (const struct expected[]){{most, 1, 0, MAX_RECORD + 1, NULL},
                                    {most, 2, MAX_RECORD + 1, 2 * MAX_RECORD + 3, NULL},
                                    {.line = 0}});
    snprintf(text, sizeof text, "%s", most);
    check(cutter(), text, strlen(text), 0,
          (const struct expected[]){{most, 1, 0, MAX_RECORD, NULL}, {.line = 0}});
    snprintf(text, sizeof text, "%s\r", most);
    check(cutter(), text, strlen(text), 0,
          (const struct expected[]){{most, 1, 0, MAX_RECORD + 1, NULL}, {.line = 0}});
}

static void a_longer_one_is_reported_and_the_next_is_whole(void)
{
    char text[4 * MAX_RECORD];

    for (int over = 1; over < MAX_RECORD; over++) {
        const int length = MAX_RECORD + over;
        const uint64_t end = 2 + (uint64_t)length + 1;

        snprintf(text, sizeof text, "1\n%0*d\n2\n", length, 7);
        check(cutter(), text, strlen(text), 0,
              (const struct expected[]){{"1", 1, 0, 2, NULL},
                                        {NULL, 2, 2, end, "oversize"},
                                        {"2", 3, end, end + 2, NULL},
                                        {.line = 0}});
    }
}

static void a_longer_one_may_be_the_last(void)
{
    char text[4 * MAX_RECORD];

    snprintf(text, sizeof text, "1\n%0*d", 2 * MAX_RECORD, 7);
    check(cutter(), text, strlen(text), 0,
          (const struct expected[]){
              {"1", 1, 0, 2, NULL}, {NULL, 2, 2, 2 + 2 * MAX_RECORD, "oversize"}, {.line = 0}});
}

static void a_line_that_never_ends_takes_constant_memory_and_linear_time(void)
{
    struct weir__record_reader records = cutter();
    struct weir__record *record;
    int64_t begin_ns = weir__clock_ns();
    char *to;

    records.max_record = MB;
    for (int i = 0; i < 4000; i++) { /* 1 GB */
        size_t room = weir__record_reader_room(&records, MB / 4, &to);

        CU_ASSERT_FATAL(room >= MB / 4);
        memset(to, 'x', MB / 4);
        weir__record_reader_advance(&records, MB / 4);
        CU_ASSERT_PTR_NULL_FATAL(next(&records));
        CU_ASSERT_FATAL(records.capacity <= 4 * MB);
    }
    weir__record_reader_advance(&records, 0);
    record = next(&records);
    CU_ASSERT_FATAL(record != NULL && record->length == 0);
    CU_ASSERT_EQUAL(record->end, UINT64_C(1000) * MB);
    CU_ASSERT(weir__clock_ns() - begin_ns < INT64_C(20000000000) * (is_under_valgrind() ? 10 : 1));
    free(record);
    weir__record_reader_clear(&records);
}

static void many_lines_take_the_room_of_one_read(void)
{
    struct weir__record_reader records = cutter();
    struct weir__record *record;
    uint64_t seen = 0;

    for (int i = 0; i < 100000; i++) {
        feed(&records, "[1,2,3]\n[4", 10);
        for (; (record = next(&records)) != NULL; seen++)
            free(record);
        feed(&records, "]\n", 2);
        for (; (record = next(&records)) != NULL; seen++)
            free(record);
    }
    CU_ASSERT_EQUAL(seen, 200000);
    CU_ASSERT(records.capacity < 4096);
    weir__record_reader_clear(&records);
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(each_record_knows_its_line_and_its_bytes),
        TEST(a_last_line_needs_no_newline),
        TEST(a_carriage_return_before_the_newline_is_no_part_of_it),
        TEST(blank_lines_are_counted_and_no_records),
        TEST(nothing_at_all_has_no_records),
        TEST(a_byte_order_mark_is_skipped_at_the_start_only),
        TEST(a_byte_order_mark_alone_is_an_empty_input),
        TEST(half_a_byte_order_mark_is_none),
        TEST(what_is_not_json_is_reported_with_its_bytes),
        TEST(unchecked_input_may_be_anything),
        TEST(bytes_that_are_not_utf8_are_refused_replaced_or_passed),
        TEST(a_nul_byte_stays_in_its_line),
        TEST(opaque_records_are_any_bytes),
        TEST(a_record_may_be_just_as_long_as_allowed),
        TEST(a_longer_one_is_reported_and_the_next_is_whole),
        TEST(a_longer_one_may_be_the_last),
        TEST(a_line_that_never_ends_takes_constant_memory_and_linear_time),
        TEST(many_lines_take_the_room_of_one_read),
        CU_TEST_INFO_NULL,
    };

    return run_suite("records", tests);
}
