/* weir_run(): deadlines, the stop sequence, and processes that hold a pipe. */
#include "config.h"

#include <signal.h>
#include <stdlib.h>

#include "support/harness.h"
#include "support/running.h"

/* --- 5: deadlines ---------------------------------------------------------- */

static void one_that_obeys_term_keeps_what_it_said(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.timeout_ms = 300;
    options.grace_ms = 60000;
    result = run(weir, ARGV(child_path("says_and_stays"), "partial"), &options);
    CU_ASSERT_EQUAL(result.end, WEIR_SIGNALED);
    CU_ASSERT_EQUAL(result.signal, SIGTERM);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_TIMEOUT);
    CU_ASSERT_EQUAL(weir_result_status(&result), 124);
    CU_ASSERT_STRING_EQUAL(result.out.text, "partial");
    CU_ASSERT_EQUAL(result.stopped_with_count, 1);
    CU_ASSERT_EQUAL(result.stopped_with[0], SIGTERM);
    CU_ASSERT(result.wall_ns >= 290000000);
    weir_result_clear(&result);
    weir_close(weir);
}

static void one_that_ignores_term_is_killed(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.timeout_ms = 300;
    options.grace_ms = 200;
    result = run(weir, ARGV(child_path("ignores_term")), &options);
    CU_ASSERT_EQUAL(result.signal, SIGKILL);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(result.out.text, "ready\n");
    CU_ASSERT_EQUAL_FATAL(result.stopped_with_count, 2);
    CU_ASSERT_EQUAL(result.stopped_with[0], SIGTERM);
    CU_ASSERT_EQUAL(result.stopped_with[1], SIGKILL);
    CU_ASSERT(result.wall_ns >= 490000000); /* the grace was given */
    weir_result_clear(&result);
    weir_close(weir);
}

static void a_stop_sequence_is_taken_step_by_step(void)
{
    static const struct weir_stop_step steps[] = {
        {SIGINT, 150}, {0, 50}, {SIGTERM, 150}, {SIGKILL, 0}};
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.timeout_ms = 300;
    options.stop = steps;
    options.stop_count = 4;
    result = run(weir,
                 ARGV("sh", "-c",
                      "trap 'echo int' INT; trap 'echo term' TERM; while :; do sleep 0.01; done"),
                 &options);
    CU_ASSERT_EQUAL(result.signal, SIGKILL);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(result.out.text, "int\nterm\n");
    CU_ASSERT_EQUAL_FATAL(result.stopped_with_count, 3);
    CU_ASSERT_EQUAL(result.stopped_with[0], SIGINT);
    CU_ASSERT_EQUAL(result.stopped_with[1], SIGTERM);
    CU_ASSERT_EQUAL(result.stopped_with[2], SIGKILL);
    CU_ASSERT(result.wall_ns >= 640000000); /* every step was given its time */
    weir_result_clear(&result);
    options.stop_count = 1;
    result = run(weir, ARGV("sleep", "1000"), &options); /* whose first step is enough */
    CU_ASSERT_EQUAL(result.signal, SIGINT);
    CU_ASSERT_EQUAL(result.stopped_with_count, 1);
    weir_result_clear(&result);
    options.stop = &steps[3];
    result = run(weir, ARGV(child_path("ignores_term")), &options);
    CU_ASSERT_EQUAL(result.stopped_with_count, 1);
    CU_ASSERT_EQUAL(result.stopped_with[0], SIGKILL);
    weir_result_clear(&result);
    weir_close(weir);
}

