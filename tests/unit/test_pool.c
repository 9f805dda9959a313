/* Calls and streams, and what workers say that they should not. */
#include "config.h"

#include <jansson.h>
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

/* A pool of one worker with these arguments, for a test; close_idle() ends it. */
static weir_t *weir;

static weir_pool_t *one_worker(const char *const *arguments)
{
    struct weir_pool_options options = worker_pool(arguments);

    weir = open_weir();
    return open_ready_pool(weir, &options);
}

/* --- Values ------------------------------------------------------------------ */

static void a_function_is_called(void)
{
    weir_pool_t *pool = one_worker(NULL);

    CU_ASSERT(returned(call(pool, "add", "[3,4]", NULL), "7"));
    CU_ASSERT(returned(call(pool, "echo", NULL, NULL), "null"));
    CU_ASSERT(returned(call(pool, "echo", "{\"a\":1}", NULL), "{\"a\":1}"));
    CU_ASSERT(ended_saying(call(pool, "error", "[1017]", NULL), WEIR_CALL_FAILED, "as asked"));
    CU_ASSERT_EQUAL(stat_of(pool, "calls"), 4);
    CU_ASSERT_EQUAL(stat_of(pool, "errors"), 1);
    close_idle(weir, pool);
}

static void payloads_pass_byte_for_byte(void)
{
    static const char params[] =
        "[18446744073709551616,1e400,0.10,-0,1E+2,\"\\ud800\",\"\xe2\x82\xac\",{\"a\":1,\"a\":2}]";
    weir_pool_t *pool = one_worker(NULL);

    CU_ASSERT(returned(call(pool, "echo", params, NULL), params));
    CU_ASSERT(returned(call(pool, "echo", "\n[1,\n2]\r\n", NULL), "[1, 2]"));
    close_idle(weir, pool);
}

