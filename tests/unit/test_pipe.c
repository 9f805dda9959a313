/* Pipelines that run, with stages of whatever manners. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "support/harness.h"
#include "support/running.h"

static char made_dir[] = "/tmp/weir-test-pipe-XXXXXX";

/* --- Building and running --------------------------------------------------- */

/* A pipeline whose input is /dev/null and whose output and live stderr go
 * nowhere, until something else is said. */
static weir_pipeline_t *quiet_pipeline(void)
{
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_pipeline_settings settings;

    CU_ASSERT_PTR_NOT_NULL_FATAL(pipeline);
    weir_pipeline_settings_init(&settings);
    settings.input_fd = settings.output_fd = settings.stderr_fd = -1;
    CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, NULL), 0);
    return pipeline;
}

static struct weir_stage stage_of(const char *const *argv)
{
    struct weir_stage stage;

    weir_stage_init(&stage);
    stage.command = command_of(argv);
    return stage;
}

static void add_stage(weir_pipeline_t *pipeline, const struct weir_stage *stage)
{
    CU_ASSERT_EQUAL(weir_pipeline_add(pipeline, stage, NULL), 0);
}

static void add(weir_pipeline_t *pipeline, const char *const *argv)
{
    struct weir_stage stage = stage_of(argv);

    add_stage(pipeline, &stage);
}

/* Runs it and frees it; a failure of weir itself fails the test. */
static struct weir_pipe_report run_pipeline(weir_t *weir, weir_pipeline_t *pipeline)
{
    struct weir_pipe_report report = {0};
    struct weir_error error = {0};
    int status = weir_pipeline_run(weir, pipeline, &report, &error);

    if (status < 0)
        printf("# %s: %s\n", weir_status_name(error.status), error.text);
    CU_ASSERT_EQUAL(status, 0);
    weir_pipeline_free(pipeline);
    if (status == 0 && !report.ok && getenv("WEIR_TEST") != NULL)
        printf("# %d: %s\n", report.status, report.reason);
    return report;
}

