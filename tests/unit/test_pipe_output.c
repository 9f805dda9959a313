/* Pipelines: stderr, holders of pipes, output files and relays. */
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

#include "base/fd.h"
#include "support/harness.h"
#include "support/piping.h"
#include "support/running.h"
#include "support/scratch.h"

/* --- 21: floods, closed outputs, holders -------------------------------------- */

static void a_stage_that_floods_stderr_stops_no_other(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_report report;
    char text[64];

    add_command(pipeline, ARGV("head", "-c", "3000000", "/dev/zero"));
    add_command(pipeline, ARGV(child_path("floods_stderr"), "20000000"));
    add_command(pipeline, ARGV("wc", "-c"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(atol(text), 3000000);
    CU_ASSERT_EQUAL(result_of(&report, 1)->err.total, 20000000);
    CU_ASSERT(result_of(&report, 1)->err.truncated);
    CU_ASSERT_EQUAL(result_of(&report, 1)->err.kept, 65536);
    CU_ASSERT_EQUAL(result_of(&report, 0)->err.total, 0);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void stderr_goes_where_the_settings_say(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("sh", "-c", "echo live >&2"));
    struct weir_pipeline_settings settings;
    struct weir_pipeline_report report;
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
    weir_pipeline_report_clear(&report);
    close(ends[FD_READ_END]);
    close(ends[FD_WRITE_END]);
    weir_close(weir);
}

static void a_stage_that_closes_stdout_and_lives_is_waited_for(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_report report;
    char text[64];

    add_command(pipeline, ARGV(child_path("ticks"), "20"));
    add_command(pipeline, ARGV(child_path("closes_stdout")));
    add_command(pipeline, ARGV("wc", "-c"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(atol(text), 0);
    CU_ASSERT_EQUAL(result_of(&report, 1)->code, 0);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void check_holder(const char *mode)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV(child_path("leaves_behind"), mode));
    struct weir_pipeline_settings settings;
    struct weir_pipeline_report report;
    char text[64];

    /* It holds the pipe to the next stage, and its stderr is ours. */
    weir_pipeline_get(pipeline, &settings);
    settings.timeout_ms = 20000;
    settings.drain_ms = 100;
    weir_pipeline_set(pipeline, &settings, NULL);
    stage.meter = 1;
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("head", "-1"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT(atol(text) > 0 && is_gone((pid_t)atol(text)));
    CU_ASSERT(names_holder(result_of(&report, 0), (pid_t)atol(text), "leaves_behind"));
    weir_pipeline_report_clear(&report);
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
    struct weir_pipeline_report report;
    char text[64];

    /* The next stage waits for an end of file that only the holder can give. */
    weir_pipeline_get(pipeline, &settings);
    settings.timeout_ms = 400;
    weir_pipeline_set(pipeline, &settings, NULL);
    add_command(pipeline, ARGV(child_path("leaves_behind"), STRAY));
    add_command(pipeline, ARGV("cat"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 124);
    CU_ASSERT(exited_with(result_of(&report, 0), 0));
    CU_ASSERT(atol(text) > 0 && is_gone((pid_t)atol(text)));
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void a_stage_in_a_session_of_its_own_is_ended(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_settings settings;
    struct weir_pipeline_report report;

    weir_pipeline_get(pipeline, &settings);
    settings.timeout_ms = 300;
    settings.grace_ms = 1000000;
    weir_pipeline_set(pipeline, &settings, NULL);
    add_command(pipeline, ARGV("sleep", "1000"));
    add_command(pipeline, ARGV("setsid", "sh", "-c", "sleep 1000; exit 3"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 124);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(result_of(&report, i)->end, WEIR_SIGNALED);
        CU_ASSERT_EQUAL(result_of(&report, i)->signal, SIGTERM);
    }
    weir_pipeline_report_clear(&report);
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

/* The first have said much before the last is started, and only then is it reported. */
static void nothing_is_reported_a_stage_before_its_start(void)
{
    struct weir_options options;
    struct order order = {0};
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_pipeline_report report;
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
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

/* --- 23: output files ---------------------------------------------------------- */

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
    const char *path = scratch_path("out");
    weir_pipeline_t *pipeline = pipeline_to(path);
    struct weir_pipeline_report report;
    struct stat file;

    write_file(path, "old\n");
    add_command(pipeline, ARGV("echo", "new"));
    add_command(pipeline, ARGV("sh", "-c", "cat; exit 1"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 1);
    CU_ASSERT(holds(path, "old\n"));
    weir_pipeline_report_clear(&report);
    pipeline = pipeline_to(path);
    add_command(pipeline, ARGV("weir-no-such-program"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT_EQUAL(report.status, 127);
    CU_ASSERT(holds(path, "old\n"));
    weir_pipeline_report_clear(&report);
    pipeline = pipeline_to(path);
    add_command(pipeline, ARGV("echo", "new"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    CU_ASSERT(holds(path, "new\n"));
    CU_ASSERT(stat(path, &file) == 0 && (file.st_mode & 07777) == 0640); /* its mode is kept */
    weir_pipeline_report_clear(&report);
    unlink(path);
    weir_close(weir);
}

static void a_full_disk_is_a_failure_and_never_a_short_file(void)
{
    const struct rlimit small = {100000, RLIM_INFINITY};
    weir_t *weir;
    struct weir_pipeline_settings settings;
    weir_pipeline_t *pipeline;
    struct weir_pipeline_report report = {0};
    struct weir_error error = {0};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    const char *path = scratch_path("out");
    struct rlimit before;

    write_file(path, "old\n");
    /* A stage meets it itself. */
    weir = open_weir();
    pipeline = quiet_pipeline();
    weir_pipeline_get(pipeline, &settings);
    settings.output = "/dev/full";
    weir_pipeline_set(pipeline, &settings, NULL);
    add_command(pipeline, ARGV("echo", "x"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(!report.ok);
    CU_ASSERT_EQUAL(report.status, 1);
    weir_pipeline_report_clear(&report);
    /* The relay of a metered stage meets it. */
    pipeline = pipeline_to(path);
    weir_pipeline_get(pipeline, &settings);
    settings.meter = 1;
    weir_pipeline_set(pipeline, &settings, NULL);
    add_command(pipeline, ARGV("head", "-c", "1000000", "/dev/zero"));
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
    struct weir_pipeline_report report;
    weir_pipeline_t *pipeline;

    snprintf(disk, sizeof disk, "%s/disk", scratch_dir());
    mkdir(disk, 0700);
    if (mount("weir-test", disk, "tmpfs", 0, "size=64k") == 0) {
        const char *path = scratch_path("disk/out");

        write_file(path, "old\n");
        pipeline = pipeline_to(path);
        add_command(pipeline, ARGV("head", "-c", "1000000", "/dev/zero"));
        add_command(pipeline, ARGV("cat"));
        report = run_pipeline(weir, pipeline);
        CU_ASSERT(!report.ok);
        CU_ASSERT_EQUAL(report.decided_by, 1);
        CU_ASSERT(holds(path, "old\n"));
        weir_pipeline_report_clear(&report);
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
    struct weir_pipeline_report report;
    char text[64];

    stage.meter = 1;
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("cat"));
    stage = stage_of(ARGV("wc", "-c"));
    stage.meter = 1;
    add_stage(pipeline, &stage);
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(atol(text), 5000000);
    CU_ASSERT_EQUAL(report.stages[0].bytes_out, 5000000);
    CU_ASSERT_EQUAL(report.stages[1].bytes_out, -1);
    CU_ASSERT_EQUAL(report.stages[2].bytes_out, 8);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void a_metered_producer_dies_of_its_readers_end_as_well(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("yes"));
    struct weir_pipeline_report report;

    stage.meter = 1;
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("head", "-1"));
    report = run_pipeline(weir, pipeline);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(result_of(&report, 0)->signal, SIGPIPE);
    CU_ASSERT(report.stages[0].forgiven);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void a_decoded_stage_speaks_utf_8(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV(child_path("writes_hex"), "c4", "e3bac3", "0a"));
    struct weir_pipeline_report report;
    char text[64];

    stage.charset = "gb18030";
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("cat"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_STRING_EQUAL(text, "\xe4\xbd\xa0\xe5\xa5\xbd\n");
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

static void a_slow_reader_slows_a_relay_and_nothing_piles_up(void)
{
    weir_t *weir = open_weir();
    weir_pipeline_t *pipeline = quiet_pipeline();
    struct weir_stage stage = stage_of(ARGV("head", "-c", "30000000", "/dev/zero"));
    struct weir_pipeline_report report;
    char text[64];

    stage.charset = "latin1"; /* no splice: the bytes pass through us */
    add_stage(pipeline, &stage);
    add_command(pipeline, ARGV("sh", "-c", "sleep 0.3; exec cat"));
    add_command(pipeline, ARGV("wc", "-c"));
    report = run_into(weir, pipeline, text, sizeof text);
    CU_ASSERT(report.ok);
    CU_ASSERT_EQUAL(atol(text), 30000000);
    weir_pipeline_report_clear(&report);
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a stage that floods stderr stops no other", a_stage_that_floods_stderr_stops_no_other},
        {"stderr goes where the settings say", stderr_goes_where_the_settings_say},
        {"a stage that closes stdout and lives is waited for",
         a_stage_that_closes_stdout_and_lives_is_waited_for},
        {"a holder of the pipe is named and ended", a_holder_of_the_pipe_is_named_and_ended},
        {"nothing is reported a stage before its start",
         nothing_is_reported_a_stage_before_its_start},
        {"a stage in a session of its own is ended", a_stage_in_a_session_of_its_own_is_ended},
        {"a holder of a kernel pipe yields to the deadline",
         a_holder_of_a_kernel_pipe_yields_to_the_deadline},
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
        CU_TEST_INFO_NULL,
    };

    return run_suite("pipe_output", tests);
}
