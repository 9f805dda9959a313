/* weir_run_start(): runs beside each other, cancelled, signalled and freed. */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/harness.h"
#include "support/running.h"

/* --- Asynchronous ---------------------------------------------------------- */

struct end {
    int calls;
    int failed;
    int free_it;
    struct weir_result result;
};

static void note_end(weir_run_t *started, const struct weir_result *result,
                     const struct weir_error *error, void *context)
{
    struct end *end = context;

    end->calls++;
    end->failed = error != NULL;
    CU_ASSERT_PTR_NOT_NULL(result);
    CU_ASSERT_EQUAL(weir_run_take(started, &end->result, NULL), 0);
    if (end->free_it)
        weir_run_free(started);
}

/* Dispatches whenever the one descriptor says so, and never otherwise. */
static void dispatch_until(weir_t *weir, const int *calls, int wanted)
{
    while (*calls < wanted) {
        if (!await_news(weir, PATIENCE_MS)) {
            CU_FAIL("weir_fd() never became readable");
            return;
        }
        CU_ASSERT_EQUAL(weir_dispatch(weir, NULL), 0);
    }
}

static void one_descriptor_tells_of_everything(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sh", "-c", "echo hello; exit 3"));
    struct end end = {0};
    weir_run_t *started = weir_run_start(weir, &command, NULL, note_end, &end, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    CU_ASSERT_EQUAL(end.calls, 0);
    CU_ASSERT(weir_run_job(started) > 0);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT(exited_with(&end.result, 3));
    CU_ASSERT_STRING_EQUAL(end.result.out.text, "hello\n");
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void deadlines_come_through_that_descriptor(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sleep", "1000"));
    struct weir_run_options options = run_options();
    struct end ends[3] = {{0}};
    weir_run_t *started[3];

    /* Nothing is said and nothing happens, but the time: whole, idle, drain. */
    options.timeout_ms = 150;
    started[0] = weir_run_start(weir, &command, &options, note_end, &ends[0], NULL);
    options.timeout_ms = WEIR_FOREVER;
    options.idle_ms = 200;
    started[1] = weir_run_start(weir, &command, &options, note_end, &ends[1], NULL);
    options.idle_ms = WEIR_FOREVER;
    options.drain_ms = 100;
    command.argv = ARGV(child_path("leaves_behind"), STRAY);
    started[2] = weir_run_start(weir, &command, &options, note_end, &ends[2], NULL);
    CU_ASSERT(weir_timeout_ms(weir) >= 0);
    for (int i = 0; i < 3; i++)
        dispatch_until(weir, &ends[i].calls, 1);
    CU_ASSERT_EQUAL(ends[0].result.why, WEIR_STOP_TIMEOUT);
    CU_ASSERT_EQUAL(ends[1].result.why, WEIR_STOP_IDLE);
    CU_ASSERT(ends[2].result.out.abandoned);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(ends[i].calls, 1);
        weir_result_clear(&ends[i].result);
        weir_run_free(started[i]);
    }
    weir_close(weir);
}

static void an_idle_context_is_quiet(void)
{
    weir_t *weir = open_weir();
    struct weir_result result = run(weir, ARGV("true"), NULL);
    struct pollfd one = {.fd = weir_fd(weir), .events = POLLIN};
    int turns = 0;

    weir_result_clear(&result);
    /* What is left over is soon worked off; then it must not ring for ever. */
    while (turns < 100 && poll(&one, 1, 50) == 1) {
        weir_dispatch(weir, NULL);
        turns++;
    }
    CU_ASSERT(turns < 100);
    CU_ASSERT_EQUAL(weir_timeout_ms(weir), -1);
    weir_close(weir);
}

static void a_thousand_bytes_from_each_of_a_hundred_at_once(void)
{
    enum { RUNS = 100 };
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("leaves_unread"), "1000"));
    struct end *ends = calloc(RUNS, sizeof *ends);
    weir_run_t *started[RUNS];

    for (int i = 0; i < RUNS; i++)
        started[i] = weir_run_start(weir, &command, NULL, note_end, &ends[i], NULL);
    for (int i = 0; i < RUNS; i++)
        dispatch_until(weir, &ends[i].calls, 1);
    for (int i = 0; i < RUNS; i++) {
        CU_ASSERT(exited_with(&ends[i].result, 0));
        CU_ASSERT_EQUAL(ends[i].result.out.total, 1000);
        CU_ASSERT_EQUAL(ends[i].calls, 1);
        weir_result_clear(&ends[i].result);
        weir_run_free(started[i]);
    }
    free(ends);
    weir_close(weir);
}