static void a_stop_sequence_is_read_and_checked(void)
{
    static const char *const wrong[] = {
        "",
        "TERM",
        "TERM:",
        "TERM:5x",
        "KILL:1s",
        "KILL,TERM:1s",
        "STOP:1s",
        "NOPE:1s",
        "TERM:1s,",
        "INT:1s,INT:1s,INT:1s,TERM:1s",
        "INT:1s,INT:1s,INT:1s,TERM:1s,KILL",
    };
    struct weir_stop_step steps[WEIR_STOP_STEPS];
    struct weir_error error;
    size_t count = 0;

    CU_ASSERT_EQUAL(weir_stop_parse("INT:2s,SIGTERM:500ms,10:1,KILL", steps, &count, &error), 0);
    CU_ASSERT_EQUAL_FATAL(count, 4);
    CU_ASSERT(steps[0].signal == SIGINT && steps[0].wait_ms == 2000);
    CU_ASSERT(steps[1].signal == SIGTERM && steps[1].wait_ms == 500);
    CU_ASSERT(steps[2].signal == 10 && steps[2].wait_ms == 1000);
    CU_ASSERT(steps[3].signal == SIGKILL && steps[3].wait_ms == 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        count = 77;
        CU_ASSERT_EQUAL(weir_stop_parse(wrong[i], steps, &count, &error), WEIR_ERR_INVALID);
        CU_ASSERT_EQUAL(count, 77);
    }
}

static void a_stopped_child_is_killed_in_time(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.timeout_ms = 200;
    options.grace_ms = 100;
    result = run(weir, ARGV(child_path("stops_itself")), &options);
    CU_ASSERT_EQUAL(result.end, WEIR_SIGNALED);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(result.out.text, "stopping\n");
    weir_result_clear(&result);
    weir_close(weir);
}

static void one_that_exits_cleanly_on_term_was_timed_out_all_the_same(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.timeout_ms = 300;
    options.grace_ms = 60000;
    result =
        run(weir, ARGV("sh", "-c", "trap 'echo bye; exit 3' TERM; while :; do sleep 0.01; done"),
            &options);
    CU_ASSERT_EQUAL(result.end, WEIR_EXITED);
    CU_ASSERT_EQUAL(result.code, 3);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_TIMEOUT);
    CU_ASSERT_EQUAL(weir_result_status(&result), 124);
    CU_ASSERT_STRING_EQUAL(result.out.text, "bye\n"); /* its last words are kept */
    weir_result_clear(&result);
    weir_close(weir);
}

static void silence_is_ended_and_a_slow_talker_is_not(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.idle_ms = 1500;
    result = run(weir, ARGV(child_path("ticks"), "100"), &options); /* 2 s of it */
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(result.out.total, 500);
    weir_result_clear(&result);
    options.idle_ms = 200;
    result = run(weir, ARGV(child_path("says_and_stays"), "then nothing"), &options);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_IDLE);
    CU_ASSERT_EQUAL(weir_result_status(&result), 124);
    CU_ASSERT_STRING_EQUAL(result.out.text, "then nothing");
    weir_result_clear(&result);
    weir_close(weir);
}

static void an_exit_before_the_deadline_is_an_exit(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();

    /* Near its deadline it is one or the other, and never a mixture: what ended
     * before the time was up was not timed out.  tests/unit/test_spawner.c has
     * the one case that time cannot bring about reliably. */
    for (int i = 0; i < 150; i++) {
        struct weir_result result;

        options.timeout_ms = 18 + i % 6;
        options.grace_ms = 60000;
        result = run(weir, ARGV(child_path("ticks"), "1"), &options);
        if (result.end == WEIR_EXITED && result.wall_ns < options.timeout_ms * 1000000)
            CU_ASSERT_EQUAL(result.why, WEIR_STOP_NONE);
        if (result.end == WEIR_EXITED) {
            CU_ASSERT_EQUAL(result.code, 0);
        } else {
            CU_ASSERT_EQUAL(result.signal, SIGTERM);
            CU_ASSERT_EQUAL(result.why, WEIR_STOP_TIMEOUT);
            CU_ASSERT(result.wall_ns >= options.timeout_ms * 1000000); /* it had all its time */
        }
        weir_result_clear(&result);
    }
    weir_close(weir);
}

