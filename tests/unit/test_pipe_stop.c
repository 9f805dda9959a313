/* Pipelines: deadlines, cancelling and freeing. */
#include "config.h"

#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/harness.h"
#include "support/piping.h"
#include "support/running.h"

/* --- Time and cancelling ---------------------------------------------------------- */

static void the_deadline_of_the_whole_ends_all(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_settings settings;
    struct weir_pipeline_report report;

    weir_pipeline_get(pipeline, &settings);
    settings.timeout_ms = 300;
    settings.grace_ms = 200;
    weir_pipeline_set(pipeline, &settings, NULL);
    add_command(pipeline, ARGV(child_path("ignores_term")));
    add_command(pipeline, ARGV("sleep", "1000"));
    add_command(pipeline, ARGV("cat"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 124);
    CU_ASSERT_EQUAL(report.why, WEIR_STOP_TIMEOUT);
    CU_ASSERT_EQUAL(result_of(&report, 0)->signal, SIGKILL);
    CU_ASSERT_EQUAL(result_of(&report, 1)->signal, SIGTERM);
    CU_ASSERT(report.wall_ns >= 490000000);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void the_time_of_one_stage_is_its_own(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("sleep", "1000"));
    struct weir_pipeline_report report;

    add_command(pipeline, ARGV("echo", "x"));
    stage.timeout_ms = 300;
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("cat"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 124);
    CU_ASSERT_EQUAL(report.decided_by, 1);
    CU_ASSERT_EQUAL(result_of(&report, 1)->why, WEIR_STOP_TIMEOUT);
    CU_ASSERT(exited_with(result_of(&report, 0), 0));
    weir_pipeline_report_clear(&report);
    /* One that ends in time frees the others of it. */
    pipeline = quiet_pipeline();
    stage = stage_of(ARGV("true"));
    stage.timeout_ms = 2000;
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("sleep", "2.2"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void the_limit_of_a_stage_stops_with_its_own_sequence(void)
{
    static const struct weir_stop_step steps[] = {{SIGINT, 60000}, {SIGTERM, 60000}, {SIGKILL, 0}};
    static const struct weir_stop_step other[] = {{SIGUSR1, 60000}};
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("sleep", "1000"));
    struct weir_pipeline_settings settings;
    struct weir_pipeline_report report;

    weir_pipeline_get(pipeline, &settings);
    settings.stop = other;
    settings.stop_count = 1;
    CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, NULL), 0);
    stage.timeout_ms = 200;
    stage.stop = steps;
    stage.stop_count = 3;
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("sleep", "1000"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 124);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(result_of(&report, i)->signal, SIGINT);
        CU_ASSERT_EQUAL(result_of(&report, i)->stopped_with_count, 1);
        CU_ASSERT_EQUAL(result_of(&report, i)->stopped_with[0], SIGINT);
    }
    weir_pipeline_report_clear(&report);

    /* Other stages keep the pipeline's; its deadline has it, too. */
    for (int of_stage = 0; of_stage < 2; of_stage++) {
        pipeline = quiet_pipeline();
        weir_pipeline_get(pipeline, &settings);
        settings.stop = other;
        settings.stop_count = 1;
        if (!of_stage)
            settings.timeout_ms = 200;
        CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, NULL), 0);
        stage.timeout_ms = WEIR_FOREVER;
        add_stage(pipeline, &stage);
        stage.timeout_ms = of_stage ? 200 : WEIR_FOREVER;
        stage.stop = NULL;
        add_stage(pipeline, &stage);
        stage.stop = steps;
        report = run_pipeline(weir, pipeline);
        CU_ASSERT_EQUAL(result_of(&report, 0)->signal, SIGUSR1);
        CU_ASSERT_EQUAL(result_of(&report, 1)->signal, SIGUSR1);
        weir_pipeline_report_clear(&report);
    }
    weir_close(weir);
}