static void a_cancelled_run_goes_down_the_ladder(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("says_and_stays"), "x"));
    struct end end = {0};
    weir_run_t *started = weir_run_start(weir, &command, NULL, note_end, &end, NULL);

    weir_run_cancel(started);
    CU_ASSERT_EQUAL(end.calls, 0);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_EQUAL(end.result.why, WEIR_STOP_CANCELLED);
    CU_ASSERT_EQUAL(end.result.signal, SIGTERM);
    CU_ASSERT_EQUAL(weir_result_status(&end.result), 128 + SIGTERM);
    weir_run_cancel(started); /* it is over: nothing */
    CU_ASSERT_EQUAL(end.calls, 1);
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

/* Starts one that ignores TERM and waits for its word. */
static weir_run_t *start_stubborn(weir_t *weir, const struct weir_run_options *given,
                                  struct end *end)
{
    struct weir_command command = command_of(ARGV(child_path("ignores_term")));
    struct weir_run_options options = given != NULL ? *given : run_options();
    char byte;
    int ends[2];
    weir_run_t *started;

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    options.out = WEIR_REDIRECT_FD;
    options.out_fd = ends[FD_WRITE_END];
    options.grace_ms = 1000000;
    started = weir_run_start(weir, &command, &options, note_end, end, NULL);
    close(ends[FD_WRITE_END]);
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], &byte, 1), 1);
    close(ends[FD_READ_END]);
    return started;
}

/* We hear of the signal and of the end long after both. */
static void no_stop_is_later_than_the_end(void)
{
    weir_t *weir = open_weir();
    struct end end = {0};
    weir_run_t *started = start_stubborn(weir, NULL, &end);
    pid_t pid;

    CU_ASSERT_FATAL((pid = find_marked(test_marker(), "ignores_term")) > 0);
    weir_run_cancel(started);
    weir_run_cancel(started);
    CU_ASSERT(await_end(pid));
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_FATAL(end.result.stopped_with_count > 0);
    for (size_t i = 0; i < end.result.stopped_with_count; i++)
        CU_ASSERT(end.result.stopped_at_ns[i] <= end.result.wall_ns);
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void cancelling_twice_is_at_once(void)
{
    weir_t *weir = open_weir();
    struct end end = {0};
    weir_run_t *started = start_stubborn(weir, NULL, &end);

    weir_run_cancel(started);
    weir_run_cancel(started);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_EQUAL(end.result.signal, SIGKILL);
    CU_ASSERT_EQUAL(end.result.why, WEIR_STOP_CANCELLED);
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void cancelling_twice_is_at_once_after_a_timeout_too(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct end end = {0};
    weir_run_t *started;

    options.timeout_ms = 1;
    started = start_stubborn(weir, &options, &end);
    while (await_news(weir, 100))
        weir_dispatch(weir, NULL); /* until TERM was sent and reported */
    CU_ASSERT_EQUAL(end.calls, 0);
    weir_run_cancel(started);
    weir_run_cancel(started);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_EQUAL(end.result.signal, SIGKILL);
    CU_ASSERT_EQUAL(end.result.why, WEIR_STOP_TIMEOUT); /* the first reason counts */
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void cancelling_twice_ends_a_stubborn_daemon_at_once(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("leaves_behind"), STRAY, "stubborn"));
    struct weir_run_options options = run_options();
    struct end end = {0};
    weir_run_t *started;

    options.grace_ms = 1000000;
    options.drain_ms = 1000000;
    started = weir_run_start(weir, &command, &options, note_end, &end, NULL);
    while (await_news(weir, 200))
        weir_dispatch(weir, NULL); /* until it has exited and only the daemon lives */
    CU_ASSERT_EQUAL(end.calls, 0);
    weir_run_cancel(started);
    weir_run_cancel(started);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_EQUAL(end.result.end, WEIR_EXITED);
    CU_ASSERT_EQUAL(end.result.why, WEIR_STOP_NONE);
    CU_ASSERT(is_gone((pid_t)atol(end.result.out.text)));
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void a_signal_reaches_the_child(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("answers_signal")));
    struct weir_run_options options = run_options();
    struct end end = {0};
    char bytes[64];
    int ends[2];
    weir_run_t *started;

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    options.out = WEIR_REDIRECT_FD;
    options.out_fd = ends[FD_WRITE_END];
    started = weir_run_start(weir, &command, &options, note_end, &end, NULL);
    close(ends[FD_WRITE_END]);
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], bytes, sizeof bytes), 6); /* "ready\n" */
    weir_run_signal(started, SIGINT);
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], bytes, sizeof bytes), 2); /* "2\n" */
    weir_run_signal(started, SIGUSR2);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_EQUAL(end.result.code, 5);
    CU_ASSERT_EQUAL(end.result.why, WEIR_STOP_NONE);
    CU_ASSERT_EQUAL(end.result.stopped_with_count, 0); /* it was not stopped, only reported */
    close(ends[FD_READ_END]);
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void freeing_a_running_run_kills_it_and_tells_nobody(void)
{
    weir_t *weir = open_weir();
    struct end end = {0};
    weir_run_t *started = start_stubborn(weir, NULL, &end);
    struct weir_result result;

    weir_run_free(started);
    result = run(weir, ARGV("true"), NULL); /* the context works on */
    CU_ASSERT(exited_with(&result, 0));
    weir_result_clear(&result);
    weir_close(weir);
    CU_ASSERT_EQUAL(end.calls, 0);
}