static void what_is_no_params_is_refused(void)
{
    static const char *const bad[] = {"", "7", "null", "[1", "[1]x", "{\"a\"}", "[\"\xff\"]"};
    weir_pool_t *pool = one_worker(NULL);
    struct weir_reply reply = {.attempts = 42};
    struct weir_error error;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_EQUAL(weir_call(pool, "echo", bad[i], NULL, &reply, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(weir_call(pool, "", NULL, NULL, &reply, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(weir_call(pool, "a\nb", NULL, NULL, &reply, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(reply.attempts, 42);
    CU_ASSERT(returned(call(pool, "add", "[1,1]", NULL), "2"));
    close_idle(weir, pool);
}

static void a_function_that_is_not_there_is_named(void)
{
    weir_pool_t *pool = one_worker(NULL);

    CU_ASSERT(ended_saying(call(pool, "nope", NULL, NULL), WEIR_CALL_FAILED, "\"nope\""));
    CU_ASSERT(ended(call(pool, "weir/hello", NULL, NULL), WEIR_CALL_FAILED));
    CU_ASSERT(ended(call(pool, "weir/map", "{\"method\":\"nope\"}", NULL), WEIR_CALL_FAILED));
    close_idle(weir, pool);
}

static void a_worker_of_plain_json_rpc_is_called_too(void)
{
    weir_pool_t *pool = one_worker(ARGV("--plain"));
    struct weir_call_options options = call_options();
    weir_call_t *sum;

    options.timeout_ms = PATIENCE_MS;
    CU_ASSERT(returned(call(pool, "add", "[3,4]", &options), "7"));
    CU_ASSERT(ended(call(pool, "nope", NULL, NULL), WEIR_CALL_FAILED));
    options.input = 1;
    sum = start_call(pool, "sum", NULL, &options);
    CU_ASSERT(ended(finish_call(sum), WEIR_CALL_FAILED));
    close_idle(weir, pool);
}

static void thousands_of_calls_in_a_window(void)
{
    enum { CALLS = 2000 };
    struct weir_pool_options options = worker_pool(ARGV("--concurrency", "64"));
    weir_call_t *calls[CALLS];
    char params[40], result[40];
    weir_pool_t *pool;

    weir = open_weir();
    options.workers = 2;
    options.max_queue = CALLS;
    pool = open_pool(weir, &options);
    for (int i = 0; i < CALLS; i++) {
        snprintf(params, sizeof params, "[%d,%d]", i, i);
        calls[i] = start_call(pool, "add", params, NULL);
    }
    for (int i = 0; i < CALLS; i++) {
        snprintf(result, sizeof result, "%d", 2 * i);
        CU_ASSERT(returned(finish_call(calls[i]), result));
    }
    CU_ASSERT_EQUAL(stat_of(pool, "calls"), CALLS);
    close_idle(weir, pool);
}

static char *long_params(size_t length)
{
    char *params = malloc(length + 5);

    CU_ASSERT_PTR_NOT_NULL_FATAL(params);
    memset(params, 'y', length + 4);
    memcpy(params, "[\"", 2);
    strcpy(params + length + 2, "\"]");
    return params;
}

static void three_megabytes_at_once_do_not_block(void)
{
    weir_pool_t *pool = one_worker(ARGV("--concurrency", "8"));
    char *params = long_params(1024 * 1024);
    weir_call_t *calls[3];

    for (int i = 0; i < 3; i++)
        calls[i] = start_call(pool, "echo", params, NULL);
    for (int i = 0; i < 3; i++)
        CU_ASSERT(returned(finish_call(calls[i]), params));
    free(params);
    close_idle(weir, pool);
}

static void a_reply_of_nine_megabytes_passes(void)
{
    weir_pool_t *pool = one_worker(NULL);
    struct weir_reply reply = call(pool, "big", "[9437184]", NULL);

    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_RETURNED);
    CU_ASSERT_EQUAL(reply.length, 9437186);
    weir_reply_clear(&reply);
    close_idle(weir, pool);
}

static void a_call_longer_than_a_line_is_refused(void)
{
    weir_pool_t *pool = one_worker(NULL);
    char *params = long_params(64 * 1024 * 1024 - 10);
    struct weir_reply reply = call(pool, "echo", params, NULL);

    CU_ASSERT_EQUAL(reply.code, -33002);
    CU_ASSERT(ended(reply, WEIR_CALL_FAILED));
    free(params);
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_idle(weir, pool);
}

static void a_reply_may_come_in_single_bytes(void)
{
    weir_pool_t *pool = one_worker(NULL);

    CU_ASSERT(returned(call(pool, "bytes", NULL, NULL), "\"slow\""));
    close_idle(weir, pool);
}

/* --- What it says that it should not ----------------------------------------- */

static void unknown_and_doubled_ids_are_counted_and_ignored(void)
{
    weir_pool_t *pool = one_worker(NULL);

    CU_ASSERT(returned(call(pool, "twice", NULL, NULL), "1"));
    CU_ASSERT(returned(call(pool, "add", "[2,3]", NULL), "5"));
    CU_ASSERT_EQUAL(stat_of(pool, "late"), 3);
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 0);
    close_idle(weir, pool);
}

static int noises, logs;

static void on_event(const struct weir_event *event, void *context)
{
    (void)context;
    noises += event->kind == WEIR_EVENT_NOISE;
    logs += event->kind == WEIR_EVENT_LOG && strcmp(event->text, "hello") == 0
            && strcmp(event->name, "info") == 0;
}

static void noise_and_logs_are_reported_and_do_no_harm(void)
{
    struct weir_options options;
    struct weir_pool_options pool_options = worker_pool(NULL);
    weir_pool_t *pool;

    weir_options_init(&options);
    options.on_event = on_event;
    weir = weir_open(&options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(weir);
    noises = logs = 0;
    pool = open_pool(weir, &pool_options);
    CU_ASSERT(returned(call(pool, "noise", NULL, NULL), "\"noisy\""));
    CU_ASSERT(returned(call(pool, "log", NULL, NULL), "null"));
    CU_ASSERT_EQUAL(noises, 3);
    CU_ASSERT_EQUAL(logs, 1);
    CU_ASSERT_EQUAL(stat_of(pool, "noise"), 3);
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 0);
    close_idle(weir, pool);
}

static void a_line_that_is_no_message_costs_its_worker(void)
{
    weir_pool_t *pool = one_worker(NULL);

    CU_ASSERT(ended_saying(call(pool, "desync", NULL, NULL), WEIR_CALL_UNKNOWN, "not a message"));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 1);
    close_idle(weir, pool);
}

/* What the SDKs never say, other programs do: json.dumps() of Python says NaN. */
static void a_result_that_is_no_json_costs_its_worker_and_no_other_call(void)
{
    static const char *const methods[] = {"nan", "ill_formed", "deep"};
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;

    weir = open_weir();
    options.workers = 2;
    pool = open_ready_pool(weir, &options);
    for (int i = 0; i < 3; i++) {
        weir_call_t *other = start_call(pool, "sleep", "[100]", NULL);

        CU_ASSERT(
            ended_saying(call(pool, methods[i], NULL, NULL), WEIR_CALL_UNKNOWN, "not a message"));
        CU_ASSERT(returned(finish_call(other), "\"slept\""));
        CU_ASSERT(await_workers(weir, pool, "ready", 2));
    }
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 3);
    close_idle(weir, pool);
}

static void a_line_over_the_limit_costs_its_worker(void)
{
    weir_pool_t *pool = one_worker(NULL);

    CU_ASSERT(ended_saying(call(pool, "long_line", NULL, NULL), WEIR_CALL_UNKNOWN, "67108864"));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_idle(weir, pool);
}

/* --- Streams ----------------------------------------------------------------- */

static void values_come_one_by_one(void)
{
    weir_pool_t *pool = one_worker(NULL);
    struct weir_call_options options = call_options();
    weir_call_t *count;
    char text[20];

    options.credit = 3;
    count = start_call(pool, "count", "[0,100]", &options);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "%d", i);
        CU_ASSERT(next_is(count, text));
    }
    CU_ASSERT_EQUAL(weir_call_next(count, NULL, NULL, NULL), 0);
    CU_ASSERT(returned(finish_call(count), "null"));
    close_idle(weir, pool);
}

