/* Counts over time. */
#include "config.h"

#include "base/series.h"
#include "support/harness.h"

enum { MS = 1000000 };

static void add(struct weir__series *series, int64_t ms, uint64_t first, uint64_t second,
                uint64_t level)
{
    const uint64_t counts[WEIR__SERIES_COUNTS] = {first, second};

    weir__series_add(series, ms * MS, counts, level);
}

static uint64_t sum(const struct weir__series *series, size_t which)
{
    uint64_t total = 0;

    for (size_t i = 0; i < weir__series_length(series); i++)
        total += weir__series_growth(series, i, which);
    return total;
}

static void growth_between_two_samples_is_spread_evenly(void)
{
    struct weir__series series = {0};

    add(&series, 0, 0, 0, 1);
    add(&series, 100, 40, 4, 2);
    CU_ASSERT_EQUAL(weir__series_length(&series), 4);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(weir__series_growth(&series, i, 0), 10);
        CU_ASSERT_EQUAL(weir__series_growth(&series, i, 1), 1);
        CU_ASSERT_EQUAL(weir__series_level(&series, i), 1);
    }
    add(&series, 110, 47, 4, 3);
    CU_ASSERT_EQUAL(weir__series_length(&series), 5);
    CU_ASSERT_EQUAL(weir__series_growth(&series, 4, 0), 7);
    CU_ASSERT_EQUAL(weir__series_level(&series, 4), 3);
}

static void a_level_is_the_highest_of_its_step(void)
{
    struct weir__series series = {0};

    add(&series, 5, 0, 0, 2);
    add(&series, 10, 0, 0, 7);
    add(&series, 15, 0, 0, 1);
    add(&series, 60, 0, 0, 0);
    CU_ASSERT_EQUAL(weir__series_level(&series, 0), 7);
    CU_ASSERT_EQUAL(weir__series_level(&series, 1), 1);
    CU_ASSERT_EQUAL(weir__series_level(&series, 2), 1);
}

static void a_long_time_takes_no_more_room_and_loses_nothing(void)
{
    struct weir__series series = {0};
    uint64_t settled = 0;

    for (int64_t ms = 0; ms < 100000; ms += 7) {
        settled += (uint64_t)(ms % 13);
        add(&series, ms, settled, settled / 3, (uint64_t)(ms == 49000 ? 9 : 4));
        CU_ASSERT_FATAL(weir__series_length(&series) <= WEIR__SERIES_STEPS);
    }
    CU_ASSERT(weir__series_length(&series) > WEIR__SERIES_STEPS / 2 - 1);
    CU_ASSERT_EQUAL(sum(&series, 0), settled);
    CU_ASSERT_EQUAL(sum(&series, 1), settled / 3);
    CU_ASSERT_EQUAL(weir__series_level(&series, (size_t)(49000 * (int64_t)MS / series.step_ns)), 9);
    CU_ASSERT_EQUAL(weir__series_level(&series, 0), 4);
    add(&series, 10 * 3600 * 1000, settled + 1, settled, 0); /* suspended for hours */
    CU_ASSERT(weir__series_length(&series) <= WEIR__SERIES_STEPS);
    CU_ASSERT_EQUAL(sum(&series, 0), settled + 1);
}

static void one_that_is_empty_has_one_step(void)
{
    struct weir__series series = {0};

    CU_ASSERT_EQUAL(weir__series_length(&series), 1);
    CU_ASSERT_EQUAL(weir__series_growth(&series, 0, 0), 0);
    CU_ASSERT_EQUAL(weir__series_level(&series, 0), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(growth_between_two_samples_is_spread_evenly),
        TEST(a_level_is_the_highest_of_its_step),
        TEST(a_long_time_takes_no_more_room_and_loses_nothing),
        TEST(one_that_is_empty_has_one_step),
        CU_TEST_INFO_NULL,
    };

    return run_suite("series", tests);
}