/* The same with the last stage's output in text, NUL-terminated. */
static struct weir_pipe_report run_into(weir_t *weir, weir_pipeline_t *pipeline, char *text,
                                        size_t size)
{
    struct weir_pipeline_settings settings;
    struct weir_pipe_report report;
    int fd = weir__fd_of_bytes_portable("", 0, NULL);
    ssize_t length;

    weir_pipeline_get(pipeline, &settings);
    settings.output_fd = fd;
    weir_pipeline_set(pipeline, &settings, NULL);
    report = run_pipeline(weir, pipeline);
    length = pread(fd, text, size - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    close(fd);
    return report;
}

static const struct weir_result *result_of(const struct weir_pipe_report *report, size_t stage)
{
    CU_ASSERT_FATAL(stage < report->stage_count);
    return &report->stages[stage].result;
}

/* --- 18: a stage that cannot start ------------------------------------------ */

static void a_missing_second_stage_is_named_and_leaves_no_first(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipe_report report;

    add(pipeline, ARGV("sleep", "1000"));
    add(pipeline, ARGV("weir-no-such-program"));
    add(pipeline, ARGV("sleep", "1000"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 127);
    CU_ASSERT_EQUAL(report.decided_by, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(report.reason, "weir-no-such-program"));
    CU_ASSERT_EQUAL(result_of(&report, 1)->end, WEIR_NOT_STARTED);
    CU_ASSERT_EQUAL(result_of(&report, 1)->step, WEIR_STEP_EXEC);
    CU_ASSERT_EQUAL(result_of(&report, 1)->sys_errno, ENOENT);
    CU_ASSERT(result_of(&report, 0)->end == WEIR_SIGNALED);
    CU_ASSERT_EQUAL(result_of(&report, 0)->why, WEIR_WHY_PEER_FAILED);
    CU_ASSERT_EQUAL(count_marked(test_marker()), 1); /* the spawner itself */
    CU_ASSERT_EQUAL(result_of(&report, 2)->end, WEIR_NOT_STARTED);
    CU_ASSERT_EQUAL(result_of(&report, 2)->pid, 0);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void a_missing_directory_is_told_as_chdir(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("cat"));
    struct weir_pipe_report report;

    add(pipeline, ARGV("sleep", "1000"));
    stage.command.cwd = "/no/such/directory";
    add_stage(pipeline, &stage);
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 125);
    CU_ASSERT_EQUAL(report.decided_by, 1);
    CU_ASSERT_EQUAL(result_of(&report, 1)->step, WEIR_STEP_CHDIR);
    CU_ASSERT_EQUAL(result_of(&report, 0)->end, WEIR_NOT_STARTED);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

/* --- 19: a reader that has had enough ---------------------------------------- */

static void who_dies_of_its_readers_end_is_forgiven_and_told(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipe_report report;
    char text[64];

    add(pipeline, ARGV("yes"));
    add(pipeline, ARGV("cat"));
    add(pipeline, ARGV("head", "-1"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(report.status, 0);
    CU_ASSERT_EQUAL(report.decided_by, -1);
    CU_ASSERT_STRING_EQUAL(text, "y\n");
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(result_of(&report, i)->end, WEIR_SIGNALED);
        CU_ASSERT_EQUAL(result_of(&report, i)->signal, SIGPIPE);
        CU_ASSERT_EQUAL(result_of(&report, i)->why, WEIR_WHY_NONE);
        CU_ASSERT(report.stages[i].forgiven);
    }
    CU_ASSERT(!report.stages[2].forgiven);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void sigpipe_is_at_its_default_whatever_the_host_ignores(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    weir_pipeline_t *pipeline;
    struct weir_pipe_report report;
    weir_t *weir;

    sigaction(SIGPIPE, &ignore, &old);
    weir = open_weir();
    pipeline = quiet_pipeline();
    add(pipeline, ARGV("yes"));
    add(pipeline, ARGV("head", "-1"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(result_of(&report, 0)->signal, SIGPIPE);
    weir_pipe_report_clear(&report);
    weir_close(weir);
    sigaction(SIGPIPE, &old, NULL);
}

/* A producer that sees EPIPE and exits with 1, as Python's do. */
static struct weir_pipe_report run_python_like(weir_t *weir, int early_close_ok, const char *crash,
                                               enum weir_pipefail pipefail)
{
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV(child_path("ignores_sigpipe"), crash));
    struct weir_pipeline_settings settings;

    weir_pipeline_get(pipeline, &settings);
    settings.pipefail = pipefail;
    weir_pipeline_set(pipeline, &settings, NULL);
    stage.early_close_ok = early_close_ok;
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("head", "-1"));
    return run_pipeline(weir, pipeline);
}

static void a_python_producer_is_forgiven_only_when_asked(void)
{
    weir_t *weir = open_weir();
    struct weir_pipe_report report = run_python_like(weir, 0, NULL, WEIR_PIPEFAIL_SMART);

    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 1);
    CU_ASSERT_EQUAL(report.decided_by, 0);
    weir_pipe_report_clear(&report);
    report = run_python_like(weir, 1, NULL, WEIR_PIPEFAIL_SMART);
    CU_ASSERT(report.ok);
    CU_ASSERT(report.stages[0].forgiven);
    CU_ASSERT_EQUAL(result_of(&report, 0)->code, 1); /* and still visible */
    weir_pipe_report_clear(&report);
    report = run_python_like(weir, 1, NULL, WEIR_PIPEFAIL_STRICT);
    CU_ASSERT_EQUAL(report.status, 1);
    weir_pipe_report_clear(&report);
    report = run_python_like(weir, 0, NULL, WEIR_PIPEFAIL_LAST);
    CU_ASSERT(report.ok);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void a_crash_is_never_forgiven(void)
{
    weir_t *weir = open_weir();
    struct weir_pipe_report report = run_python_like(weir, 1, "crash", WEIR_PIPEFAIL_SMART);

    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 128 + SIGSEGV);
    CU_ASSERT_EQUAL(report.decided_by, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(report.reason, "SIGSEGV"));
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

/* --- 20: failures that a shell would not see --------------------------------- */

static void a_failure_after_everything_was_written_is_the_verdict(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("sh", "-c", "echo all of it; exit 3"));
    struct weir_pipe_report report;
    char text[64];

    stage.name = "producer";
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("cat"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 3);
    CU_ASSERT_EQUAL(report.decided_by, 0);
    CU_ASSERT_STRING_EQUAL(report.stages[0].name, "producer");
    CU_ASSERT_STRING_EQUAL(text, "all of it\n");
    CU_ASSERT_EQUAL(result_of(&report, 1)->why, WEIR_WHY_NONE); /* the reader read on */
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void a_crash_while_the_reader_reads_on_is_the_verdict(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV(child_path("dies_mid_line"), "11"));
    struct weir_pipe_report report;
    char text[64];

    stage.early_close_ok = 1;
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("cat"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT_EQUAL(report.status, 128 + SIGSEGV);
    CU_ASSERT_STRING_EQUAL(text, "whole\nhal");
    weir_pipe_report_clear(&report);
    /* SIGPIPE by its own hand, with its reader alive to the end: no early close. */
    pipeline = quiet_pipeline();
    add(pipeline, ARGV(child_path("dies_mid_line"), "13"));
    add(pipeline, ARGV("sh", "-c", "cat >/dev/null; exec sleep 0.5"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 128 + SIGPIPE);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void other_exit_codes_may_be_good(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("grep", "x"));
    static const unsigned char good[] = {0, 1};
    struct weir_pipe_report report;

    stage.ok_exit = good;
    stage.ok_exit_count = 2;
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("cat"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(result_of(&report, 0)->code, 1);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

/* --- 21: floods, closed outputs, holders -------------------------------------- */

static void a_stage_that_floods_stderr_stops_nobody(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipe_report report;
    char text[64];

    add(pipeline, ARGV("head", "-c", "3000000", "/dev/zero"));
    add(pipeline, ARGV(child_path("floods_stderr"), "20000000"));
    add(pipeline, ARGV("wc", "-c"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(atol(text), 3000000);
    CU_ASSERT_EQUAL(result_of(&report, 1)->err.total, 20000000);
    CU_ASSERT(result_of(&report, 1)->err.truncated);
    CU_ASSERT_EQUAL(result_of(&report, 1)->err.kept, 65536);
    CU_ASSERT_EQUAL(result_of(&report, 0)->err.total, 0);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void stderr_goes_where_it_is_told(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("sh", "-c", "echo live >&2"));
    struct weir_pipeline_settings settings;
    struct weir_pipe_report report;
    char text[64] = "";
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    weir_pipeline_get(pipeline, &settings);
    settings.stderr_fd = ends[FD_WRITE_END];
    weir_pipeline_set(pipeline, &settings, NULL);
    add_stage(pipeline, &stage);
    stage.err = WEIR_STDERR_KEEP;
    add_stage(pipeline, &stage);
    stage.err = WEIR_STDERR_DISCARD;
    add_stage(pipeline, &stage);
    stage = stage_of(ARGV("sh", "-c", "cat; echo merged >&2"));
    stage.err = WEIR_STDERR_STDOUT;
    add_stage(pipeline, &stage);
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "merged\n");
    CU_ASSERT_STRING_EQUAL(result_of(&report, 0)->err.text, "live\n");
    CU_ASSERT_STRING_EQUAL(result_of(&report, 1)->err.text, "live\n");
    CU_ASSERT_EQUAL(result_of(&report, 2)->err.total, 0);
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], text, sizeof text), 5); /* "live\n", once */
    weir_pipe_report_clear(&report);
    close(ends[FD_READ_END]);
    close(ends[FD_WRITE_END]);
    weir_close(weir);
}

static void a_stage_that_closes_stdout_and_lives_is_waited_for(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipe_report report;
    char text[64];

    add(pipeline, ARGV(child_path("ticks"), "20"));
    add(pipeline, ARGV(child_path("closes_stdout")));
    add(pipeline, ARGV("wc", "-c"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(atol(text), 0);
    CU_ASSERT_EQUAL(result_of(&report, 1)->code, 0);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void check_holder(const char *mode)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV(child_path("leaves_behind"), mode));
    struct weir_pipeline_settings settings;
    struct weir_pipe_report report;
    char text[64];

    /* It holds the pipe to the next stage, and its stderr is ours. */
    weir_pipeline_get(pipeline, &settings);
    settings.timeout_ms = 20000;
    settings.drain_ms = 100;
    weir_pipeline_set(pipeline, &settings, NULL);
    stage.meter = 1;
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("head", "-1"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT(atol(text) > 0 && is_gone((pid_t)atol(text)));
    CU_ASSERT(names_holder(result_of(&report, 0), (pid_t)atol(text), "leaves_behind"));
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void a_holder_of_the_pipe_is_named_and_ended(void)
{
    static const char *const modes[] = {STRAYS};

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        check_holder(modes[i]);
}

static void a_holder_of_a_kernel_pipe_yields_to_the_deadline(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_settings settings;
    struct weir_pipe_report report;
    char text[64];

    /* The next stage waits for an end of file that only the holder can give. */
    weir_pipeline_get(pipeline, &settings);
    settings.timeout_ms = 400;
    weir_pipeline_set(pipeline, &settings, NULL);
    add(pipeline, ARGV(child_path("leaves_behind"), STRAY));
    add(pipeline, ARGV("cat"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 124);
    CU_ASSERT(exited_with(result_of(&report, 0), 0));
    CU_ASSERT(atol(text) > 0 && is_gone((pid_t)atol(text)));
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void a_stage_in_a_session_of_its_own_is_ended(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_settings settings;
    struct weir_pipe_report report;

    weir_pipeline_get(pipeline, &settings);
    settings.timeout_ms = 300;
    settings.grace_ms = 1000000;
    weir_pipeline_set(pipeline, &settings, NULL);
    add(pipeline, ARGV("sleep", "1000"));
    add(pipeline, ARGV("setsid", "sh", "-c", "sleep 1000; exit 3"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 124);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(result_of(&report, i)->end, WEIR_SIGNALED);
        CU_ASSERT_EQUAL(result_of(&report, i)->signal, SIGTERM);
    }
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

enum { MANY_STAGES = 30 };

struct order {
    int started[MANY_STAGES];
    int lines, early;
};

static void note_order(const struct weir_event *event, void *context)
{
    struct order *order = context;

    if (event->stage < 0)
        return;
    order->lines += event->kind == WEIR_EVENT_STDERR_LINE;
    if (event->kind == WEIR_EVENT_STARTED)
        order->started[event->stage] = 1;
    else
        order->early += !order->started[event->stage];
}

/* The first have said much before the last is started, and only then is it told. */
static void nothing_is_told_of_a_stage_before_its_start(void)
{
    struct weir_options options;
    struct order order = {0};
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipe_report report;
    weir_t *weir;

    weir_options_init(&options);
    options.on_event = note_order;
    options.event_context = &order;
    weir = weir_open(&options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(weir);
    for (int i = 0; i < MANY_STAGES; i++) {
        struct weir_stage stage = stage_of(ARGV("sh", "-c", "echo line >&2; echo word"));

        stage.meter = i + 1 < MANY_STAGES;
        add_stage(pipeline, &stage);
    }
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(order.lines, MANY_STAGES);
    CU_ASSERT_EQUAL(order.early, 0);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

/* --- 22: odd lengths ---------------------------------------------------------- */

static void twenty_stages_are_one_pipeline(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipe_report report;
    char text[64];

    add(pipeline, ARGV("head", "-c", "1000000", "/dev/zero"));
    for (int i = 0; i < 18; i++)
        add(pipeline, ARGV("cat"));
    add(pipeline, ARGV("wc", "-c"));
    CU_ASSERT_EQUAL(weir_pipeline_count(pipeline), 20);
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 3), "cat#3");
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(report.stage_count, 20);
    CU_ASSERT_EQUAL(atol(text), 1000000);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void no_output_one_stage_and_none(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipe_report report;
    struct weir_error error = {0};
    char text[64];

    CU_ASSERT_EQUAL(weir_pipeline_run(weir, pipeline, &report, &error), WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "empty"));
    CU_ASSERT_EQUAL(weir_pipeline_run(weir, pipeline, &report, NULL), WEIR_ERR_INVALID);
    add(pipeline, ARGV("echo", "alone"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_STRING_EQUAL(text, "alone\n");
    weir_pipe_report_clear(&report);
    pipeline = quiet_pipeline();
    add(pipeline, ARGV("true"));
    add(pipeline, ARGV("cat"));
    add(pipeline, ARGV("true"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void a_line_is_split_into_words_without_a_shell(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipe_report report;
    char text[64];

    CU_ASSERT_EQUAL(
        weir_pipeline_add_line(pipeline, "printf '%s;' $HOME \"a b\" *.c a\\ b", NULL, NULL), 0);
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "$HOME;a b;*.c;a b;");
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

/* --- 23: output files ---------------------------------------------------------- */

static char made_path[128];

static const char *in_dir(const char *name)
{
    snprintf(made_path, sizeof made_path, "%s/%s", made_dir, name);
    return made_path;
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* Whether the file holds just text, and is alone in its directory. */
static int holds(const char *path, const char *text)
{
    char bytes[256], command[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;

    if (fd >= 0)
        close(fd);
    snprintf(command, sizeof command, "test $(ls -A $(dirname %s) | wc -l) -eq 1", path);
    return length == (ssize_t)strlen(text) && memcmp(bytes, text, (size_t)length) == 0
           && system(command) == 0;
}

static weir_pipeline_t *pipeline_to(const char *path)
{
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_settings settings;

    weir_pipeline_get(pipeline, &settings);
    settings.output = path;
    weir_pipeline_set(pipeline, &settings, NULL);
    return pipeline;
}

static void a_failure_leaves_the_old_output_file(void)
{
    weir_t *weir = open_weir();
    const char *path = in_dir("out");
    weir_pipeline_t *pipeline = pipeline_to(path);
    struct weir_pipe_report report;
    struct stat file;

    write_file(path, "old\n");
    add(pipeline, ARGV("echo", "new"));
    add(pipeline, ARGV("sh", "-c", "cat; exit 1"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 1);
    CU_ASSERT(holds(path, "old\n"));
    weir_pipe_report_clear(&report);
    pipeline = pipeline_to(path);
    add(pipeline, ARGV("weir-no-such-program"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 127);
    CU_ASSERT(holds(path, "old\n"));
    weir_pipe_report_clear(&report);
    pipeline = pipeline_to(path);
    add(pipeline, ARGV("echo", "new"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    CU_ASSERT(holds(path, "new\n"));
    CU_ASSERT(stat(path, &file) == 0 && (file.st_mode & 07777) == 0640); /* its mode is kept */
    weir_pipe_report_clear(&report);
    unlink(path);
    weir_close(weir);
}

static void a_full_disk_is_a_failure_and_never_a_short_file(void)
{
    const struct rlimit small = {100000, RLIM_INFINITY};
    weir_t *weir;
    struct weir_pipeline_settings settings;
    weir_pipeline_t *pipeline;
    struct weir_pipe_report report = {0};
    struct weir_error error = {0};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    const char *path = in_dir("out");
    struct rlimit before;

    write_file(path, "old\n");
    /* A stage meets it itself. */
    weir = open_weir();
    pipeline = quiet_pipeline();
    weir_pipeline_get(pipeline, &settings);
    settings.output = "/dev/full";
    weir_pipeline_set(pipeline, &settings, NULL);
    add(pipeline, ARGV("echo", "x"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 1);
    weir_pipe_report_clear(&report);
    /* The relay of a metered stage meets it. */
    pipeline = pipeline_to(path);
    weir_pipeline_get(pipeline, &settings);
    settings.meter = 1;
    weir_pipeline_set(pipeline, &settings, NULL);
    add(pipeline, ARGV("head", "-c", "1000000", "/dev/zero"));
    sigaction(SIGXFSZ, &ignore, &old);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &small);
    CU_ASSERT_EQUAL(weir_pipeline_run(weir, pipeline, &report, &error), WEIR_ERR_SYSTEM);
    CU_ASSERT_EQUAL(error.sys_errno, EFBIG);
    setrlimit(RLIMIT_FSIZE, &before);
    sigaction(SIGXFSZ, &old, NULL);
    CU_ASSERT(holds(path, "old\n"));
    weir_pipeline_free(pipeline);
    unlink(path);
    weir_close(weir);
}

static void a_stage_on_a_full_disk_fails_and_the_old_file_stays(void)
{
    weir_t *weir = open_weir();
    char disk[128];
    struct weir_pipe_report report;
    weir_pipeline_t *pipeline;

    snprintf(disk, sizeof disk, "%s/disk", made_dir);
    mkdir(disk, 0700);
    if (mount("weir-test", disk, "tmpfs", 0, "size=64k") == 0) {
        const char *path = in_dir("disk/out");

        write_file(path, "old\n");
        pipeline = pipeline_to(path);
        add(pipeline, ARGV("head", "-c", "1000000", "/dev/zero"));
        add(pipeline, ARGV("cat"));
        report = run_pipeline(weir, pipeline);
        CU_ASSERT(!report.ok);
        CU_ASSERT_EQUAL(report.decided_by, 1);
        CU_ASSERT(holds(path, "old\n"));
        weir_pipe_report_clear(&report);
        CU_ASSERT_EQUAL(umount(disk), 0);
    } else {
        printf("# no right to mount a small disk: %s\n", strerror(errno));
    }
    rmdir(disk);
    weir_close(weir);
}

/* --- Relays --------------------------------------------------------------------- */

static void metered_stages_tell_their_bytes(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("head", "-c", "5000000", "/dev/zero"));
    struct weir_pipe_report report;
    char text[64];

    stage.meter = 1;
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("cat"));
    stage = stage_of(ARGV("wc", "-c"));
    stage.meter = 1;
    add_stage(pipeline, &stage);
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(atol(text), 5000000);
    CU_ASSERT_EQUAL(report.stages[0].bytes_out, 5000000);
    CU_ASSERT_EQUAL(report.stages[1].bytes_out, -1);
    CU_ASSERT_EQUAL(report.stages[2].bytes_out, 8);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void a_metered_producer_dies_of_its_readers_end_as_well(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("yes"));
    struct weir_pipe_report report;

    stage.meter = 1;
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("head", "-1"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(result_of(&report, 0)->signal, SIGPIPE);
    CU_ASSERT(report.stages[0].forgiven);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void a_decoded_stage_speaks_utf_8(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV(child_path("writes_hex"), "c4", "e3bac3", "0a"));
    struct weir_pipe_report report;
    char text[64];

    stage.charset = "gb18030";
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("cat"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_STRING_EQUAL(text, "\xe4\xbd\xa0\xe5\xa5\xbd\n");
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void a_slow_reader_slows_a_relay_and_nothing_piles_up(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("head", "-c", "30000000", "/dev/zero"));
    struct weir_pipe_report report;
    char text[64];

    stage.charset = "latin1"; /* no splice: the bytes pass through us */
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("sh", "-c", "sleep 0.3; exec cat"));
    add(pipeline, ARGV("wc", "-c"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(atol(text), 30000000);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

/* --- Time and cancelling ---------------------------------------------------------- */

static void the_deadline_of_the_whole_ends_all(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_settings settings;
    struct weir_pipe_report report;

    weir_pipeline_get(pipeline, &settings);
    settings.timeout_ms = 300;
    settings.grace_ms = 200;
    weir_pipeline_set(pipeline, &settings, NULL);
    add(pipeline, ARGV(child_path("ignores_term")));
    add(pipeline, ARGV("sleep", "1000"));
    add(pipeline, ARGV("cat"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 124);
    CU_ASSERT_EQUAL(report.why, WEIR_WHY_TIMEOUT);
    CU_ASSERT_EQUAL(result_of(&report, 0)->signal, SIGKILL);
    CU_ASSERT_EQUAL(result_of(&report, 1)->signal, SIGTERM);
    CU_ASSERT(report.wall_ns >= 490000000);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void the_time_of_one_stage_is_its_own(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("sleep", "1000"));
    struct weir_pipe_report report;

    add(pipeline, ARGV("echo", "x"));
    stage.timeout_ms = 300;
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("cat"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 124);
    CU_ASSERT_EQUAL(report.decided_by, 1);
    CU_ASSERT_EQUAL(result_of(&report, 1)->why, WEIR_WHY_TIMEOUT);
    CU_ASSERT(exited_with(result_of(&report, 0), 0));
    weir_pipe_report_clear(&report);
    /* One that ends in time frees the others of it. */
    pipeline = quiet_pipeline();
    stage = stage_of(ARGV("true"));
    stage.timeout_ms = 2000;
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("sleep", "2.2"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

static void a_silent_stage_is_ended(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV(child_path("says_and_stays"), "one line\n"));
    struct weir_pipe_report report;
    char text[64];

    stage.idle_ms = 300;
    add_stage(pipeline, &stage);
    add(pipeline, ARGV("cat"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT_EQUAL(report.status, 124);
    CU_ASSERT_EQUAL(report.why, WEIR_WHY_IDLE);
    CU_ASSERT_EQUAL(report.decided_by, 0);
    CU_ASSERT_STRING_EQUAL(text, "one line\n");
    weir_pipe_report_clear(&report);
    weir_close(weir);
}

struct end {
    int calls, free_it;
    struct weir_pipe_report report;
};

static void note_end(weir_pipe_t *pipe, const struct weir_pipe_report *report,
                     const struct weir_error *error, void *context)
{
    struct end *end = context;

    end->calls++;
    CU_ASSERT_PTR_NULL(error);
    CU_ASSERT_PTR_NOT_NULL(report);
    CU_ASSERT_EQUAL(weir_pipe_take(pipe, &end->report, NULL), 0);
    if (end->free_it)
        weir_pipe_free(pipe);
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
    weir_pipe_t *pipe;

    add(pipeline, ARGV("sleep", "1000"));
    add(pipeline, ARGV("cat"));
    pipe = weir_pipe_start(weir, pipeline, note_end, &end, NULL);
    weir_pipe_cancel(pipe);
    CU_ASSERT_EQUAL(end.calls, 0);
    dispatch_until(weir, &end.calls);
    CU_ASSERT_EQUAL(end.report.why, WEIR_WHY_CANCELLED);
    CU_ASSERT_EQUAL(end.report.status, 128 + SIGTERM);
    weir_pipe_report_clear(&end.report);
    weir_pipe_free(pipe);
    weir_pipeline_free(pipeline);

    /* One that ignores TERM, after its time was up: the second cancel is at once. */
    pipeline = quiet_pipeline();
    weir_pipeline_get(pipeline, &settings);
    settings.timeout_ms = 300;
    settings.grace_ms = 1000000;
    weir_pipeline_set(pipeline, &settings, NULL);
    add(pipeline, ARGV(child_path("ignores_term")));
    end = (struct end){.free_it = 1};
    pipe = weir_pipe_start(weir, pipeline, note_end, &end, NULL);
    weir_pipeline_free(pipeline); /* it is not needed any more */
    while (await_news(weir, 500))
        weir_dispatch(weir, NULL);
    CU_ASSERT_EQUAL(end.calls, 0);
    weir_pipe_cancel(pipe);
    weir_pipe_cancel(pipe);
    dispatch_until(weir, &end.calls);
    CU_ASSERT_EQUAL(result_of(&end.report, 0)->signal, SIGKILL);
    weir_pipe_report_clear(&end.report);
    weir_close(weir);
}

static void freeing_and_closing_end_what_runs(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct end ends[2] = {{0}};

    add(pipeline, ARGV("yes"));
    add(pipeline, ARGV(child_path("leaves_behind"), STRAY));
    add(pipeline, ARGV("sleep", "1000"));
    weir_pipe_free(weir_pipe_start(weir, pipeline, note_end, &ends[0], NULL));
    weir_pipe_start(weir, pipeline, note_end, &ends[1], NULL);
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
    struct weir_pipe_report report;
    weir_pipe_t *pipe;

    add(pipeline, ARGV("sleep", "1000"));
    add(pipeline, ARGV("cat"));
    pipe = weir_pipe_start(weir, pipeline, note_end, &end, NULL);
    CU_ASSERT_PTR_NOT_NULL(pipe);
    kill_spawner();
    dispatch_until(weir, &end.calls);
    CU_ASSERT(!end.report.ok);
    CU_ASSERT_EQUAL(end.report.status, 125);
    CU_ASSERT_EQUAL(result_of(&end.report, 0)->end, WEIR_STATUS_LOST);
    CU_ASSERT_EQUAL(result_of(&end.report, 1)->end, WEIR_STATUS_LOST);
    weir_pipe_report_clear(&end.report);
    weir_pipeline_free(pipeline);
    pipeline = quiet_pipeline();
    add(pipeline, ARGV("true"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    weir_pipe_report_clear(&report);
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
    add(pipeline, ARGV(child_path("floods_stderr"), "2000000"));
    CU_ASSERT_PTR_NOT_NULL(weir_pipe_start(weir, pipeline, note_end, &end, NULL));
    dispatch_until(weir, &end.calls);
    CU_ASSERT_EQUAL(end.report.status, 124);
    weir_pipe_report_clear(&end.report);
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
    add(pipeline, ARGV("yes"));
    CU_ASSERT_PTR_NOT_NULL(weir_pipe_start(weir, pipeline, note_end, &end, NULL));
    dispatch_until(weir, &end.calls);
    CU_ASSERT_EQUAL(end.report.status, 124);
    weir_pipe_report_clear(&end.report);
    weir_pipeline_free(pipeline);
    close(ends[FD_READ_END]);
    close(ends[FD_WRITE_END]);
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a missing second stage is named and leaves no first",
         a_missing_second_stage_is_named_and_leaves_no_first},
        {"a missing directory is told as chdir", a_missing_directory_is_told_as_chdir},
        {"who dies of its reader's end is forgiven and told",
         who_dies_of_its_readers_end_is_forgiven_and_told},
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
        {"a stage that floods stderr stops nobody", a_stage_that_floods_stderr_stops_nobody},
        {"stderr goes where it is told", stderr_goes_where_it_is_told},
        {"a stage that closes stdout and lives is waited for",
         a_stage_that_closes_stdout_and_lives_is_waited_for},
        {"a holder of the pipe is named and ended", a_holder_of_the_pipe_is_named_and_ended},
        {"nothing is told of a stage before its start",
         nothing_is_told_of_a_stage_before_its_start},
        {"a stage in a session of its own is ended", a_stage_in_a_session_of_its_own_is_ended},
        {"a holder of a kernel pipe yields to the deadline",
         a_holder_of_a_kernel_pipe_yields_to_the_deadline},
        {"twenty stages are one pipeline", twenty_stages_are_one_pipeline},
        {"no output, one stage, and none", no_output_one_stage_and_none},
        {"a line is split into words without a shell", a_line_is_split_into_words_without_a_shell},
        {"a failure leaves the old output file", a_failure_leaves_the_old_output_file},
        {"a full disk is a failure and never a short file",
         a_full_disk_is_a_failure_and_never_a_short_file},
        {"a stage on a full disk fails, and the old file stays",
         a_stage_on_a_full_disk_fails_and_the_old_file_stays},
        {"metered stages tell their bytes", metered_stages_tell_their_bytes},
        {"a metered producer dies of its reader's end as well",
         a_metered_producer_dies_of_its_readers_end_as_well},
        {"a decoded stage speaks UTF-8", a_decoded_stage_speaks_utf_8},
        {"a slow reader slows a relay and nothing piles up",
         a_slow_reader_slows_a_relay_and_nothing_piles_up},
        {"the deadline of the whole ends all", the_deadline_of_the_whole_ends_all},
        {"the time of one stage is its own", the_time_of_one_stage_is_its_own},
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
    int status;

    if (mkdtemp(made_dir) == NULL)
        return EXIT_FAILURE;
    status = run_suite("pipe", tests);
    rmdir(made_dir);
    return status;
}