static void values_nobody_takes_are_dropped(void)
{
    weir_pool_t *pool = one_worker(NULL);

    CU_ASSERT(returned(call(pool, "count", "[0,1000]", NULL), "null"));
    CU_ASSERT(returned(finish_call(start_call(pool, "count", "[0,1000]", NULL)), "null"));
    close_idle(weir, pool);
}

static void an_endless_stream_waits_for_its_reader(void)
{
    weir_pool_t *pool = one_worker(NULL);
    struct weir_call_options options = call_options();
    weir_call_t *endless;

    options.credit = 4;
    endless = start_call(pool, "endless", NULL, &options);
    CU_ASSERT(next_is(endless, "0"));
    CU_ASSERT(next_is(endless, "1"));
    CU_ASSERT(next_is(endless, "2"));
    weir_call_cancel(endless);
    CU_ASSERT(ended(finish_call(endless), WEIR_CALL_CANCELLED));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 0);
    close_idle(weir, pool);
}

static void a_slow_reader_costs_no_memory(void)
{
    weir_pool_t *pool = one_worker(NULL);
    weir_call_t *endless;
    char text[20];

    if (!memory_can_be_measured()) {
        close_idle(weir, pool);
        return;
    }
    endless = start_call(pool, "endless", NULL, NULL);
    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof text, "%d", i);
        CU_ASSERT(next_is(endless, text));
        if (i % 100 == 0)
            dispatch_for(weir, 1);
    }
    CU_ASSERT(peak_growth_kb() < 1024);
    weir_call_free(endless);
    CU_ASSERT(await_stat(weir, pool, "running", 0));
    close_idle(weir, pool);
}

static void an_input_stream_is_summed(void)
{
    weir_pool_t *pool = one_worker(NULL);
    struct weir_call_options options = call_options();
    weir_call_t *sum;

    options.input = 1;
    sum = start_call(pool, "sum", NULL, &options);
    for (int i = 0; i < 100; i++)
        CU_ASSERT(sent(sum, "7"));
    weir_call_end(sum, NULL);
    CU_ASSERT_FALSE(sent(sum, "7"));
    CU_ASSERT(returned(finish_call(sum), "700"));
    close_idle(weir, pool);
}

