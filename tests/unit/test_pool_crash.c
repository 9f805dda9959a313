/* Workers that die, hang or never start: what that costs, and whom. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/calling.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

static weir_t *weir;

static weir_pool_t *some_workers(unsigned workers, const char *const *arguments)
{
    struct weir_pool_options options = worker_pool(arguments);

    weir = open_weir();
    options.workers = workers;
    return open_ready_pool(weir, &options);
}

static void close_all(weir_pool_t *pool)
{
    CU_ASSERT_EQUAL(stat_of(pool, "running"), 0);
    CU_ASSERT_EQUAL(stat_of(pool, "queued"), 0);
    weir_pool_close(pool, PATIENCE_MS);
    weir_close(weir);
}

/* A path that does not exist, as params. */
static const char *fresh_path(char *params, size_t size)
{
    static int count;

    snprintf(params, size, "[\"/tmp/weir-pool-%ld-%d\"]", (long)getpid(), ++count);
    return params;
}

static void remove_path(const char *params)
{
    char path[100];

    snprintf(path, sizeof path, "%.*s", (int)strlen(params) - 4, params + 2);
    unlink(path);
}

/* --- A crash in a call --------------------------------------------------------- */

static void a_killed_worker_costs_the_call_it_had(void)
{
    weir_pool_t *pool = some_workers(1, NULL);
    struct weir_reply reply = call(pool, "die", NULL, NULL);

    CU_ASSERT_EQUAL(reply.code, -33006);
    CU_ASSERT(reply.pid > 0);
    CU_ASSERT_EQUAL(reply.attempts, 1);
    CU_ASSERT(ended_saying(reply, WEIR_CALL_UNKNOWN, "SIGKILL"));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 1);
    close_all(pool);
}

static void an_exit_in_a_call_is_a_crash_whatever_its_status(void)
{
    weir_pool_t *pool = some_workers(1, NULL);

    CU_ASSERT(ended_saying(call(pool, "exit", "[0]", NULL), WEIR_CALL_UNKNOWN, "exited with 0"));
    CU_ASSERT(ended_saying(call(pool, "exit", "[7]", NULL), WEIR_CALL_UNKNOWN, "exited with 7"));
    CU_ASSERT(ended(call(pool, "torn", NULL, NULL), WEIR_CALL_UNKNOWN));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_all(pool);
}

static void a_worker_killed_from_outside_fails_its_call_at_once(void)
{
    weir_pool_t *pool = some_workers(1, ARGV("--concurrency", "2"));
    weir_call_t *held = start_call(pool, "hold", NULL, NULL);

    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3")); /* it has read both */
    kill(worker_pid(pool), SIGKILL);
    CU_ASSERT(ended(finish_call(held), WEIR_CALL_UNKNOWN));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_all(pool);
}

static void an_idle_worker_that_dies_is_replaced(void)
{
    weir_pool_t *pool = some_workers(1, NULL);
    pid_t pid = worker_pid(pool);

    kill(pid, SIGKILL);
    CU_ASSERT(await_stat(weir, pool, "restarts", 1));
    CU_ASSERT(await_workers(weir, pool, "ready", 1));
    CU_ASSERT_NOT_EQUAL(worker_pid(pool), pid);
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    CU_ASSERT_EQUAL(stat_of(pool, "errors"), 0);
    close_all(pool);
}

static void an_idempotent_call_is_tried_again(void)
{
    weir_pool_t *pool = some_workers(1, NULL);
    char params[100];
    struct weir_reply reply = call(pool, "die_once", fresh_path(params, sizeof params), NULL);

    CU_ASSERT_EQUAL(reply.attempts, 2);
    CU_ASSERT(returned(reply, "\"second\""));
    remove_path(params);
    close_all(pool);
}

static void a_caller_may_say_what_is_idempotent(void)
{
    weir_pool_t *pool = some_workers(1, NULL);
    struct weir_call_options options = call_options();
    char params[100];

    options.idempotent = -1;
    CU_ASSERT(ended(call(pool, "die_once", fresh_path(params, sizeof params), &options),
                    WEIR_CALL_UNKNOWN));
    remove_path(params);
    options.idempotent = 1;
    CU_ASSERT(ended(call(pool, "die", NULL, &options), WEIR_CALL_POISON));
    close_all(pool);
}

static void a_call_that_ends_two_workers_is_poison(void)
{
    weir_pool_t *pool = some_workers(2, NULL);
    struct weir_reply reply = call(pool, "die_idempotent", NULL, NULL);

    CU_ASSERT_EQUAL(reply.attempts, 2);
    CU_ASSERT_EQUAL(reply.code, -33008);
    CU_ASSERT(ended(reply, WEIR_CALL_POISON));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_all(pool);
}

