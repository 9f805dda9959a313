/* Circuit breakers: when they open, for how long, and when they close. */
#include "config.h"

#include <string.h>

#include "pool/breaker.h"
#include "support/harness.h"

enum { MS = 1000000 };

static const struct weir__breaker_spec spec = {
    .calls = 4, .percent = 50, .window_ms = 10000, .open_ms = 5000};

static int64_t at_ms(int64_t ms)
{
    return ms * MS;
}

/* A call that ends when it begins.  Returns what the breaker said to it. */
static enum weir__admission call(struct weir__breaker *breaker, enum weir__verdict verdict,
                                 int64_t ms)
{
    enum weir__admission admission = weir__breaker_admit(breaker, at_ms(ms));

    if (admission != WEIR__ADMISSION_REFUSED)
        weir__breaker_count(breaker, verdict, admission == WEIR__ADMISSION_TRIAL, at_ms(ms));
    return admission;
}

static void open(struct weir__breaker *breaker, int64_t ms)
{
    *breaker = (struct weir__breaker){.spec = &spec};
    for (unsigned i = 0; i < spec.calls; i++)
        CU_ASSERT_EQUAL(call(breaker, WEIR__VERDICT_BAD, ms), WEIR__ADMISSION_GIVEN);
    CU_ASSERT_EQUAL(breaker->state, WEIR__BREAKER_OPEN);
}

static void it_opens_when_enough_of_enough_calls_are_bad(void)
{
    struct weir__breaker breaker = {.spec = &spec};

    call(&breaker, WEIR__VERDICT_BAD, 1000);
    call(&breaker, WEIR__VERDICT_BAD, 1001);
    CU_ASSERT_EQUAL(call(&breaker, WEIR__VERDICT_BAD, 1002), WEIR__ADMISSION_GIVEN);
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_CLOSED); /* three are too few */
    call(&breaker, WEIR__VERDICT_BAD, 1003);
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_OPEN);

    breaker = (struct weir__breaker){.spec = &spec};
    for (int i = 0; i < 10; i++)
        call(&breaker, WEIR__VERDICT_GOOD, 1000);
    for (int i = 0; i < 9; i++)
        call(&breaker, WEIR__VERDICT_BAD, 1000);
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_CLOSED); /* nine of nineteen */
    call(&breaker, WEIR__VERDICT_BAD, 1000);
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_OPEN);
}

static void what_is_no_failure_does_not_count(void)
{
    struct weir__breaker breaker = {.spec = &spec};

    for (int i = 0; i < 100; i++)
        call(&breaker, WEIR__VERDICT_NONE, 1000);
    for (int i = 0; i < 3; i++)
        call(&breaker, WEIR__VERDICT_BAD, 1000);
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_CLOSED);
}

static void what_is_older_than_the_window_does_not_count(void)
{
    struct weir__breaker breaker = {.spec = &spec};

    for (int i = 0; i < 3; i++)
        call(&breaker, WEIR__VERDICT_BAD, 1000);
    call(&breaker, WEIR__VERDICT_BAD, 1000 + spec.window_ms);
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_CLOSED);
}

static void it_refuses_calls_until_its_time_is_over(void)
{
    struct weir__breaker breaker;

    open(&breaker, 1000);
    CU_ASSERT_EQUAL(weir__breaker_admit(&breaker, at_ms(1000)), WEIR__ADMISSION_REFUSED);
    CU_ASSERT_EQUAL(weir__breaker_left_ms(&breaker, at_ms(1000)), 5000);
    CU_ASSERT_EQUAL(weir__breaker_left_ms(&breaker, at_ms(5999) + 1), 1); /* rounded up */
    CU_ASSERT_EQUAL(weir__breaker_admit(&breaker, at_ms(6000) - 1), WEIR__ADMISSION_REFUSED);
    CU_ASSERT_EQUAL(weir__breaker_admit(&breaker, at_ms(6000)), WEIR__ADMISSION_TRIAL);
    CU_ASSERT_EQUAL(weir__breaker_left_ms(&breaker, at_ms(6000)), 0);
}

static void three_good_trials_close_it(void)
{
    struct weir__breaker breaker;

    open(&breaker, 0);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(breaker.state == WEIR__BREAKER_CLOSED, 0);
        CU_ASSERT_EQUAL(call(&breaker, WEIR__VERDICT_GOOD, 5000 + i), WEIR__ADMISSION_TRIAL);
    }
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_CLOSED);
    /* What was bad before it opened is forgotten. */
    CU_ASSERT_EQUAL(call(&breaker, WEIR__VERDICT_BAD, 5003), WEIR__ADMISSION_GIVEN);
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_CLOSED);
}

