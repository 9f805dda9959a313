/* How long a start that failed is waited for. */
#include "config.h"

#include "work/backoff.h"

#include "support/harness.h"

enum { TIMES = 2000, MS = 1000000 };

/* The wait after so many failures, in nanoseconds. */
static int64_t wait_after(unsigned failures, int64_t now_ns, int64_t first_ms, int64_t most_ms)
{
    struct weir__backoff backoff = {.failures = failures - 1};

    weir__backoff_failed(&backoff, now_ns, first_ms, most_ms);
    CU_ASSERT_EQUAL(backoff.failures, failures);
    return backoff.next_ns - now_ns;
}

/* All waits after so many failures lie below the bound, and on both sides of its middle. */
static void check_spread(unsigned failures, int64_t bound_ms)
{
    int64_t bound_ns = bound_ms * MS;
    int low = 0, outside = 0;

    for (int i = 0; i < TIMES; i++) {
        int64_t wait_ns = wait_after(failures, (int64_t)i * 12345 * 1000, WEIR__BACKOFF_FIRST_MS,
                                     WEIR__BACKOFF_MOST_MS);

        outside += wait_ns < 0 || wait_ns > bound_ns;
        low += wait_ns < bound_ns / 2;
    }
    CU_ASSERT_EQUAL(outside, 0);
    CU_ASSERT(low > TIMES / 3 && low < TIMES * 2 / 3);
}

static void the_bound_doubles_from_100_ms_to_30_s(void)
{
    check_spread(1, 100);
    check_spread(2, 200);
    check_spread(3, 400);
    check_spread(9, 25600);
    check_spread(10, 30000);
    check_spread(4000000000U, 30000);
}

static void what_failed_together_does_not_come_back_together(void)
{
    struct weir__backoff all[100] = {{0}};
    int alike = 0;

    for (int i = 0; i < 100; i++)
        weir__backoff_failed(&all[i], 77 * (int64_t)MS, 100, 30000);
    for (int i = 0; i < 100; i++)
        for (int k = 0; k < i; k++)
            alike += all[i].next_ns == all[k].next_ns;
    CU_ASSERT_EQUAL(alike, 0);
}

static void it_begins_anew_after_a_success(void)
{
    struct weir__backoff backoff = {0};

    for (int i = 0; i < 20; i++)
        weir__backoff_failed(&backoff, 0, 100, 30000);
    backoff = (struct weir__backoff){0};
    weir__backoff_failed(&backoff, 0, 100, 30000);
    CU_ASSERT(backoff.next_ns <= 100 * (int64_t)MS);
}

static void any_bounds_are_taken(void)
{
    CU_ASSERT_EQUAL(wait_after(5, 1000, 0, 0), 0);
    CU_ASSERT(wait_after(1, 1000, 50, 10) <= 10 * (int64_t)MS);
    CU_ASSERT(wait_after(200, 1000, 1, INT64_MAX) >= 0);
    CU_ASSERT(wait_after(1, 1000, INT64_MAX, INT64_MAX) >= 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(the_bound_doubles_from_100_ms_to_30_s),
        TEST(what_failed_together_does_not_come_back_together),
        TEST(it_begins_anew_after_a_success),
        TEST(any_bounds_are_taken),
        CU_TEST_INFO_NULL,
    };

    return run_suite("backoff", tests);
}