static void after_a_value_was_delivered_nothing_is_tried_again(void)
{
    weir_pool_t *pool = some_workers(1, NULL);
    weir_call_t *stream = start_call(pool, "stream_and_die", NULL, NULL);
    struct weir_reply reply;

    CU_ASSERT(next_is(stream, "1"));
    CU_ASSERT_EQUAL(weir_call_next(stream, NULL, NULL, NULL), 0);
    reply = finish_call(stream);
    CU_ASSERT_EQUAL(reply.attempts, 1);
    CU_ASSERT(ended(reply, WEIR_CALL_UNKNOWN));
    close_all(pool);
}

/* Written to the pipe, but the worker never read them. */
static void calls_that_were_not_read_are_tried_again(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;
    weir_call_t *calls[4];
    int64_t until_ns = weir__clock_ns() + (int64_t)PATIENCE_MS * 1000000;

    weir = open_weir();
    options.window = 8;
    pool = open_ready_pool(weir, &options);
    CU_ASSERT(returned(call(pool, "answers_and_sleeps", NULL, NULL), "null"));
    for (int i = 0; i < 4; i++)
        calls[i] = start_call(pool, "add", "[1,2]", NULL);
    CU_ASSERT_EQUAL(stat_of(pool, "running"), 4);
    kill(worker_pid(pool), SIGKILL);
    for (int i = 0; i < 4; i++) {
        struct weir_reply reply = finish_call(calls[i]);

        CU_ASSERT_EQUAL(reply.attempts, 2);
        CU_ASSERT(returned(reply, "3"));
    }
    CU_ASSERT(weir__clock_ns() < until_ns);
    close_all(pool);
}

static void only_the_one_that_kills_alone_is_poison(void)
{
    struct weir_pool_options options = worker_pool(ARGV("--concurrency", "8"));
    struct weir_call_options again = call_options();
    weir_pool_t *pool;
    weir_call_t *calls[4];

    weir = open_weir();
    pool = open_ready_pool(weir, &options);
    again.idempotent = 1;
    for (int i = 0; i < 4; i++)
        calls[i] = start_call(pool, i == 3 ? "die" : "hold", NULL, &again);
    CU_ASSERT(await_stat(weir, pool, "restarts", 1));
    for (int i = 0; i < 3; i++) { /* each is alone now, and held until somebody asks */
        CU_ASSERT(await_stat(weir, pool, "running", 1));
        weir_call_cancel(calls[i]);
        CU_ASSERT(ended(finish_call(calls[i]), WEIR_CALL_CANCELLED));
    }
    CU_ASSERT(ended(finish_call(calls[3]), WEIR_CALL_POISON));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_all(pool);
}

static void one_that_closes_its_output_or_input_is_replaced(void)
{
    weir_pool_t *pool = some_workers(1, NULL);

    CU_ASSERT(ended_saying(call(pool, "close_output", NULL, NULL), WEIR_CALL_UNKNOWN, "output"));
    CU_ASSERT(returned(call(pool, "close_input", NULL, NULL), "\"closed\""));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 2);
    close_all(pool);
}

/* Its bytes were taken, and nobody will ever read them. */
static void a_call_that_a_worker_closed_its_input_on_is_tried_again(void)
{
    weir_pool_t *pool = some_workers(1, ARGV("--concurrency", "2"));
    weir_call_t *closing = start_call(pool, "close_input_unread", NULL, NULL);
    weir_call_t *unread;

    CU_ASSERT(next_is(closing, "1"));
    unread = start_call(pool, "add", "[1,2]", NULL);
    CU_ASSERT(returned(finish_call(closing), "\"closed\""));
    CU_ASSERT(returned(finish_call(unread), "3"));
    CU_ASSERT_EQUAL(stat_of(pool, "errors"), 0);
    close_all(pool);
}

static void a_stopped_worker_holds_nobody_else_up(void)
{
    weir_pool_t *pool = some_workers(2, NULL);
    weir_call_t *stopped = start_call(pool, "stop", NULL, NULL);

    for (int i = 0; i < 20; i++)
        CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    weir_call_cancel(stopped);
    CU_ASSERT(ended(finish_call(stopped), WEIR_CALL_CANCELLED));
    CU_ASSERT(await_workers(weir, pool, "ready", 2));
    close_all(pool);
}

