/* A pool from its opening to its end: queue, recycling, replacement, drain, callbacks. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/calling.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

static weir_t *weir;

static weir_pool_t *pool_with(struct weir_pool_options options)
{
    weir = open_weir();
    return open_ready_pool(weir, &options);
}

/* --- The queue ----------------------------------------------------------------- */

static void a_full_queue_is_said_at_once(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;
    weir_call_t *calls[3];
    struct weir_reply reply;

    options.max_queue = 2;
    pool = pool_with(options);
    calls[0] = start_call(pool, "sleep", "[60000]", NULL);
    calls[1] = start_call(pool, "add", "[1,1]", NULL);
    calls[2] = start_call(pool, "add", "[1,1]", NULL);
    reply = call(pool, "add", "[1,1]", NULL);
    CU_ASSERT_EQUAL(reply.code, -33005);
    CU_ASSERT_EQUAL(reply.attempts, 0);
    CU_ASSERT(ended_saying(reply, WEIR_CALL_REFUSED, "full"));
    CU_ASSERT(ended(finish_call(start_call(pool, "add", "[1,1]", NULL)), WEIR_CALL_REFUSED));
    weir_call_cancel(calls[0]);
    CU_ASSERT(ended(finish_call(calls[0]), WEIR_CALL_CANCELLED));
    CU_ASSERT(returned(finish_call(calls[1]), "2"));
    CU_ASSERT(returned(finish_call(calls[2]), "2"));
    close_idle(weir, pool);
}

static void an_idle_worker_pulls(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;
    weir_call_t *slow;

    options.workers = 2;
    pool = pool_with(options);
    slow = start_call(pool, "sleep", "[60000]", NULL);
    for (int i = 0; i < 50; i++)
        CU_ASSERT(returned(call(pool, "add", "[1,1]", NULL), "2"));
    weir_call_free(slow);
    CU_ASSERT(await_stat(weir, pool, "running", 0));
    close_idle(weir, pool);
}

/* --- Replacement --------------------------------------------------------------- */

static void recycling_under_load_loses_no_call(void)
{
    enum { CALLS = 300 };
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;
    weir_call_t *calls[CALLS];
    char params[40], result[40];

    options.workers = 2;
    options.recycle_calls = 20;
    options.window = 4;
    pool = pool_with(options);
    for (int i = 0; i < CALLS; i++) {
        snprintf(params, sizeof params, "[%d,1]", i);
        calls[i] = start_call(pool, "add", params, NULL);
    }
    for (int i = 0; i < CALLS; i++) {
        struct weir_reply reply = finish_call(calls[i]);

        snprintf(result, sizeof result, "%d", i + 1);
        CU_ASSERT_EQUAL(reply.attempts, 1);
        CU_ASSERT(returned(reply, result));
    }
    for (int i = 0; i < CALLS; i++)
        CU_ASSERT(returned(call(pool, "add", "[1,1]", NULL), "2"));
    CU_ASSERT_EQUAL(stat_of(pool, "errors"), 0);
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 0);
    close_idle(weir, pool);
}

struct changed {
    weir_pool_t *pool;
    pid_t pid;
};

static int is_another(void *data)
{
    const struct changed *changed = data;

    return worker_pid(changed->pool) != changed->pid && count_workers(changed->pool, "ready") == 1;
}

static int await_another(weir_pool_t *pool, pid_t pid)
{
    struct changed changed = {pool, pid};

    return dispatch_until(weir, is_another, &changed);
}

static void a_worker_grown_large_is_replaced(void)
{
    if (is_without("/proc"))
        return;
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;
    pid_t pid;

    options.recycle_rss_kb = 256 * 1024;
    pool = pool_with(options);
    pid = worker_pid(pool);
    CU_ASSERT(returned(call(pool, "add", "[1,1]", NULL), "2"));
    CU_ASSERT_EQUAL(worker_pid(pool), pid);
    CU_ASSERT(returned(call(pool, "grow", "[300000]", NULL), "1"));
    CU_ASSERT(await_another(pool, pid));
    close_idle(weir, pool);
}

static void a_worker_grown_old_is_replaced(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;
    pid_t pid;

    options.recycle_age_ms = 50;
    pool = pool_with(options);
    pid = worker_pid(pool);
    CU_ASSERT(await_another(pool, pid));
    close_idle(weir, pool);
}