static void a_callback_may_free_its_run(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("echo", "x"));
    struct end ends[3] = {{.free_it = 1}, {.free_it = 1}, {.free_it = 1}};

    weir_run_start(weir, &command, NULL, note_end, &ends[0], NULL);
    command.argv = ARGV("/no/such/program");
    weir_run_start(weir, &command, NULL, note_end, &ends[1], NULL);
    command.cwd = "/no/such/directory"; /* found out at once, reported later all the same */
    weir_run_start(weir, &command, NULL, note_end, &ends[2], NULL);
    CU_ASSERT_EQUAL(ends[2].calls, 0);
    for (int i = 0; i < 3; i++) {
        dispatch_until(weir, &ends[i].calls, 1);
        CU_ASSERT_EQUAL(ends[i].calls, 1);
        weir_result_clear(&ends[i].result);
    }
    weir_close(weir);
}

struct chain {
    weir_t *weir;
    int left, calls;
};

static void start_next(weir_run_t *started, const struct weir_result *result,
                       const struct weir_error *error, void *context)
{
    struct chain *chain = context;
    struct weir_command command = command_of(ARGV("true"));
    struct weir_result nothing;

    CU_ASSERT_PTR_NOT_NULL(result);
    CU_ASSERT_PTR_NULL(error);
    chain->calls++;
    if (--chain->left > 0) {
        /* What would wait for itself is refused, not hung. */
        CU_ASSERT_EQUAL(weir_run(chain->weir, &command, NULL, &nothing, NULL), WEIR_ERR_BUSY);
        CU_ASSERT_PTR_NOT_NULL(
            weir_run_start(chain->weir, &command, NULL, start_next, chain, NULL));
    }
    weir_run_free(started);
}

static void a_callback_may_start_the_next_run(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("true"));
    struct chain chain = {.weir = weir, .left = 20};

    weir_run_start(weir, &command, NULL, start_next, &chain, NULL);
    dispatch_until(weir, &chain.calls, 20);
    weir_close(weir);
}