static void an_input_that_breaks_is_reported(void)
{
    weir_pool_t *pool = one_worker(NULL);
    struct weir_call_options options = call_options();
    weir_call_t *sum;

    options.input = 1;
    sum = start_call(pool, "sum", NULL, &options);
    CU_ASSERT(sent(sum, "7"));
    weir_call_end(sum, "the disk broke");
    CU_ASSERT(ended_saying(finish_call(sum), WEIR_CALL_FAILED, "the input broke"));
    close_idle(weir, pool);
}

static void values_go_both_ways(void)
{
    weir_pool_t *pool = one_worker(NULL);
    struct weir_call_options options = call_options();
    weir_call_t *running;

    options.input = 1;
    running = start_call(pool, "running", NULL, &options);
    CU_ASSERT(sent(running, "5"));
    CU_ASSERT(next_is(running, "5"));
    CU_ASSERT(sent(running, "10"));
    CU_ASSERT(next_is(running, "15"));
    weir_call_end(running, NULL);
    CU_ASSERT_EQUAL(weir_call_next(running, NULL, NULL, NULL), 0);
    CU_ASSERT(returned(finish_call(running), "15"));
    close_idle(weir, pool);
}

static void a_function_that_has_enough_ends_its_input(void)
{
    weir_pool_t *pool = one_worker(NULL);
    struct weir_call_options options = call_options();
    weir_call_t *first;
    int count = 0;

    options.input = 1;
    first = start_call(pool, "first", "[3]", &options);
    while (count < 10 && sent(first, "1"))
        count++;
    CU_ASSERT_EQUAL(count, 3);
    CU_ASSERT(returned(finish_call(first), "\"enough\""));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_idle(weir, pool);
}

static void broken_rules_of_streams_cost_that_call(void)
{
    weir_pool_t *pool = one_worker(NULL);
    struct weir_call_options options = call_options();
    struct weir_reply reply;

    reply = finish_call(start_call(pool, "unasked_chunk", NULL, NULL));
    CU_ASSERT_EQUAL(reply.code, -33004);
    CU_ASSERT(ended(reply, WEIR_CALL_FAILED));
    options.credit = 10;
    {
        weir_call_t *flood = start_call(pool, "flood", NULL, &options);
        char text[20];

        for (int i = 0; i < 10; i++) {
            snprintf(text, sizeof text, "%d", i);
            CU_ASSERT(next_is(flood, text));
        }
        reply = finish_call(flood);
    }
    CU_ASSERT_EQUAL(reply.code, -33004);
    CU_ASSERT(ended(reply, WEIR_CALL_FAILED));
    options.input = 1;
    reply = finish_call(start_call(pool, "bad_credit", NULL, &options));
    CU_ASSERT_EQUAL(reply.code, -33004);
    CU_ASSERT(ended(reply, WEIR_CALL_FAILED));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 0);
    close_idle(weir, pool);
}

/* --- Cancellation and deadlines ----------------------------------------------- */

static void a_call_that_sleeps_is_cancelled_at_once(void)
{
    weir_pool_t *pool = one_worker(NULL);
    pid_t pid = worker_pid(pool);
    int tries = 100; /* of which some are quick, however busy this machine is with other things */
    int64_t ns;

    do {
        weir_call_t *sleep = start_call(pool, "sleep", "[60000]", NULL);

        ns = weir__clock_ns();
        weir_call_cancel(sleep);
        CU_ASSERT(ended(finish_call(sleep), WEIR_CALL_CANCELLED));
        ns = weir__clock_ns() - ns;
    } while (ns >= 50000000 && --tries > 0);
    CU_ASSERT(ns < 50000000);
    CU_ASSERT_EQUAL(worker_pid(pool), pid);
    close_idle(weir, pool);
}