static void all_are_replaced_one_after_the_other(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;
    weir_call_t *sleep;
    pid_t pid;

    options.workers = 3;
    pool = pool_with(options);
    sleep = start_call(pool, "sleep", "[300]", NULL);
    pid = worker_pid(pool);
    weir_pool_replace(pool);
    for (int i = 0; i < 50; i++)
        CU_ASSERT(returned(call(pool, "add", "[1,1]", NULL), "2"));
    CU_ASSERT(returned(finish_call(sleep), "\"slept\""));
    CU_ASSERT(await_workers(weir, pool, "ending", 0));
    CU_ASSERT(await_workers(weir, pool, "ready", 3));
    CU_ASSERT_NOT_EQUAL(worker_pid(pool), pid);
    CU_ASSERT_EQUAL(stat_of(pool, "errors"), 0);
    close_idle(weir, pool);
}

/* --- Kinds ---------------------------------------------------------------------- */

static void two_kinds_share_one_namespace(void)
{
    struct weir_pool_options options = worker_pool(ARGV("--only", "mine"));
    struct weir_command commands[2] = {*options.commands[0], *options.commands[0]};
    struct weir_error error;
    char *methods;
    weir_pool_t *pool;

    commands[1].argv = ARGV(child_path("rpc_worker"), "--only", "yours");
    options.commands = (const struct weir_command *[]){&commands[0], &commands[1]};
    options.command_count = 2;
    pool = pool_with(options);
    methods = weir_pool_methods(pool);
    CU_ASSERT_STRING_EQUAL(methods, "{\"mine\":{},\"yours\":{}}");
    free(methods);
    CU_ASSERT(ended_saying(call(pool, "add", "[1,1]", NULL), WEIR_CALL_FAILED, "\"add\""));
    close_idle(weir, pool);
    commands[1].argv = commands[0].argv;
    weir = open_weir();
    pool = open_pool(weir, &options);
    CU_ASSERT_EQUAL(weir_pool_wait_ready(pool, 0, PATIENCE_MS, &error), WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "\"mine\""));
    CU_ASSERT(ended(call(pool, "mine", NULL, NULL), WEIR_CALL_NO_WORKER));
    close_idle(weir, pool);
}

/* --- The end --------------------------------------------------------------------- */

static void draining_lets_calls_end_and_takes_no_more(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool = pool_with(options);
    weir_call_t *running = start_call(pool, "sleep", "[100]", NULL);
    weir_call_t *queued = start_call(pool, "add", "[1,1]", NULL);

    weir_pool_drain(pool, WEIR_FOREVER, NULL, NULL);
    CU_ASSERT(ended_saying(call(pool, "add", "[1,1]", NULL), WEIR_CALL_REFUSED, "closing"));
    weir_pool_close(pool, WEIR_FOREVER);
    CU_ASSERT(returned(finish_call(running), "\"slept\""));
    CU_ASSERT(returned(finish_call(queued), "2"));
    weir_close(weir);
}

static void what_does_not_end_in_time_is_cancelled(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool = pool_with(options);
    weir_call_t *running = start_call(pool, "sleep", "[60000]", NULL);
    weir_call_t *queued = start_call(pool, "add", "[1,1]", NULL);

    weir_pool_close(pool, 20);
    CU_ASSERT(ended(finish_call(running), WEIR_CALL_CANCELLED));
    CU_ASSERT(ended(finish_call(queued), WEIR_CALL_CANCELLED));
    weir_close(weir);
}

static void one_that_ignores_its_end_is_ended(void)
{
    weir_pool_t *pool = pool_with(worker_pool(ARGV("--ignore-end")));

    CU_ASSERT(returned(call(pool, "add", "[1,1]", NULL), "2"));
    close_idle(weir, pool);
}

static void a_pool_that_has_not_started_closes(void)
{
    struct weir_pool_options options = worker_pool(ARGV("--silent"));
    weir_call_t *waiting;
    weir_pool_t *pool;

    weir = open_weir();
    pool = open_pool(weir, &options);
    waiting = start_call(pool, "add", "[1,1]", NULL);
    CU_ASSERT_EQUAL(weir_pool_wait_ready(pool, 0, 10, NULL), WEIR_ERR_TIMEOUT);
    weir_pool_close(pool, 0);
    CU_ASSERT(ended(finish_call(waiting), WEIR_CALL_CANCELLED));
    weir_close(weir);
}

static void a_context_that_is_closed_ends_its_pools(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool = pool_with(options);

    start_call(pool, "sleep", "[60000]", NULL);
    start_call(pool, "add", "[1,1]", NULL);
    open_pool(weir, &options);
    weir_close(weir);
}

/* --- Callbacks -------------------------------------------------------------------- */

struct story {
    weir_pool_t *pool;
    int values, done, readies, drains, wanted;
    enum weir_outcome outcome;
    weir_call_t *another;
};

