/* How much a worker may have in flight, and when it may be left alone. */
#include "config.h"

#include "map/window.h"
#include "support/harness.h"

enum { US = 1000, MS = 1000000, MOST = 4096, PIPE = 256 * 1024 };

/* It answers all that it has, times over. */
static struct weir__pace run(int64_t reply_ns, int times)
{
    struct weir__pace pace = {.window = 1};

    for (int i = 0; i < times; i++) {
        size_t replies = pace.window;

        weir__pace_note(&pace, reply_ns * (int64_t)replies, replies);
        weir__pace_fit(&pace, replies, MOST);
    }
    return pace;
}

static void a_fast_worker_has_all_it_may_have_soon(void)
{
    CU_ASSERT_EQUAL(run(5 * US, 13).window, MOST);
}

static void others_have_work_for_a_tenth_of_a_second_or_two(void)
{
    struct weir__pace pace = run(1 * MS, 1000);

    CU_ASSERT(pace.window >= 100 && pace.window <= 200);
    CU_ASSERT_EQUAL(run(1000 * MS, 1000).window, 1);
}

static void what_was_slow_only_at_the_start_is_forgotten(void)
{
    struct weir__pace pace = {.window = 1};

    weir__pace_note(&pace, 5000 * (int64_t)MS, 1);
    weir__pace_fit(&pace, 1, MOST);
    for (int i = 0; i < 2000 && pace.window < MOST; i++) {
        weir__pace_note(&pace, 50 * US, 1);
        weir__pace_fit(&pace, 1, MOST);
    }
    CU_ASSERT(pace.window > 1000);
}

static void what_a_worker_keeps_back_at_a_time_fits_twice(void)
{
    struct weir__pace pace = {.window = 1000};

    for (int i = 0; i < 100; i++) {
        weir__pace_note(&pace, 80 * 10 * (int64_t)MS, 80);
        weir__pace_fit(&pace, 80, MOST);
    }
    CU_ASSERT(pace.window >= 100 && pace.window <= 160);
}

static void what_is_read_at_once_did_not_take_no_time(void)
{
    struct weir__pace pace = {.window = 1};

    for (int i = 0; i < 100; i++) {
        weir__pace_note(&pace, 2 * MS, 500);
        weir__pace_note(&pace, 10 * US, 500); /* in two reads */
    }
    CU_ASSERT(pace.reply_ns > 1900 && pace.reply_ns < 4100);
}

static void only_a_worker_that_has_enough_to_do_is_left_alone(void)
{
    struct weir__pace pace = {.window = MOST, .reply_ns = 2 * US, .flows = 1};

    CU_ASSERT(weir__pace_may_nap(&pace, 2000, 100, PIPE));
    CU_ASSERT(!weir__pace_may_nap(&pace, 1999, 100, PIPE));
    CU_ASSERT(!weir__pace_may_nap(&pace, 0, 0, PIPE));
    CU_ASSERT(!weir__pace_may_nap(&pace, 2000, 1000, PIPE)); /* its pipes would be full */
    CU_ASSERT(weir__pace_may_nap(&pace, 2000, 1000, 8 * PIPE));
    pace.flows = 0;
    CU_ASSERT(!weir__pace_may_nap(&pace, 2000, 100, PIPE));
    CU_ASSERT(!weir__pace_may_nap(&(struct weir__pace){.flows = 1}, 4096, 100, PIPE));
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(a_fast_worker_has_all_it_may_have_soon),
        TEST(others_have_work_for_a_tenth_of_a_second_or_two),
        TEST(what_was_slow_only_at_the_start_is_forgotten),
        TEST(what_a_worker_keeps_back_at_a_time_fits_twice),
        TEST(what_is_read_at_once_did_not_take_no_time),
        TEST(only_a_worker_that_has_enough_to_do_is_left_alone),
        CU_TEST_INFO_NULL,
    };

    return run_suite("pace", tests);
}