static void a_queued_call_is_cancelled_alone(void)
{
    weir_pool_t *pool = one_worker(NULL);
    weir_call_t *running = start_call(pool, "sleep", "[100]", NULL);
    weir_call_t *queued = start_call(pool, "sleep", "[100]", NULL);

    weir_call_cancel(queued);
    CU_ASSERT(ended(finish_call(queued), WEIR_CALL_CANCELLED));
    CU_ASSERT(returned(finish_call(running), "\"slept\""));
    close_idle(weir, pool);
}

static void races_of_cancel_and_completion_end_once(void)
{
    weir_pool_t *pool = one_worker(NULL);
    int returns = 0, cancels = 0;

    for (int i = 0; i < 500; i++) {
        weir_call_t *racing = start_call(pool, i % 2 ? "add" : "sleep", "[1,1]", NULL);
        struct weir_reply reply;

        for (int spin = 0; spin < i % 7; spin++)
            weir_dispatch(weir, NULL);
        weir_call_cancel(racing);
        reply = finish_call(racing);
        returns += reply.outcome == WEIR_CALL_RETURNED;
        cancels += reply.outcome == WEIR_CALL_CANCELLED;
        weir_reply_clear(&reply);
    }
    CU_ASSERT_EQUAL(returns + cancels, 500);
    CU_ASSERT_EQUAL(stat_of(pool, "calls"), 500);
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_idle(weir, pool);
}

static void one_that_heeds_only_sigint_is_interrupted(void)
{
    weir_pool_t *pool = one_worker(NULL);
    weir_call_t *deaf = start_call(pool, "deaf", NULL, NULL);
    pid_t pid = worker_pid(pool);

    weir_call_cancel(deaf);
    CU_ASSERT(ended(finish_call(deaf), WEIR_CALL_CANCELLED));
    CU_ASSERT_EQUAL(worker_pid(pool), pid);
    close_idle(weir, pool);
}

static void one_that_heeds_nothing_is_killed_and_no_other(void)
{
    struct weir_pool_options options = worker_pool(NULL);
    weir_pool_t *pool;
    weir_call_t *stubborn, *other;

    weir = open_weir();
    options.workers = 2;
    pool = open_ready_pool(weir, &options);
    stubborn = start_call(pool, "stubborn", NULL, NULL);
    other = start_call(pool, "sleep", "[1000]", NULL);
    weir_call_cancel(stubborn);
    CU_ASSERT(ended(finish_call(stubborn), WEIR_CALL_CANCELLED));
    CU_ASSERT(returned(finish_call(other), "\"slept\""));
    CU_ASSERT(await_workers(weir, pool, "ready", 2));
    CU_ASSERT_EQUAL(stat_of(pool, "restarts"), 1);
    close_idle(weir, pool);
}

static void a_plain_worker_is_ended_to_cancel(void)
{
    weir_pool_t *pool = one_worker(ARGV("--plain"));
    weir_call_t *sleep = start_call(pool, "sleep", "[60000]", NULL);

    weir_call_cancel(sleep);
    CU_ASSERT(ended(finish_call(sleep), WEIR_CALL_CANCELLED));
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_idle(weir, pool);
}

static void a_deadline_holds_for_a_call_that_runs(void)
{
    weir_pool_t *pool = one_worker(NULL);
    struct weir_call_options options = call_options();
    int64_t began_ns = weir__clock_ns();

    options.timeout_ms = 50;
    CU_ASSERT(ended(call(pool, "sleep", "[60000]", &options), WEIR_CALL_DEADLINE));
    CU_ASSERT(ended(call(pool, "stubborn", NULL, &options), WEIR_CALL_DEADLINE));
    CU_ASSERT(weir__clock_ns() - began_ns < (int64_t)PATIENCE_MS * 1000000);
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_idle(weir, pool);
}

static void a_deadline_holds_in_the_queue(void)
{
    weir_pool_t *pool = one_worker(NULL);
    struct weir_call_options options = call_options();
    weir_call_t *running = start_call(pool, "sleep", "[500]", NULL);

    options.timeout_ms = 20;
    CU_ASSERT(ended_saying(call(pool, "add", "[1,1]", &options), WEIR_CALL_DEADLINE, "queued"));
    options.timeout_ms = 0;
    CU_ASSERT(ended(call(pool, "add", "[1,1]", &options), WEIR_CALL_DEADLINE));
    CU_ASSERT(returned(finish_call(running), "\"slept\""));
    close_idle(weir, pool);
}