static void a_killed_spawner_costs_the_calls_under_way(void)
{
    weir_pool_t *pool = some_workers(1, ARGV("--concurrency", "2"));
    weir_call_t *held = start_call(pool, "hold", NULL, NULL);

    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    kill_spawner();
    CU_ASSERT(ended(finish_call(held), WEIR_CALL_UNKNOWN));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_all(pool);
}

/* --- Those that do not start ---------------------------------------------------- */

static int cannot_start(const char *const *arguments, const char *text)
{
    struct weir_pool_options options = worker_pool(arguments);
    struct weir_error error = {0};
    weir_pool_t *pool;
    int is;

    weir = open_weir();
    options.start_attempts = 2;
    options.start_timeout_ms = 300;
    options.workers = 2;
    pool = open_pool(weir, &options);
    CU_ASSERT(ended_saying(call(pool, "add", "[1,2]", NULL), WEIR_CALL_NO_WORKER, text));
    is = weir_pool_wait_ready(pool, 1, PATIENCE_MS, &error) == WEIR_ERR_WORKER
         && strstr(error.text, text) != NULL;
    if (!is)
        printf("# %s\n", error.text);
    CU_ASSERT(ended_saying(call(pool, "add", "[1,2]", NULL), WEIR_CALL_NO_WORKER, text));
    close_all(pool);
    return is;
}

static void a_worker_that_exits_at_its_start_fails_fast_with_its_stderr(void)
{
    CU_ASSERT(cannot_start(ARGV("--exit", "3"), "exited with 3"));
    CU_ASSERT(cannot_start(ARGV("--exit", "3"), "cannot find my model"));
}

/* With full jitter the wait may be anything up to this: some days, most likely. */
static void a_worker_that_exits_at_its_start_is_not_started_again_at_once(void)
{
    struct weir_pool_options options = worker_pool(ARGV("--exit", "3"));
    struct weir_call_options soon = call_options();
    weir_pool_t *pool;

    weir = open_weir();
    options.backoff_ms = options.backoff_max_ms = 1000000000;
    pool = open_pool(weir, &options);
    CU_ASSERT(await_stat(weir, pool, "restarts", 1));
    soon.timeout_ms = 300;
    CU_ASSERT(ended(call(pool, "add", "[1,2]", &soon), WEIR_CALL_DEADLINE));
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 1);
    close_all(pool);
}

static void a_silent_worker_has_a_start_timeout(void)
{
    CU_ASSERT(cannot_start(ARGV("--silent"), "within 0.3 s"));
}

static void a_hello_that_is_none_is_said(void)
{
    CU_ASSERT(cannot_start(ARGV("--hello", "{\"version\":2,\"methods\":{}}"), "version"));
    CU_ASSERT(cannot_start(ARGV("--hello", "{\"version\":1}"), "methods"));
    CU_ASSERT(cannot_start(ARGV("--hello", "7"), "version"));
}

static void a_plain_worker_is_none_where_streams_are_needed(void)
{
    struct weir_pool_options options = worker_pool(ARGV("--plain"));
    struct weir_error error;
    weir_pool_t *pool;

    weir = open_weir();
    options.dialect = WEIR_DIALECT_NATIVE;
    options.start_attempts = 1;
    pool = open_pool(weir, &options);
    CU_ASSERT_EQUAL(weir_pool_wait_ready(pool, 0, PATIENCE_MS, &error), WEIR_ERR_WORKER);
    weir_pool_close(pool, 0);
    options.dialect = WEIR_DIALECT_PLAIN;
    pool = open_ready_pool(weir, &options);
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_all(pool);
}

static void a_missing_program_is_said_at_once(void)
{
    struct weir_command command = command_of(ARGV("/nonexistent/worker"));
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;

    weir = open_weir();
    options.commands = (const struct weir_command *[]){&command};
    options.backoff_ms = 60000;
    pool = open_pool(weir, &options);
    CU_ASSERT(
        ended_saying(call(pool, "add", "[1,2]", NULL), WEIR_CALL_NO_WORKER, "/nonexistent/worker"));
    options.dialect = WEIR_DIALECT_PLAIN;
    weir_pool_close(pool, 0);
    pool = open_pool(weir, &options);
    CU_ASSERT(
        ended_saying(call(pool, "add", "[1,2]", NULL), WEIR_CALL_NO_WORKER, "/nonexistent/worker"));
    close_all(pool);
}

