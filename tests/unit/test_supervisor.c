/* When the next worker starts, and when starts are given up. */
#include "config.h"

#include "work/supervisor.h"

#include <weir/context.h>

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

/* --- The supervisor -------------------------------------------------------- */

static void open_seats(struct weir__supervisor *supervisor, unsigned count, int64_t patience_ms)
{
    *supervisor = (struct weir__supervisor){
        .first_ms = 100,
        .most_ms = 30000,
        .patience_ms = patience_ms,
    };
    CU_ASSERT_EQUAL_FATAL(weir__supervisor_open(supervisor, count), 0);
}

static int is_odd(const struct weir__seat *seat)
{
    return *(const int *)seat->worker % 2;
}

static void the_free_seat_whose_wait_ends_first_is_next(void)
{
    struct weir__supervisor supervisor;
    int workers[] = {2, 3};

    open_seats(&supervisor, 3, 1000);
    supervisor.seats[0].backoff.next_ns = 30;
    supervisor.seats[1].backoff.next_ns = 20;
    supervisor.seats[2].backoff.next_ns = 10;
    CU_ASSERT_PTR_EQUAL(weir__supervisor_seat(&supervisor, NULL), &supervisor.seats[2]);
    supervisor.seats[2].worker = &workers[0];
    CU_ASSERT_PTR_EQUAL(weir__supervisor_seat(&supervisor, is_odd), &supervisor.seats[1]);
    supervisor.seats[1].worker = &workers[1];
    CU_ASSERT_PTR_EQUAL(weir__supervisor_seat(&supervisor, NULL), &supervisor.seats[0]);
    CU_ASSERT_PTR_EQUAL(weir__supervisor_seat(&supervisor, is_odd), &supervisor.seats[1]);
    supervisor.seats[0].worker = supervisor.seats[1].worker = &workers[0];
    CU_ASSERT_PTR_NULL(weir__supervisor_seat(&supervisor, is_odd));
    weir__supervisor_close(&supervisor);
}

static void the_wait_of_the_next_free_seat_is_known(void)
{
    struct weir__supervisor supervisor;
    int worker = 1;

    open_seats(&supervisor, 2, 1000);
    CU_ASSERT_EQUAL(weir__supervisor_wait_ms(&supervisor, MS), 0);
    supervisor.seats[0].backoff.next_ns = 9 * (int64_t)MS + 1;
    supervisor.seats[1].backoff.next_ns = 5 * (int64_t)MS;
    CU_ASSERT_EQUAL(weir__supervisor_wait_ms(&supervisor, MS), 4);
    supervisor.seats[1].worker = &worker;
    CU_ASSERT_EQUAL(weir__supervisor_wait_ms(&supervisor, MS), 9);
    supervisor.seats[0].worker = &worker;
    CU_ASSERT_EQUAL(weir__supervisor_wait_ms(&supervisor, MS), 0);
    weir__supervisor_close(&supervisor);
}

static void a_worker_that_answered_is_replaced_at_once_the_first_time(void)
{
    struct weir__supervisor supervisor;
    struct weir__seat *seat;

    open_seats(&supervisor, 1, 1000);
    seat = &supervisor.seats[0];
    weir__supervisor_put_off(&supervisor, seat, 5000 * (int64_t)MS);
    weir__supervisor_put_off(&supervisor, seat, 5000 * (int64_t)MS);
    CU_ASSERT_EQUAL(seat->backoff.failures, 2);
    weir__seat_succeeded(seat);
    weir__supervisor_put_off(&supervisor, seat, 6000 * (int64_t)MS);
    CU_ASSERT_EQUAL(seat->backoff.next_ns, 0);
    weir__supervisor_put_off(&supervisor, seat, 7000 * (int64_t)MS);
    CU_ASSERT_EQUAL(seat->backoff.failures, 1);
    CU_ASSERT(seat->backoff.next_ns >= 7000 * (int64_t)MS);
    weir__supervisor_close(&supervisor);
}

static void starts_are_given_up_by_time_after_one_more_try_of_each_seat(void)
{
    struct weir__supervisor supervisor;
    int64_t until_ns = 1700 * (int64_t)MS;

    open_seats(&supervisor, 2, 700);
    CU_ASSERT_EQUAL(weir__supervisor_until_ns(&supervisor), INT64_MAX);
    supervisor.seats[0].backoff.next_ns = 9000 * (int64_t)MS;
    supervisor.seats[1].backoff.next_ns = 1100 * (int64_t)MS;
    CU_ASSERT_EQUAL(weir__supervisor_failed(&supervisor, 1000 * (int64_t)MS, 0), until_ns);
    CU_ASSERT_EQUAL(supervisor.seats[0].backoff.next_ns, until_ns);
    CU_ASSERT_EQUAL(supervisor.seats[1].backoff.next_ns, 1100 * (int64_t)MS);
    CU_ASSERT_EQUAL(weir__supervisor_failed(&supervisor, 1600 * (int64_t)MS, 0), until_ns);
    supervisor.seats[0].backoff.next_ns = 9000 * (int64_t)MS;
    CU_ASSERT_EQUAL(weir__supervisor_failed(&supervisor, 1800 * (int64_t)MS, 0), until_ns);
    CU_ASSERT_EQUAL(supervisor.seats[0].backoff.next_ns, 9000 * (int64_t)MS);
    weir__supervisor_succeeded(&supervisor);
    CU_ASSERT_EQUAL(weir__supervisor_until_ns(&supervisor), INT64_MAX);
    CU_ASSERT_EQUAL(weir__supervisor_failed(&supervisor, 2000 * (int64_t)MS, 0),
                    2700 * (int64_t)MS);
    weir__supervisor_close(&supervisor);
}

static void a_program_that_cannot_run_is_given_up_at_once(void)
{
    struct weir__supervisor supervisor;

    open_seats(&supervisor, 1, WEIR_FOREVER);
    CU_ASSERT_EQUAL(weir__supervisor_failed(&supervisor, 1000, 1), 0);
    CU_ASSERT_EQUAL(weir__supervisor_failed(&supervisor, 2000, 0), 0);
    weir__supervisor_succeeded(&supervisor);
    CU_ASSERT_EQUAL(weir__supervisor_until_ns(&supervisor), INT64_MAX);
    weir__supervisor_close(&supervisor);
}

static void patience_without_end_never_gives_up(void)
{
    const int64_t endless[] = {WEIR_FOREVER, INT64_MAX, INT64_MAX / 1000000};

    for (int i = 0; i < 3; i++) {
        struct weir__supervisor supervisor;

        open_seats(&supervisor, 1, endless[i]);
        CU_ASSERT_EQUAL(weir__supervisor_failed(&supervisor, 1000 * (int64_t)MS, 0), INT64_MAX);
        weir__supervisor_close(&supervisor);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(the_bound_doubles_from_100_ms_to_30_s),
        TEST(what_failed_together_does_not_come_back_together),
        TEST(it_begins_anew_after_a_success),
        TEST(any_bounds_are_taken),
        TEST(the_free_seat_whose_wait_ends_first_is_next),
        TEST(a_worker_that_answered_is_replaced_at_once_the_first_time),
        TEST(starts_are_given_up_by_time_after_one_more_try_of_each_seat),
        TEST(a_program_that_cannot_run_is_given_up_at_once),
        TEST(patience_without_end_never_gives_up),
        TEST(the_wait_of_the_next_free_seat_is_known),
        CU_TEST_INFO_NULL,
    };

    return run_suite("supervisor", tests);
}