static int is_done(void *data)
{
    const struct story *story = data;

    return story->done >= story->wanted;
}

static void on_done(weir_call_t *started, const struct weir_reply *reply, void *context)
{
    struct story *story = context;

    story->done++;
    story->outcome = reply->outcome;
    weir_call_free(started);
}

static void on_value(weir_call_t *started, const char *bytes, size_t length, void *context)
{
    struct story *story = context;

    (void)bytes;
    (void)length;
    story->values++;
    weir_call_grant(started, 1);
}

static void on_value_that_frees(weir_call_t *started, const char *bytes, size_t length,
                                void *context)
{
    struct story *story = context;

    (void)bytes;
    (void)length;
    story->values++;
    story->done++;
    weir_call_free(started);
}

static void on_done_that_goes_on(weir_call_t *started, const struct weir_reply *reply,
                                 void *context)
{
    struct story *story = context;
    struct weir_call_sink sink = {
        .size = sizeof sink, .on_done = on_done_that_goes_on, .context = story};
    struct weir_reply none;

    CU_ASSERT_EQUAL(reply->outcome, WEIR_CALL_RETURNED);
    CU_ASSERT_EQUAL(weir_call(story->pool, "add", "[1,1]", NULL, &none, NULL), WEIR_ERR_BUSY);
    if (++story->done < story->wanted)
        weir_call_start(story->pool, "add", "[1,1]", 5, NULL, &sink, NULL);
    weir_call_free(started);
}

static void on_done_that_closes(weir_call_t *started, const struct weir_reply *reply, void *context)
{
    struct story *story = context;

    (void)reply;
    story->done++;
    weir_call_free(started);
    weir_pool_close(story->pool, WEIR_FOREVER);
}

static void values_and_the_end_are_reported(void)
{
    struct story story = {.wanted = 1};
    struct weir_call_sink sink = {
        .size = sizeof sink, .on_value = on_value, .on_done = on_done, .context = &story};
    weir_pool_t *pool = pool_with(worker_pool(NULL));

    weir_call_start(pool, "count", "[0,500]", 7, NULL, &sink, NULL);
    CU_ASSERT(dispatch_until(weir, is_done, &story));
    CU_ASSERT_EQUAL(story.values, 500);
    CU_ASSERT_EQUAL(story.outcome, WEIR_CALL_RETURNED);
    close_idle(weir, pool);
}

static void what_is_refused_is_reported_from_the_loop(void)
{
    struct story story = {.wanted = 1};
    struct weir_call_sink sink = {.size = sizeof sink, .on_done = on_done, .context = &story};
    weir_pool_t *pool = pool_with(worker_pool(NULL));

    weir_call_start(pool, "nope", NULL, 0, NULL, &sink, NULL);
    CU_ASSERT_EQUAL(story.done, 0);
    CU_ASSERT(dispatch_until(weir, is_done, &story));
    CU_ASSERT_EQUAL(story.outcome, WEIR_CALL_FAILED);
    weir_call_free(start_call(pool, "nope", NULL, NULL));
    close_idle(weir, pool);
}

static void a_callback_may_free_its_call(void)
{
    struct story story = {.wanted = 1};
    struct weir_call_sink sink = {
        .size = sizeof sink, .on_value = on_value_that_frees, .context = &story};
    weir_pool_t *pool = pool_with(worker_pool(NULL));

    weir_call_start(pool, "endless", NULL, 0, NULL, &sink, NULL);
    CU_ASSERT(dispatch_until(weir, is_done, &story));
    CU_ASSERT(returned(call(pool, "add", "[1,1]", NULL), "2"));
    CU_ASSERT_EQUAL(story.values, 1);
    close_idle(weir, pool);
}

static void a_callback_may_call_on(void)
{
    struct story story = {.wanted = 1000};
    struct weir_call_sink sink = {
        .size = sizeof sink, .on_done = on_done_that_goes_on, .context = &story};

    story.pool = pool_with(worker_pool(NULL));
    weir_call_start(story.pool, "add", "[1,1]", 5, NULL, &sink, NULL);
    CU_ASSERT(dispatch_until(weir, is_done, &story));
    close_idle(weir, story.pool);
}