/* Step by step: sleep(1) ignores the first. SIGKILL alone is at once. */
static void the_sequence_of_a_stage_is_taken_to_its_end(void)
{
    static const struct weir_stop_step steps[] = {{SIGURG, 10}, {SIGINT, 60000}};
    static const struct weir_stop_step kill[] = {{SIGKILL, 0}};
    static const struct weir_stop_step wrong[] = {{SIGKILL, 0}, {SIGTERM, 50}};
    weir_t *weir = open_weir();
    struct weir_stage stage = stage_of(ARGV("sleep", "1000"));
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_report report;
    struct weir_error error;

    stage.timeout_ms = 300;
    stage.stop = wrong;
    stage.stop_count = 2;
    CU_ASSERT_EQUAL(weir_pipeline_add(pipeline, &stage, &error), WEIR_ERR_INVALID);
    CU_ASSERT_STRING_EQUAL(error.text,
                           "stage 1: invalid stop sequence: nothing can follow SIGKILL");
    stage.stop = steps;
    add_stage(pipeline, &stage);
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(result_of(&report, 0)->signal, SIGINT);
    CU_ASSERT_EQUAL(result_of(&report, 0)->stopped_with_count, 2);
    CU_ASSERT_EQUAL(result_of(&report, 0)->stopped_with[0], SIGURG);
    weir_pipeline_report_clear(&report);
    pipeline = quiet_pipeline();
    stage.stop = kill;
    stage.stop_count = 1;
    add_stage(pipeline, &stage);
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(result_of(&report, 0)->signal, SIGKILL);
    CU_ASSERT_EQUAL(result_of(&report, 0)->stopped_with_count, 1);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

/* The limit is that of another stage, whose sequence leaves no time. */
static void a_map_is_stopped_with_its_own_sequence(void)
{
    static const struct weir_stop_step kill[] = {{SIGKILL, 0}};
    static const struct weir_stop_step steps[] = {{SIGTERM, 60000}, {SIGKILL, 0}};
    weir_t *weir = open_weir();
    struct weir_stage limited = stage_of(ARGV("sh", "-c", "echo 1; exec sleep 1000"));
    struct weir_stage mapped = stage_of(ARGV("sleep", "1000"));
    struct weir_map_options map;
    int was_there = 0;

    limited.stop = kill;
    limited.stop_count = 1;
    weir_map_options_init(&map);
    map.workers = 1;
    mapped.map = &map;
    mapped.stop = steps;
    mapped.stop_count = 2;
    /* Until its worker was started in time. */
    for (int64_t ms = 200; ms < PATIENCE_MS && !was_there; ms *= 2) {
        weir_pipeline_t *pipeline = quiet_pipeline();
        struct weir_pipeline_report report;
        const struct weir_map_report *of_map;

        limited.timeout_ms = ms;
        add_stage(pipeline, &limited);
        add_stage(pipeline, &mapped);
        report = run_pipeline(weir, pipeline);
        CU_ASSERT_EQUAL(report.status, 124);
        of_map = report.stages[1].map;
        was_there = of_map != NULL && of_map->worker_count == 1;
        if (was_there) {
            CU_ASSERT_EQUAL(of_map->workers[0].result.signal, SIGTERM);
            CU_ASSERT_EQUAL(of_map->workers[0].result.stopped_with_count, 1);
        }
        weir_pipeline_report_clear(&report);
    }
    CU_ASSERT(was_there);
    weir_close(weir);
}

static void a_silent_stage_is_ended(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV(child_path("says_and_stays"), "one line\n"));
    struct weir_pipeline_report report;
    char text[64];

    stage.idle_ms = 300;
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("cat"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT_EQUAL(report.status, 124);
    CU_ASSERT_EQUAL(report.why, WEIR_STOP_IDLE);
    CU_ASSERT_EQUAL(report.decided_by, 0);
    CU_ASSERT_STRING_EQUAL(text, "one line\n");
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

struct end {
    int calls, free_it;
    struct weir_pipeline_report report;
};

static void note_end(weir_pipeline_run_t *pipe, const struct weir_pipeline_report *report,
                     const struct weir_error *error, void *context)
{
    struct end *end = context;

    end->calls++;
    CU_ASSERT_PTR_NULL(error);
    CU_ASSERT_PTR_NOT_NULL(report);
    CU_ASSERT_EQUAL(weir_pipeline_run_take(pipe, &end->report, NULL), 0);
    if (end->free_it)
        weir_pipeline_run_free(pipe);
}

static void dispatch_until(weir_t *weir, const int *calls)
{
    while (*calls == 0) {
        CU_ASSERT_FATAL(await_news(weir, PATIENCE_MS));
        weir_dispatch(weir, NULL);
    }
}

static void a_pipeline_may_be_cancelled_once_and_twice(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_settings settings;
    struct end end = {0};
    weir_pipeline_run_t *pipe;

    add_command(pipeline, ARGV("sleep", "1000"));
    add_command(pipeline, ARGV("cat"));
    pipe = weir_pipeline_start(weir, pipeline, note_end, &end, NULL);
    weir_pipeline_run_cancel(pipe);
    CU_ASSERT_EQUAL(end.calls, 0);
    dispatch_until(weir, &end.calls);
    CU_ASSERT_EQUAL(end.report.why, WEIR_STOP_CANCELLED);
    CU_ASSERT_EQUAL(end.report.status, 128 + SIGTERM);
    weir_pipeline_report_clear(&end.report);
    weir_pipeline_run_free(pipe);
    weir_pipeline_free(pipeline);

    /* One that ignores TERM, after its time was up: the second cancel is at once. */
    pipeline = quiet_pipeline();
    weir_pipeline_get(pipeline, &settings);
    settings.timeout_ms = 300;
    settings.grace_ms = 1000000;
    weir_pipeline_set(pipeline, &settings, NULL);
    add_command(pipeline, ARGV(child_path("ignores_term")));
    end = (struct end){.free_it = 1};
    pipe = weir_pipeline_start(weir, pipeline, note_end, &end, NULL);
    weir_pipeline_free(pipeline); /* it is not needed any more */
    while (await_news(weir, 500))
        weir_dispatch(weir, NULL);
    CU_ASSERT_EQUAL(end.calls, 0);
    weir_pipeline_run_cancel(pipe);
    weir_pipeline_run_cancel(pipe);
    dispatch_until(weir, &end.calls);
    CU_ASSERT_EQUAL(result_of(&end.report, 0)->signal, SIGKILL);
    weir_pipeline_report_clear(&end.report);
    weir_close(weir);
}

static void freeing_and_closing_end_what_runs(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct end ends[2] = {{0}};

    add_command(pipeline, ARGV("yes"));
    add_command(pipeline, ARGV(child_path("leaves_behind"), STRAY));
    add_command(pipeline, ARGV("sleep", "1000"));
    weir_pipeline_run_free(weir_pipeline_start(weir, pipeline, note_end, &ends[0], NULL));
    weir_pipeline_start(weir, pipeline, note_end, &ends[1], NULL);
    weir_pipeline_free(pipeline);
    weir_close(weir);
    CU_ASSERT_EQUAL(ends[0].calls + ends[1].calls, 0);
}

static void a_killed_spawner_loses_every_stage(void)
{
    if (is_without("PR_SET_PDEATHSIG")) /* it is killed before it can name the group */
        return;
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct end end = {.free_it = 1};
    struct weir_pipeline_report report;
    weir_pipeline_run_t *pipe;

    add_command(pipeline, ARGV("sleep", "1000"));
    add_command(pipeline, ARGV("cat"));
    pipe = weir_pipeline_start(weir, pipeline, note_end, &end, NULL);
    CU_ASSERT_PTR_NOT_NULL(pipe);
    kill_spawner();
    dispatch_until(weir, &end.calls);
    CU_ASSERT(!end.report.ok);
    CU_ASSERT_EQUAL(end.report.status, 125);
    CU_ASSERT_EQUAL(result_of(&end.report, 0)->end, WEIR_STATUS_LOST);
    CU_ASSERT_EQUAL(result_of(&end.report, 1)->end, WEIR_STATUS_LOST);
    weir_pipeline_report_clear(&end.report);
    weir_pipeline_free(pipeline);
    pipeline = quiet_pipeline();
    add_command(pipeline, ARGV("true"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

/* The host's own stderr has a reader that does not read. */
static void a_reader_of_our_stderr_that_sleeps_does_not_outlast_the_deadline(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_settings settings;
    struct end end = {.free_it = 1};
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    weir_pipeline_get(pipeline, &settings);
    settings.stderr_fd = ends[FD_WRITE_END];
    settings.timeout_ms = 300;
    settings.drain_ms = 100;
    weir_pipeline_set(pipeline, &settings, NULL);
    add_command(pipeline, ARGV(child_path("floods_stderr"), "2000000"));
    CU_ASSERT_PTR_NOT_NULL(weir_pipeline_start(weir, pipeline, note_end, &end, NULL));
    dispatch_until(weir, &end.calls);
    CU_ASSERT_EQUAL(end.report.status, 124);
    weir_pipeline_report_clear(&end.report);
    weir_pipeline_free(pipeline);
    close(ends[FD_READ_END]);
    close(ends[FD_WRITE_END]);
    weir_close(weir);
}

/* The host's own stdout has one. */
static void a_reader_of_our_stdout_that_sleeps_does_not_outlast_the_deadline(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_settings settings;
    struct end end = {.free_it = 1};
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    weir_pipeline_get(pipeline, &settings);
    settings.output_fd = ends[FD_WRITE_END];
    settings.timeout_ms = 300;
    settings.drain_ms = 100;
    settings.meter = 1;
    weir_pipeline_set(pipeline, &settings, NULL);
    add_command(pipeline, ARGV("yes"));
    CU_ASSERT_PTR_NOT_NULL(weir_pipeline_start(weir, pipeline, note_end, &end, NULL));
    dispatch_until(weir, &end.calls);
    CU_ASSERT_EQUAL(end.report.status, 124);
    weir_pipeline_report_clear(&end.report);
    weir_pipeline_free(pipeline);
    close(ends[FD_READ_END]);
    close(ends[FD_WRITE_END]);
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"the deadline of the whole ends all", the_deadline_of_the_whole_ends_all},
        {"the time of one stage is its own", the_time_of_one_stage_is_its_own},
        {"the limit of a stage stops with its own sequence",
         the_limit_of_a_stage_stops_with_its_own_sequence},
        {"the sequence of a stage is taken to its end",
         the_sequence_of_a_stage_is_taken_to_its_end},
        {"a map is stopped with its own sequence", a_map_is_stopped_with_its_own_sequence},
        {"a silent stage is ended", a_silent_stage_is_ended},
        {"a pipeline may be cancelled once and twice", a_pipeline_may_be_cancelled_once_and_twice},
        {"freeing and closing end what runs", freeing_and_closing_end_what_runs},
        {"a killed spawner loses every stage", a_killed_spawner_loses_every_stage},
        {"a reader of our stderr that sleeps does not outlast the deadline",
         a_reader_of_our_stderr_that_sleeps_does_not_outlast_the_deadline},
        {"a reader of our stdout that sleeps does not outlast the deadline",
         a_reader_of_our_stdout_that_sleeps_does_not_outlast_the_deadline},
        CU_TEST_INFO_NULL,
    };

    return run_suite("pipe_stop", tests);
}