static void closing_the_context_ends_and_frees_its_runs(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sleep", "1000"));
    struct end ends[3] = {{0}};

    weir_run_start(weir, &command, NULL, note_end, &ends[0], NULL);
    command.argv = ARGV(child_path("leaves_behind"), STRAY);
    weir_run_start(weir, &command, NULL, note_end, &ends[1], NULL);
    command.argv = ARGV("true"); /* over, and never freed either */
    weir_run_start(weir, &command, NULL, note_end, &ends[2], NULL);
    dispatch_until(weir, &ends[2].calls, 1);
    weir_result_clear(&ends[2].result);
    weir_close(weir);
    CU_ASSERT_EQUAL(ends[0].calls, 0);
    weir_close(NULL);
    weir_run_free(NULL);
}

static void a_run_that_is_not_over_is_busy(void)
{
    weir_t *weir = open_weir();
    struct end end = {0};
    struct weir_result result = {.code = 77};
    struct weir_error error = {0};
    weir_run_t *started = start_stubborn(weir, NULL, &end);

    CU_ASSERT_EQUAL(weir_run_take(started, &result, &error), WEIR_ERR_BUSY);
    CU_ASSERT_EQUAL(result.code, 77);
    weir_run_free(started);
    weir_close(weir);
}

struct news {
    int counts[WEIR_EVENT_SPAWNER_LOST + 1];
    int64_t job;
};

static void note_event(const struct weir_event *event, void *context)
{
    struct news *news = context;

    news->counts[event->kind]++;
    news->job = event->job;
    CU_ASSERT_PTR_NOT_NULL(event->name);
    CU_ASSERT_PTR_NOT_NULL(event->text);
    CU_ASSERT(event->time_ns > 0);
}

static void events_tell_the_story(void)
{
    struct weir_options options;
    struct weir_run_options slow = run_options();
    struct news news = {{0}, 0};
    struct weir_result result;
    weir_t *weir;

    weir_options_init(&options);
    options.on_event = note_event;
    options.event_context = &news;
    weir = weir_open(&options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(weir);
    slow.timeout_ms = 200;
    slow.grace_ms = 100;
    result = run(weir, ARGV(child_path("ignores_term")), &slow);
    weir_result_clear(&result);
    result = run(weir, ARGV("false"), NULL);
    weir_result_clear(&result);
    result = run(weir, ARGV("/no/such"), NULL);
    weir_result_clear(&result);
    CU_ASSERT_EQUAL(news.counts[WEIR_EVENT_STARTED], 2);
    CU_ASSERT_EQUAL(news.counts[WEIR_EVENT_TIMEOUT], 1);
    CU_ASSERT(news.counts[WEIR_EVENT_SIGNAL_SENT] >= 2);
    CU_ASSERT_EQUAL(news.counts[WEIR_EVENT_SIGNALED], 1);
    CU_ASSERT_EQUAL(news.counts[WEIR_EVENT_EXITED], 1);
    CU_ASSERT_EQUAL(news.counts[WEIR_EVENT_NOT_STARTED], 1);
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"one descriptor tells of everything", one_descriptor_tells_of_everything},
        {"deadlines come through that descriptor", deadlines_come_through_that_descriptor},
        {"an idle context is quiet", an_idle_context_is_quiet},
        {"a thousand bytes from each of a hundred at once",
         a_thousand_bytes_from_each_of_a_hundred_at_once},
        {"a cancelled run goes down the ladder", a_cancelled_run_goes_down_the_ladder},
        {"no stop is later than the end", no_stop_is_later_than_the_end},
        {"cancelling twice is at once", cancelling_twice_is_at_once},
        {"cancelling twice is at once after a timeout too",
         cancelling_twice_is_at_once_after_a_timeout_too},
        {"cancelling twice ends a stubborn daemon at once",
         cancelling_twice_ends_a_stubborn_daemon_at_once},
        {"a signal reaches the child", a_signal_reaches_the_child},
        {"freeing a running run kills it and tells nobody",
         freeing_a_running_run_kills_it_and_tells_nobody},
        {"a callback may free its run", a_callback_may_free_its_run},
        {"a callback may start the next run", a_callback_may_start_the_next_run},
        {"closing the context ends and frees its runs",
         closing_the_context_ends_and_frees_its_runs},
        {"a run that is not over is busy", a_run_that_is_not_over_is_busy},
        {"events tell the story", events_tell_the_story},
        CU_TEST_INFO_NULL,
    };

    return run_suite("run_async", tests);
}