/* --- 6, 7: who holds the pipe, and what is in it --------------------------- */

static void a_background_process_does_not_hold_up_the_deadline(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;
    pid_t left;

    options.timeout_ms = 400;
    options.drain_ms = 60000;
    result = run(weir, ARGV(child_path("leaves_behind"), "background"), &options);
    CU_ASSERT(exited_with(&result, 0)); /* it did exit in time; the rest is distinguished */
    CU_ASSERT(result.out.abandoned);
    left = (pid_t)atol(result.out.text);
    CU_ASSERT(left > 0 && is_gone(left));
    CU_ASSERT(names_holder(&result, left, "leaves_behind"));
    weir_result_clear(&result);
    weir_close(weir);
}

static void check_holder(const char *mode)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;
    pid_t left;

    options.drain_ms = 100;
    options.grace_ms = 200;
    result = run(weir, ARGV(child_path("leaves_behind"), mode, "stubborn"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT(result.out.abandoned);
    left = (pid_t)atol(result.out.text);
    CU_ASSERT(names_holder(&result, left, "leaves_behind"));
    CU_ASSERT(left > 0 && is_gone(left));
    CU_ASSERT_EQUAL_FATAL(result.stopped_with_count, 2); /* who was killed with what */
    CU_ASSERT_EQUAL(result.stopped_with[1], SIGKILL);
    weir_result_clear(&result);
    weir_close(weir);
}

static void a_holder_of_the_pipe_is_named_and_ended(void)
{
    static const char *const modes[] = {STRAYS};

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        check_holder(modes[i]);
}

static void a_daemon_that_holds_nothing_is_ended_with_the_job(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;
    pid_t left;

    options.drain_ms = 60000;
    result = run(weir, ARGV(child_path("leaves_behind"), STRAY, "closed"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT(!result.out.abandoned);
    CU_ASSERT_EQUAL(result.holder_pid, 0);
    left = (pid_t)atol(result.out.text);
    CU_ASSERT(left > 0 && is_gone(left));
    weir_result_clear(&result);
    weir_close(weir);
}

static void what_a_dead_child_left_in_the_pipe_is_read(void)
{
    weir_t *weir = open_weir();

    for (int i = 0; i < 50; i++) {
        struct weir_result result = run(weir, ARGV(child_path("leaves_unread"), "60000"), NULL);

        CU_ASSERT(exited_with(&result, 0));
        CU_ASSERT_EQUAL(result.out.total, 60000);
        CU_ASSERT(!result.out.abandoned);
        weir_result_clear(&result);
    }
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"one that obeys TERM keeps what it said", one_that_obeys_term_keeps_what_it_said},
        {"one that ignores TERM is killed", one_that_ignores_term_is_killed},
        {"a stop sequence is taken step by step", a_stop_sequence_is_taken_step_by_step},
        {"a stop sequence is read and checked", a_stop_sequence_is_read_and_checked},
        {"a stopped child is killed in time", a_stopped_child_is_killed_in_time},
        {"one that exits cleanly on TERM was timed out all the same",
         one_that_exits_cleanly_on_term_was_timed_out_all_the_same},
        {"silence is ended and a slow talker is not", silence_is_ended_and_a_slow_talker_is_not},
        {"an exit before the deadline is an exit", an_exit_before_the_deadline_is_an_exit},
        {"a background process does not hold up the deadline",
         a_background_process_does_not_hold_up_the_deadline},
        {"a holder of the pipe is named and ended", a_holder_of_the_pipe_is_named_and_ended},
        {"a daemon that holds nothing is ended with the job",
         a_daemon_that_holds_nothing_is_ended_with_the_job},
        {"what a dead child left in the pipe is read", what_a_dead_child_left_in_the_pipe_is_read},
        CU_TEST_INFO_NULL,
    };

    return run_suite("run_stop", tests);
}