static void a_trial_that_is_neither_good_nor_bad_is_followed_by_another(void)
{
    struct weir__breaker breaker;

    open(&breaker, 0);
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(call(&breaker, WEIR__VERDICT_NONE, 5000 + i), WEIR__ADMISSION_TRIAL);
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_HALF_OPEN);
}

static void each_bad_trial_doubles_its_time_up_to_a_minute(void)
{
    static const int64_t times_ms[] = {5000, 10000, 20000, 40000, 60000, 60000};
    struct weir__breaker breaker;
    int64_t now_ms = 0;

    open(&breaker, now_ms);
    for (size_t i = 0; i < sizeof times_ms / sizeof times_ms[0]; i++) {
        CU_ASSERT_EQUAL(weir__breaker_left_ms(&breaker, at_ms(now_ms)), times_ms[i]);
        CU_ASSERT_EQUAL(call(&breaker, WEIR__VERDICT_GOOD, now_ms + times_ms[i] - 1),
                        WEIR__ADMISSION_REFUSED);
        now_ms += times_ms[i];
        CU_ASSERT_EQUAL(call(&breaker, WEIR__VERDICT_BAD, now_ms), WEIR__ADMISSION_TRIAL);
        CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_OPEN);
    }
    /* Once it has closed, it begins with the first time again. */
    now_ms += 60000;
    for (int i = 0; i < 3; i++)
        call(&breaker, WEIR__VERDICT_GOOD, now_ms);
    for (unsigned i = 0; i < spec.calls; i++)
        call(&breaker, WEIR__VERDICT_BAD, now_ms);
    CU_ASSERT_EQUAL(weir__breaker_left_ms(&breaker, at_ms(now_ms)), 5000);
}

static void beside_a_trial_calls_are_refused(void)
{
    struct weir__breaker breaker;

    open(&breaker, 0);
    CU_ASSERT_EQUAL(weir__breaker_admit(&breaker, at_ms(5000)), WEIR__ADMISSION_TRIAL);
    CU_ASSERT_EQUAL(weir__breaker_admit(&breaker, at_ms(5001)), WEIR__ADMISSION_REFUSED);
    CU_ASSERT_EQUAL(weir__breaker_count(&breaker, WEIR__VERDICT_GOOD, 1, at_ms(5002)), 0);
    CU_ASSERT_EQUAL(weir__breaker_admit(&breaker, at_ms(5002)), WEIR__ADMISSION_TRIAL);
    /* A call from before it opened does not count now. */
    CU_ASSERT_EQUAL(weir__breaker_count(&breaker, WEIR__VERDICT_BAD, 0, at_ms(5003)), 0);
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_HALF_OPEN);
}

static void behind_a_trial_without_end_another_follows(void)
{
    struct weir__breaker breaker;

    open(&breaker, 0);
    CU_ASSERT_EQUAL(weir__breaker_admit(&breaker, at_ms(5000)), WEIR__ADMISSION_TRIAL);
    CU_ASSERT_EQUAL(weir__breaker_admit(&breaker, at_ms(9999)), WEIR__ADMISSION_REFUSED);
    CU_ASSERT_EQUAL(weir__breaker_admit(&breaker, at_ms(10000)), WEIR__ADMISSION_TRIAL);
    CU_ASSERT_EQUAL(breaker.state, WEIR__BREAKER_HALF_OPEN);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"it_opens_when_enough_of_enough_calls_are_bad",
         it_opens_when_enough_of_enough_calls_are_bad},
        {"what_is_no_failure_does_not_count", what_is_no_failure_does_not_count},
        {"what_is_older_than_the_window_does_not_count",
         what_is_older_than_the_window_does_not_count},
        {"it_refuses_calls_until_its_time_is_over", it_refuses_calls_until_its_time_is_over},
        {"three_good_trials_close_it", three_good_trials_close_it},
        {"a_trial_that_is_neither_good_nor_bad_is_followed_by_another",
         a_trial_that_is_neither_good_nor_bad_is_followed_by_another},
        {"each_bad_trial_doubles_its_time_up_to_a_minute",
         each_bad_trial_doubles_its_time_up_to_a_minute},
        {"beside_a_trial_calls_are_refused", beside_a_trial_calls_are_refused},
        {"behind_a_trial_without_end_another_follows", behind_a_trial_without_end_another_follows},
        CU_TEST_INFO_NULL,
    };

    return run_suite("breaker", tests);
}
