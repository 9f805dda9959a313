#include "config.h"

#include "base/units.h"

#include <math.h>
#include <stddef.h>

#include "support/harness.h"

static void sizes_are_powers_of_1024(void)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"4096", 4096},
        {"1K", 1024},
        {"64K", 65536},
        {"16M", UINT64_C(16) << 20},
        {"1G", UINT64_C(1) << 30},
        {"2T", UINT64_C(2) << 40},
        {"0007", 7},
        {"9223372036854775807", INT64_MAX},
        {"8388607T", UINT64_C(8388607) << 40},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t bytes = 99;

        CU_ASSERT_EQUAL(weir__size_parse(cases[i].text, &bytes), 0);
        CU_ASSERT_EQUAL(bytes, cases[i].bytes);
    }
}

static void what_is_no_size_is_refused_and_changes_nothing(void)
{
    static const char *const texts[] = {
        "",
        "K",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1 K",
        "1.5K",
        "1k",
        "1KB",
        "1KiB",
        "1B",
        "0x1",
        "1e3",
        "64M\n",
        "many",
        "1KK",
        "9223372036854775808",
        "18446744073709551616",
        "8388608T",
        "99999999999999999999999999999999",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t bytes = 99;

        CU_ASSERT_EQUAL(weir__size_parse(texts[i], &bytes), -1);
        CU_ASSERT_EQUAL(bytes, 99);
    }
}

static void durations_have_units_and_plain_ones_are_seconds(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"250ms", 250},   {"10s", 10000},
        {"2m", 120000},   {"1h", 3600000},
        {"30", 30000},    {"1.5s", 1500},
        {"0.25", 250},    {"1.5h", 5400000},
        {"0.1m", 6000},   {"1.0004", 1000},
        {"1.0005", 1001}, {"0", 0},
        {"0.000ms", 0},   {"1.23456789012345678901234567890s", 1235},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = 99;

        CU_ASSERT_EQUAL(weir__duration_parse(cases[i].text, &ms), 0);
        CU_ASSERT_EQUAL(ms, cases[i].ms);
    }
}

static void a_positive_time_never_becomes_zero(void)
{
    static const char *const texts[] = {"0.0001", "0.4ms", "0.00000000000000000000001h"};
    int64_t ms;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ms = 99;
        CU_ASSERT_EQUAL(weir__duration_parse(texts[i], &ms), 0);
        CU_ASSERT_EQUAL(ms, 1);
    }
    CU_ASSERT_EQUAL(weir__duration_seconds(1e-9, &ms), 0);
    CU_ASSERT_EQUAL(ms, 1);
}

static void what_is_no_duration_is_refused_and_changes_nothing(void)
{
    static const char *const texts[] = {
        "",
        "s",
        "-1",
        "-1s",
        "+1",
        " 1",
        "1 s",
        "1 ",
        ".5",
        "5.",
        "5.s",
        "1..5",
        "1,5",
        "1e3",
        "1S",
        "1min",
        "1d",
        "1sec",
        "1h30m",
        "inf",
        "nan",
        "0x10",
        "10s\n",
        "1.5.5",
        "99999999999999999999",
        "4611686018428",
        "76862433m",
        "9223372036854775807h",
        "18446744073709551616",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t ms = 99;

        CU_ASSERT_EQUAL(weir__duration_parse(texts[i], &ms), -1);
        CU_ASSERT_EQUAL(ms, 99);
    }
}

static void the_longest_duration_can_be_added_to_now_in_nanoseconds(void)
{
    int64_t ms = 0;

    CU_ASSERT_EQUAL(weir__duration_parse("4611686018s", &ms), 0);
    CU_ASSERT(ms <= WEIR__DURATION_MAX_MS);
    CU_ASSERT(ms * 1000000 <= INT64_MAX / 2);
    CU_ASSERT_EQUAL(weir__duration_parse("4611686018427ms", &ms), 0);
    CU_ASSERT_EQUAL(ms, WEIR__DURATION_MAX_MS);
    CU_ASSERT_EQUAL(weir__duration_parse("4611686018427.5ms", &ms), -1);
}

static void numbers_of_seconds_are_rounded_and_bounded(void)
{
    int64_t ms = 99;

    CU_ASSERT_EQUAL(weir__duration_seconds(1.1, &ms), 0);
    CU_ASSERT_EQUAL(ms, 1100);
    CU_ASSERT_EQUAL(weir__duration_seconds(0, &ms), 0);
    CU_ASSERT_EQUAL(ms, 0);
    ms = 99;
    CU_ASSERT_EQUAL(weir__duration_seconds(-0.001, &ms), -1);
    CU_ASSERT_EQUAL(weir__duration_seconds(1e10, &ms), -1);
    CU_ASSERT_EQUAL(weir__duration_seconds(1e300, &ms), -1);
    CU_ASSERT_EQUAL(weir__duration_seconds(NAN, &ms), -1);
    CU_ASSERT_EQUAL(ms, 99);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"sizes_are_powers_of_1024", sizes_are_powers_of_1024},
        {"what_is_no_size_is_refused_and_changes_nothing",
         what_is_no_size_is_refused_and_changes_nothing},
        {"durations_have_units_and_plain_ones_are_seconds",
         durations_have_units_and_plain_ones_are_seconds},
        {"a_positive_time_never_becomes_zero", a_positive_time_never_becomes_zero},
        {"what_is_no_duration_is_refused_and_changes_nothing",
         what_is_no_duration_is_refused_and_changes_nothing},
        {"the_longest_duration_can_be_added_to_now_in_nanoseconds",
         the_longest_duration_can_be_added_to_now_in_nanoseconds},
        {"numbers_of_seconds_are_rounded_and_bounded", numbers_of_seconds_are_rounded_and_bounded},
        CU_TEST_INFO_NULL,
    };

    return run_suite("units", tests);
}