static void a_callback_may_close_the_pool(void)
{
    struct story story = {.wanted = 4};
    struct weir_call_sink closing = {
        .size = sizeof closing, .on_done = on_done_that_closes, .context = &story};
    struct weir_call_sink sink = {.size = sizeof sink, .on_done = on_done, .context = &story};
    struct weir_pool_options options = worker_pool(ARGV("--concurrency", "2"));

    options.workers = 2;
    story.pool = pool_with(options);
    weir_call_start(story.pool, "hold", NULL, 0, NULL, &sink, NULL);
    weir_call_start(story.pool, "hold", NULL, 0, NULL, &sink, NULL);
    weir_call_start(story.pool, "add", "[1,1]", 5, NULL, &closing, NULL);
    weir_call_start(story.pool, "hold", NULL, 0, NULL, &sink, NULL);
    CU_ASSERT(dispatch_until(weir, is_done, &story));
    CU_ASSERT_EQUAL(story.done, 4);
    weir_close(weir);
}

static void on_ready(weir_pool_t *pool, const struct weir_error *error, void *context)
{
    struct story *story = context;

    (void)pool;
    CU_ASSERT_PTR_NULL(error);
    story->done++;
}

static void on_drained(weir_pool_t *pool, void *context)
{
    struct story *story = context;

    (void)pool;
    story->done++;
}

static void readiness_and_drain_are_reported(void)
{
    struct story story = {.wanted = 1};
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;

    weir = open_weir();
    options.workers = 2;
    pool = open_pool(weir, &options);
    weir_pool_on_ready(pool, 0, on_ready, &story);
    CU_ASSERT_EQUAL(story.done, 0);
    CU_ASSERT(dispatch_until(weir, is_done, &story));
    CU_ASSERT_EQUAL(count_workers(pool, "ready"), 2);
    story.wanted = 2;
    weir_pool_on_ready(pool, 0, on_ready, &story);
    CU_ASSERT(dispatch_until(weir, is_done, &story));
    story.wanted = 3;
    weir_pool_drain(pool, 0, on_drained, &story);
    CU_ASSERT_EQUAL(story.done, 3);
    weir_pool_close(pool, 0);
    weir_close(weir);
}

static void idle_workers_cost_little_memory(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;

    weir = open_weir();
    options.workers = 64;
    if (memory_can_be_measured()) {
        pool = open_ready_pool(weir, &options);
        printf("# 64 idle workers: %ld KiB\n", peak_growth_kb());
        CU_ASSERT(peak_growth_kb() < 4096);
        weir_pool_close(pool, PATIENCE_MS);
    }
    weir_close(weir);
}

static void a_forked_child_that_closes_the_pool_ends_no_worker(void)
{
    weir_pool_t *pool = pool_with(worker_pool(NULL));
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        alarm(60);
        weir_pool_close(pool, 0);
        weir_close(weir);
        _exit(0);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT(returned(call(pool, "add", "[1,1]", NULL), "2"));
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 0);
    close_idle(weir, pool);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"idle_workers_cost_little_memory", idle_workers_cost_little_memory},
        {"a_full_queue_is_said_at_once", a_full_queue_is_said_at_once},
        {"an_idle_worker_pulls", an_idle_worker_pulls},
        {"recycling_under_load_loses_no_call", recycling_under_load_loses_no_call},
        {"a_worker_grown_large_is_replaced", a_worker_grown_large_is_replaced},
        {"a_worker_grown_old_is_replaced", a_worker_grown_old_is_replaced},
        {"all_are_replaced_one_after_the_other", all_are_replaced_one_after_the_other},
        {"two_kinds_share_one_namespace", two_kinds_share_one_namespace},
        {"draining_lets_calls_end_and_takes_no_more", draining_lets_calls_end_and_takes_no_more},
        {"what_does_not_end_in_time_is_cancelled", what_does_not_end_in_time_is_cancelled},
        {"one_that_ignores_its_end_is_ended", one_that_ignores_its_end_is_ended},
        {"a_pool_that_has_not_started_closes", a_pool_that_has_not_started_closes},
        {"a_context_that_is_closed_ends_its_pools", a_context_that_is_closed_ends_its_pools},
        {"values_and_the_end_are_reported", values_and_the_end_are_reported},
        {"what_is_refused_is_reported_from_the_loop", what_is_refused_is_reported_from_the_loop},
        {"a_callback_may_free_its_call", a_callback_may_free_its_call},
        {"a_callback_may_call_on", a_callback_may_call_on},
        {"a_callback_may_close_the_pool", a_callback_may_close_the_pool},
        {"readiness_and_drain_are_reported", readiness_and_drain_are_reported},
        {"a_forked_child_that_closes_the_pool_ends_no_worker",
         a_forked_child_that_closes_the_pool_ends_no_worker},
        CU_TEST_INFO_NULL,
    };

    return run_suite("pool_life", tests);
}