static void a_call_that_is_freed_leaves_its_worker_usable(void)
{
    weir_pool_t *pool = one_worker(NULL);

    weir_call_free(start_call(pool, "sleep", "[60000]", NULL));
    weir_call_free(start_call(pool, "sleep", "[60000]", NULL));
    weir_call_free(NULL);
    CU_ASSERT(returned(call(pool, "add", "[1,2]", NULL), "3"));
    close_idle(weir, pool);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"a_function_is_called", a_function_is_called},
        {"payloads_pass_byte_for_byte", payloads_pass_byte_for_byte},
        {"what_is_no_params_is_refused", what_is_no_params_is_refused},
        {"a_function_that_is_not_there_is_named", a_function_that_is_not_there_is_named},
        {"a_worker_of_plain_json_rpc_is_called_too", a_worker_of_plain_json_rpc_is_called_too},
        {"thousands_of_calls_in_a_window", thousands_of_calls_in_a_window},
        {"three_megabytes_at_once_do_not_block", three_megabytes_at_once_do_not_block},
        {"a_reply_of_nine_megabytes_passes", a_reply_of_nine_megabytes_passes},
        {"a_call_longer_than_a_line_is_refused", a_call_longer_than_a_line_is_refused},
        {"a_reply_may_come_in_single_bytes", a_reply_may_come_in_single_bytes},
        {"unknown_and_doubled_ids_are_counted_and_ignored",
         unknown_and_doubled_ids_are_counted_and_ignored},
        {"noise_and_logs_are_reported_and_do_no_harm", noise_and_logs_are_reported_and_do_no_harm},
        {"a_line_that_is_no_message_costs_its_worker", a_line_that_is_no_message_costs_its_worker},
        {"a_result_that_is_no_json_costs_its_worker_and_no_other_call",
         a_result_that_is_no_json_costs_its_worker_and_no_other_call},
        {"a_line_over_the_limit_costs_its_worker", a_line_over_the_limit_costs_its_worker},
        {"values_come_one_by_one", values_come_one_by_one},
        {"values_nobody_takes_are_dropped", values_nobody_takes_are_dropped},
        {"an_endless_stream_waits_for_its_reader", an_endless_stream_waits_for_its_reader},
        {"a_slow_reader_costs_no_memory", a_slow_reader_costs_no_memory},
        {"an_input_stream_is_summed", an_input_stream_is_summed},
        {"an_input_that_breaks_is_reported", an_input_that_breaks_is_reported},
        {"values_go_both_ways", values_go_both_ways},
        {"a_function_that_has_enough_ends_its_input", a_function_that_has_enough_ends_its_input},
        {"broken_rules_of_streams_cost_that_call", broken_rules_of_streams_cost_that_call},
        {"a_call_that_sleeps_is_cancelled_at_once", a_call_that_sleeps_is_cancelled_at_once},
        {"a_queued_call_is_cancelled_alone", a_queued_call_is_cancelled_alone},
        {"races_of_cancel_and_completion_end_once", races_of_cancel_and_completion_end_once},
        {"one_that_heeds_only_sigint_is_interrupted", one_that_heeds_only_sigint_is_interrupted},
        {"one_that_heeds_nothing_is_killed_and_no_other",
         one_that_heeds_nothing_is_killed_and_no_other},
        {"a_plain_worker_is_ended_to_cancel", a_plain_worker_is_ended_to_cancel},
        {"a_deadline_holds_for_a_call_that_runs", a_deadline_holds_for_a_call_that_runs},
        {"a_deadline_holds_in_the_queue", a_deadline_holds_in_the_queue},
        {"a_call_that_is_freed_leaves_its_worker_usable",
         a_call_that_is_freed_leaves_its_worker_usable},
        CU_TEST_INFO_NULL,
    };

    return run_suite("pool", tests);
}
