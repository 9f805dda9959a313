/* Pipelines: which stage decides, and what does not start. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"
#include "support/piping.h"
#include "support/running.h"

/* --- 18: a stage that cannot start ------------------------------------------ */

static void a_missing_second_stage_is_named_and_leaves_no_first(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_report report;

    add_command(pipeline, ARGV("sleep", "1000"));
    add_command(pipeline, ARGV("weir-no-such-program"));
    add_command(pipeline, ARGV("sleep", "1000"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 127);
    CU_ASSERT_EQUAL(report.decided_by, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(report.reason, "weir-no-such-program"));
    CU_ASSERT_EQUAL(result_of(&report, 1)->end, WEIR_NOT_STARTED);
    CU_ASSERT_EQUAL(result_of(&report, 1)->step, WEIR_STEP_EXEC);
    CU_ASSERT_EQUAL(result_of(&report, 1)->sys_errno, ENOENT);
    CU_ASSERT(result_of(&report, 0)->end == WEIR_SIGNALED);
    CU_ASSERT_EQUAL(result_of(&report, 0)->why, WEIR_STOP_PEER_FAILED);
    CU_ASSERT_EQUAL(count_marked(test_marker()), 1); /* the spawner itself */
    CU_ASSERT_EQUAL(result_of(&report, 2)->end, WEIR_NOT_STARTED);
    CU_ASSERT_EQUAL(result_of(&report, 2)->pid, 0);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void a_missing_directory_is_reported_as_chdir(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_command command = command_of(ARGV("cat"));
    struct weir_stage stage = stage_of(NULL);
    struct weir_pipeline_report report;

    add_command(pipeline, ARGV("sleep", "1000"));
    command.cwd = "/no/such/directory";
    stage.command = &command;
    add_stage(pipeline, &stage);
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 125);
    CU_ASSERT_EQUAL(report.decided_by, 1);
    CU_ASSERT_EQUAL(result_of(&report, 1)->step, WEIR_STEP_CHDIR);
    CU_ASSERT_EQUAL(result_of(&report, 0)->end, WEIR_NOT_STARTED);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

/* --- 19: a reader that has had enough ---------------------------------------- */

static void who_dies_of_its_readers_end_is_forgiven_and_reported(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_report report;
    char text[64];

    add_command(pipeline, ARGV("yes"));
    add_command(pipeline, ARGV("cat"));
    add_command(pipeline, ARGV("head", "-1"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(report.status, 0);
    CU_ASSERT_EQUAL(report.decided_by, -1);
    CU_ASSERT_STRING_EQUAL(text, "y\n");
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(result_of(&report, i)->end, WEIR_SIGNALED);
        CU_ASSERT_EQUAL(result_of(&report, i)->signal, SIGPIPE);
        CU_ASSERT_EQUAL(result_of(&report, i)->why, WEIR_STOP_NONE);
        CU_ASSERT(report.stages[i].forgiven);
    }
    CU_ASSERT(!report.stages[2].forgiven);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void sigpipe_is_at_its_default_whatever_the_host_ignores(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    weir_pipeline_t *pipeline;
    struct weir_pipeline_report report;
    weir_t *weir;

    sigaction(SIGPIPE, &ignore, &old);
    weir = open_weir();
    pipeline = quiet_pipeline();
    add_command(pipeline, ARGV("yes"));
    add_command(pipeline, ARGV("head", "-1"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(result_of(&report, 0)->signal, SIGPIPE);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
    sigaction(SIGPIPE, &old, NULL);
}

/* A producer that sees EPIPE and exits with 1, as Python's do. */
static struct weir_pipeline_report run_python_like(weir_t *weir, int early_close_ok,
                                                   const char *crash, enum weir_pipefail pipefail)
{
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV(child_path("ignores_sigpipe"), crash));
    struct weir_pipeline_settings settings;

    weir_pipeline_get(pipeline, &settings);
    settings.pipefail = pipefail;
    weir_pipeline_set(pipeline, &settings, NULL);
    stage.early_close_ok = early_close_ok;
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("head", "-1"));
    return run_pipeline(weir, pipeline);
}

static void a_python_producer_is_forgiven_only_when_asked(void)
{
    weir_t *weir = open_weir();
    struct weir_pipeline_report report = run_python_like(weir, 0, NULL, WEIR_PIPEFAIL_SMART);

    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 1);
    CU_ASSERT_EQUAL(report.decided_by, 0);
    weir_pipeline_report_clear(&report);
    report = run_python_like(weir, 1, NULL, WEIR_PIPEFAIL_SMART);
    CU_ASSERT(report.ok);
    CU_ASSERT(report.stages[0].forgiven);
    CU_ASSERT_EQUAL(result_of(&report, 0)->code, 1); /* and still visible */
    weir_pipeline_report_clear(&report);
    report = run_python_like(weir, 1, NULL, WEIR_PIPEFAIL_STRICT);
    CU_ASSERT_EQUAL(report.status, 1);
    weir_pipeline_report_clear(&report);
    report = run_python_like(weir, 0, NULL, WEIR_PIPEFAIL_LAST);
    CU_ASSERT(report.ok);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void a_crash_is_never_forgiven(void)
{
    weir_t *weir = open_weir();
    struct weir_pipeline_report report = run_python_like(weir, 1, "crash", WEIR_PIPEFAIL_SMART);

    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 128 + SIGSEGV);
    CU_ASSERT_EQUAL(report.decided_by, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(report.reason, "SIGSEGV"));
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

/* --- 20: failures that a shell would not see --------------------------------- */

static void a_failure_after_everything_was_written_is_the_verdict(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("sh", "-c", "echo all of it; exit 3"));
    struct weir_pipeline_report report;
    char text[64];

    stage.name = "producer";
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("cat"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 3);
    CU_ASSERT_EQUAL(report.decided_by, 0);
    CU_ASSERT_STRING_EQUAL(report.stages[0].name, "producer");
    CU_ASSERT_STRING_EQUAL(text, "all of it\n");
    CU_ASSERT_EQUAL(result_of(&report, 1)->why, WEIR_STOP_NONE); /* the reader read on */
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void a_crash_while_the_reader_reads_on_is_the_verdict(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV(child_path("dies_mid_line"), "11"));
    struct weir_pipeline_report report;
    char text[64];

    stage.early_close_ok = 1;
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("cat"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT_EQUAL(report.status, 128 + SIGSEGV);
    CU_ASSERT_STRING_EQUAL(text, "whole\nhal");
    weir_pipeline_report_clear(&report);
    /* SIGPIPE by its own hand, with its reader alive to the end: no early close. */
    pipeline = quiet_pipeline();
    add_command(pipeline, ARGV(child_path("dies_mid_line"), "13"));
    add_command(pipeline, ARGV("sh", "-c", "cat >/dev/null; exec sleep 0.5"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 128 + SIGPIPE);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void other_exit_codes_may_be_good(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("grep", "x"));
    static const unsigned char good[] = {0, 1};
    struct weir_pipeline_report report;

    stage.ok_exit = good;
    stage.ok_exit_count = 2;
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("cat"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(result_of(&report, 0)->code, 1);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

/* --- 22: odd lengths ---------------------------------------------------------- */

static void twenty_stages_are_one_pipeline(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_report report;
    char text[64];

    add_command(pipeline, ARGV("head", "-c", "1000000", "/dev/zero"));
    for (int i = 0; i < 18; i++)
        add_command(pipeline, ARGV("cat"));
    add_command(pipeline, ARGV("wc", "-c"));
    CU_ASSERT_EQUAL(weir_pipeline_count(pipeline), 20);
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 3), "cat#3");
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(report.stage_count, 20);
    CU_ASSERT_EQUAL(atol(text), 1000000);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void no_output_one_stage_and_none(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_report report;
    struct weir_error error = {0};
    char text[64];

    CU_ASSERT_EQUAL(weir_pipeline_run(weir, pipeline, &report, &error), WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "empty"));
    CU_ASSERT_EQUAL(weir_pipeline_run(weir, pipeline, &report, NULL), WEIR_ERR_INVALID);
    add_command(pipeline, ARGV("echo", "alone"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_STRING_EQUAL(text, "alone\n");
    weir_pipeline_report_clear(&report);
    pipeline = quiet_pipeline();
    add_command(pipeline, ARGV("true"));
    add_command(pipeline, ARGV("cat"));
    add_command(pipeline, ARGV("true"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void a_line_is_split_into_words_without_a_shell(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_report report;
    char text[64];

    CU_ASSERT_EQUAL(
        weir_pipeline_add_line(pipeline, "printf '%s;' $HOME \"a b\" *.c a\\ b", NULL, NULL), 0);
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "$HOME;a b;*.c;a b;");
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a missing second stage is named and leaves no first",
         a_missing_second_stage_is_named_and_leaves_no_first},
        {"a missing directory is reported as chdir", a_missing_directory_is_reported_as_chdir},
        {"who dies of its reader's end is forgiven and reported",
         who_dies_of_its_readers_end_is_forgiven_and_reported},
        {"SIGPIPE is at its default whatever the host ignores",
         sigpipe_is_at_its_default_whatever_the_host_ignores},
        {"a Python producer is forgiven only when asked",
         a_python_producer_is_forgiven_only_when_asked},
        {"a crash is never forgiven", a_crash_is_never_forgiven},
        {"a failure after everything was written is the verdict",
         a_failure_after_everything_was_written_is_the_verdict},
        {"a crash while the reader reads on is the verdict",
         a_crash_while_the_reader_reads_on_is_the_verdict},
        {"other exit codes may be good", other_exit_codes_may_be_good},
        {"twenty stages are one pipeline", twenty_stages_are_one_pipeline},
        {"no output, one stage, and none", no_output_one_stage_and_none},
        {"a line is split into words without a shell", a_line_is_split_into_words_without_a_shell},
        CU_TEST_INFO_NULL,
    };

    return run_suite("pipe", tests);
}
