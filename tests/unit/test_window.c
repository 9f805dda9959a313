/* How much a worker may have in flight, and when it may be left alone. */
#include "config.h"

#include "map/window.h"
#include "support/harness.h"

enum { US = 1000, MS = 1000000, MOST = 4096, PIPE = 256 * 1024 };

/* It answers all that it has, times over. */
static struct weir__window run(int64_t reply_ns, int times)
{
    struct weir__window window = {.records = 1};

    for (int i = 0; i < times; i++) {
        size_t replies = window.records;

        weir__window_note(&window, reply_ns * (int64_t)replies, replies);
        weir__window_fit(&window, replies, MOST);
    }
    return window;
}

static void a_fast_worker_has_all_it_may_have_soon(void)
{
    CU_ASSERT_EQUAL(run(5 * US, 13).records, MOST);
}

static void others_have_work_for_a_tenth_of_a_second_or_two(void)
{
    struct weir__window window = run(1 * MS, 1000);

    CU_ASSERT(window.records >= 100 && window.records <= 200);
    CU_ASSERT_EQUAL(run(1000 * MS, 1000).records, 1);
}

static void what_was_slow_only_at_the_start_is_forgotten(void)
{
    struct weir__window window = {.records = 1};

    weir__window_note(&window, 5000 * (int64_t)MS, 1);
    weir__window_fit(&window, 1, MOST);
    for (int i = 0; i < 2000 && window.records < MOST; i++) {
        weir__window_note(&window, 50 * US, 1);
        weir__window_fit(&window, 1, MOST);
    }
    CU_ASSERT(window.records > 1000);
}

static void what_a_worker_keeps_back_at_a_time_fits_twice(void)
{
    struct weir__window window = {.records = 1000};

    for (int i = 0; i < 100; i++) {
        weir__window_note(&window, 80 * 10 * (int64_t)MS, 80);
        weir__window_fit(&window, 80, MOST);
    }
    CU_ASSERT(window.records >= 100 && window.records <= 160);
}

static void what_is_read_at_once_did_not_take_no_time(void)
{
    struct weir__window window = {.records = 1};

    for (int i = 0; i < 100; i++) {
        weir__window_note(&window, 2 * MS, 500);
        weir__window_note(&window, 10 * US, 500); /* in two reads */
    }
    CU_ASSERT(window.reply_ns > 1900 && window.reply_ns < 4100);
}

static void only_a_worker_that_has_enough_to_do_is_left_alone(void)
{
    struct weir__window window = {.records = MOST, .reply_ns = 2 * US, .flows = 1};

    CU_ASSERT(weir__window_may_coalesce(&window, 2000, 100, PIPE));
    CU_ASSERT(!weir__window_may_coalesce(&window, 1999, 100, PIPE));
    CU_ASSERT(!weir__window_may_coalesce(&window, 0, 0, PIPE));
    CU_ASSERT(!weir__window_may_coalesce(&window, 2000, 1000, PIPE)); /* its pipes would be full */
    CU_ASSERT(weir__window_may_coalesce(&window, 2000, 1000, 8 * PIPE));
    window.flows = 0;
    CU_ASSERT(!weir__window_may_coalesce(&window, 2000, 100, PIPE));
    CU_ASSERT(!weir__window_may_coalesce(&(struct weir__window){.flows = 1}, 4096, 100, PIPE));
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