static void a_pool_that_was_down_comes_back(void)
{
    char path[100], params[100];
    struct weir_pool_options options;
    weir_pool_t *pool;

    fresh_path(params, sizeof params);
    snprintf(path, sizeof path, "%.*s", (int)strlen(params) - 4, params + 2);
    options = worker_pool(ARGV("--die-once", path));
    weir = open_weir();
    options.start_attempts = 1;
    options.backoff_ms = 50;
    pool = open_pool(weir, &options);
    CU_ASSERT(ended(call(pool, "add", "[1,2]", NULL), WEIR_CALL_NO_WORKER));
    CU_ASSERT(await_workers(weir, pool, "ready", 1));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    unlink(path);
    close_all(pool);
}

/* One tries whether they start again; the others must not wait until it dies. */
static void a_pool_that_was_down_comes_back_whole(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    char path[100], params[100];
    struct weir_command command;
    weir_pool_t *pool;
    int fd;

    fresh_path(params, sizeof params);
    snprintf(path, sizeof path, "%.*s", (int)strlen(params) - 4, params + 2);
    command = command_of(
        ARGV("sh", "-c", "test -e \"$0\" && exec \"$1\"", path, options.commands[0]->argv[0]));
    weir = open_weir();
    options.commands = (const struct weir_command *[]){&command};
    options.workers = 3;
    options.start_attempts = 1;
    pool = open_pool(weir, &options);
    CU_ASSERT(ended(call(pool, "add", "[1,2]", NULL), WEIR_CALL_NO_WORKER));
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    CU_ASSERT(await_workers(weir, pool, "ready", 3));
    unlink(path);
    close_all(pool);
}

static void a_slow_start_holds_calls_back_and_loses_none(void)
{
    struct weir_pool_options options = worker_pool(ARGV("--slow-hello", "200"));
    weir_pool_t *pool;

    weir = open_weir();
    options.workers = 2;
    pool = open_pool(weir, &options);
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_all(pool);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"a_killed_worker_costs_the_call_it_had", a_killed_worker_costs_the_call_it_had},
        {"an_exit_in_a_call_is_a_crash_whatever_its_status",
         an_exit_in_a_call_is_a_crash_whatever_its_status},
        {"a_worker_killed_from_outside_fails_its_call_at_once",
         a_worker_killed_from_outside_fails_its_call_at_once},
        {"an_idle_worker_that_dies_is_replaced", an_idle_worker_that_dies_is_replaced},
        {"an_idempotent_call_is_tried_again", an_idempotent_call_is_tried_again},
        {"a_caller_may_say_what_is_idempotent", a_caller_may_say_what_is_idempotent},
        {"a_call_that_ends_two_workers_is_poison", a_call_that_ends_two_workers_is_poison},
        {"after_a_value_was_delivered_nothing_is_tried_again",
         after_a_value_was_delivered_nothing_is_tried_again},
        {"calls_that_were_not_read_are_tried_again", calls_that_were_not_read_are_tried_again},
        {"only_the_one_that_kills_alone_is_poison", only_the_one_that_kills_alone_is_poison},
        {"one_that_closes_its_output_or_input_is_replaced",
         one_that_closes_its_output_or_input_is_replaced},
        {"a_call_that_a_worker_closed_its_input_on_is_tried_again",
         a_call_that_a_worker_closed_its_input_on_is_tried_again},
        {"a_stopped_worker_holds_nobody_else_up", a_stopped_worker_holds_nobody_else_up},
        {"a_killed_spawner_costs_the_calls_under_way", a_killed_spawner_costs_the_calls_under_way},
        {"a_worker_that_exits_at_its_start_fails_fast_with_its_stderr",
         a_worker_that_exits_at_its_start_fails_fast_with_its_stderr},
        {"a_worker_that_exits_at_its_start_is_not_started_again_at_once",
         a_worker_that_exits_at_its_start_is_not_started_again_at_once},
        {"a_silent_worker_has_a_start_timeout", a_silent_worker_has_a_start_timeout},
        {"a_hello_that_is_none_is_said", a_hello_that_is_none_is_said},
        {"a_plain_worker_is_none_where_streams_are_needed",
         a_plain_worker_is_none_where_streams_are_needed},
        {"a_missing_program_is_said_at_once", a_missing_program_is_said_at_once},
        {"a_pool_that_was_down_comes_back", a_pool_that_was_down_comes_back},
        {"a_pool_that_was_down_comes_back_whole", a_pool_that_was_down_comes_back_whole},
        {"a_slow_start_holds_calls_back_and_loses_none",
         a_slow_start_holds_calls_back_and_loses_none},
        CU_TEST_INFO_NULL,
    };

    return run_suite("pool_crash", tests);
}
