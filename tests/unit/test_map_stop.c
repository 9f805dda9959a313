/* weir_map_run(): files that fail, and how a run is stopped. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

/* --- Files that fail ---------------------------------------------------------- */

static void a_full_disk_is_our_own_failure(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir_map_report report;

    options.output_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    options.input_fd = memory_file("{\"n\":0}\n{\"n\":1}\n", 16);
    CU_ASSERT_EQUAL_FATAL(weir_map_run(weir, &options, &report, NULL), 0);
    CU_ASSERT_EQUAL(report.status, 5);
    CU_ASSERT(strstr(report.reason, strerror(ENOSPC)) != NULL);
    weir_map_report_clear(&report);
    close(options.input_fd);
    close(options.output_fd);
    weir_close(weir);
}

static void dead_letters_that_cannot_be_written_are_our_own_failure(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir_map_report report;

    options.on_error = WEIR_MAP_DEAD_LETTER;
    options.dead_letter = "/dev/full";
    options.output_fd = memory_file("", 0);
    options.input_fd = memory_file("{\"n\":0}\n{oops\n{\"n\":1}\n", 22);
    CU_ASSERT_EQUAL_FATAL(weir_map_run(weir, &options, &report, NULL), 0);
    CU_ASSERT_EQUAL(report.status, 5);
    CU_ASSERT(strstr(report.reason, "/dev/full") != NULL);
    weir_map_report_clear(&report);
    close(options.input_fd);
    close(options.output_fd);
    weir_close(weir);
}

static void an_output_file_is_whole_or_as_it_was(void)
{
    char path[] = "/tmp/weir-test-map-out-XXXXXX";
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir_map_report report;
    struct weir__buffer there = {0};
    int fd = mkstemp(path);

    CU_ASSERT_FATAL(fd >= 0 && write(fd, "old\n", 4) == 4);
    options.output = path;
    for (int good = 0; good <= 1; good++) {
        options.on_error = good ? WEIR_MAP_SKIP : WEIR_MAP_FAIL;
        options.input_fd = memory_file("{\"n\":0}\n{oops\n{\"n\":1}\n", 22);
        CU_ASSERT_EQUAL_FATAL(weir_map_run(weir, &options, &report, NULL), 0);
        CU_ASSERT_EQUAL(report.status, good ? 1 : 3);
        weir_map_report_clear(&report);
        close(options.input_fd);
        close(fd);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        there.length = 0;
        read_back(fd, &there);
        CU_ASSERT_STRING_EQUAL(there.bytes, good ? "{\"r\":0}\n{\"r\":1}\n" : "old\n");
    }
    close(fd);
    unlink(path);
    weir__buffer_clear(&there);
    weir_close(weir);
}

/* --- Being stopped --------------------------------------------------------------- */

static void cancelled_once_it_waits_for_the_replies_under_way(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct running_map running;
    struct mapped mapped;

    mark(&options);
    options.workers = 1;
    options.window = 10;
    add_plain(&input, 0, 100);
    add(&input, "{\"n\":100,\"do\":\"wait\"}\n");
    add_plain(&input, 101, 100000);
    running = start_map_buffer(&options, &input);
    CU_ASSERT(await_map_settled(&running, 100));
    weir_map_cancel(running.map, SIGTERM);
    dispatch_for(running.weir, 50);
    open_gate();
    mapped = finish_map(&running);
    CU_ASSERT(ended_with(&mapped, 143));
    CU_ASSERT_EQUAL(mapped.report.why, WEIR_STOP_CANCELLED);
    CU_ASSERT(mapped.report.answered >= 101 && mapped.report.answered <= 120);
    CU_ASSERT(mapped.report.unsettled <= 1);
    CU_ASSERT(out_is_replies(&mapped, 0, (long)mapped.report.answered));
    check_accounts(&mapped);
    mapped_clear(&mapped);
}

/* A worker that heeds nothing, and a grace nobody would wait for. */
static void cancelled_twice_it_leaves_at_once(void)
{
    static const char text[] = "{\"n\":0}\n{\"n\":1,\"do\":\"wait\"}\n";
    struct weir_map_options options =
        map_options(ARGV("sh", "-c", "trap '' TERM; exec \"$0\"", child_path("map_worker")));
    int64_t begin_ns = weir__clock_ns();
    struct running_map running;
    struct mapped mapped;

    mark(&options);
    options.grace_ms = 600000;
    running = start_map(&options, text, strlen(text));
    CU_ASSERT(await_map_settled(&running, 1));
    weir_map_cancel(running.map, SIGINT);
    dispatch_for(running.weir, 50);
    weir_map_cancel(running.map, SIGINT);
    mapped = finish_map(&running);
    CU_ASSERT(ended_with(&mapped, 130));
    CU_ASSERT_EQUAL(mapped.report.unsettled, 1);
    CU_ASSERT(out_is_replies(&mapped, 0, 1));
    CU_ASSERT(weir__clock_ns() - begin_ns < (int64_t)PATIENCE_MS * 1000000);
    mapped_clear(&mapped);
}

static void cancelled_twice_it_leaves_a_paused_reader_too(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct weir_map_report report;
    struct running_map running;

    add_much(&input, "{\"n\":0}\n", 10000);
    running = start_map_buffer(&options, &input);
    CU_ASSERT(await_map_settled(&running, HELD));
    weir_map_cancel(running.map, SIGTERM);
    weir_map_cancel(running.map, SIGTERM);
    CU_ASSERT_EQUAL_FATAL(weir_map_wait(running.map, &report, NULL), 0);
    CU_ASSERT_EQUAL(report.status, 143);
    weir_map_report_clear(&report);
    weir_map_free(running.map);
    close(running.out[FD_READ_END]);
    weir_close(running.weir);
}

static void the_deadline_holds(void)
{
    static const char *const actions[] = {"stall", "stay", "wait"};

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        struct weir_map_options options = map_options(map_worker(NULL, NULL));
        struct weir__buffer input = {0};
        weir_t *weir = open_weir();
        struct mapped mapped;

        mark(&options);
        options.timeout_ms = 500;
        add(&input, "{\"n\":0}\n{\"n\":1,\"do\":\"%s\"}\n", actions[i]);
        mapped = map_buffer(weir, &options, &input);
        CU_ASSERT(ended_with(&mapped, 124));
        CU_ASSERT_EQUAL(mapped.report.why, WEIR_STOP_TIMEOUT);
        CU_ASSERT_EQUAL(mapped.report.dead, 0);
        CU_ASSERT(out_is_replies(&mapped, 0, 1));
        CU_ASSERT(mapped.report.wall_ns >= INT64_C(500000000));
        mapped_clear(&mapped);
        weir_close(weir);
    }
}

/* Its name is there, and nobody has opened it: deadlines hold, and it may yet come. */
static void a_fifo_without_a_writer_is_waited_for_like_any_input(void)
{
    char path[] = "/tmp/weir-test-map-fifo-XXXXXX";
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    int made = mkstemp(path), out = memory_file("", 0);
    struct mapped mapped = {0};
    weir_t *weir = open_weir();
    weir_map_t *map;
    int writer;

    close(made);
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    options.input = path;
    options.output_fd = out;
    options.timeout_ms = 200;
    CU_ASSERT_EQUAL_FATAL(weir_map_run(weir, &options, &mapped.report, NULL), 0);
    CU_ASSERT(ended_with(&mapped, 124));
    weir_map_report_clear(&mapped.report);
    options.timeout_ms = WEIR_FOREVER;
    map = weir_map_start(weir, &options, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    dispatch_for(weir, 50);
    writer = open(path, O_WRONLY | O_CLOEXEC);
    dprintf(writer, "{\"n\":0}\n{\"n\":1}\n");
    close(writer);
    CU_ASSERT_EQUAL(weir_map_wait(map, &mapped.report, NULL), 0);
    weir_map_free(map);
    read_back(out, &mapped.out);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 2));
    mapped_clear(&mapped);
    unlink(path);
    close(out);
    weir_close(weir);
}

static void the_deadline_holds_for_a_run_that_drains(void)
{
    static const char text[] = "{\"n\":0}\n{\"n\":1,\"do\":\"stall\"}\n";
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct running_map running;
    struct mapped mapped;

    options.timeout_ms = 1000;
    running = start_map(&options, text, strlen(text));
    CU_ASSERT(await_map_settled(&running, 1));
    weir_map_cancel(running.map, SIGTERM);
    mapped = finish_map(&running);
    CU_ASSERT(ended_with(&mapped, 143));
    CU_ASSERT_EQUAL(mapped.report.unsettled, 1);
    mapped_clear(&mapped);
}

static void a_map_that_is_freed_leaves_nobody(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct running_map running;

    add_much(&input, "{\"n\":0}\n", 10000);
    running = start_map_buffer(&options, &input);
    CU_ASSERT(await_map_settled(&running, 10));
    weir_map_free(running.map);
    for (pid_t pid; (pid = find_marked(test_marker(), "map_worker")) > 0;)
        CU_ASSERT_FATAL(await_end(pid));
    weir_close(running.weir);
    close(running.out[FD_READ_END]);
}

static void a_context_that_is_closed_ends_its_maps(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct running_map running = start_map(&options, "{\"n\":0,\"do\":\"stall\"}\n", 21);

    dispatch_for(running.weir, 100);
    weir_close(running.weir);
    close(running.out[FD_READ_END]);
}

/* What is left of it a leak checker would see. */
static void a_context_that_is_closed_frees_a_map_that_is_over(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct running_map running = start_map(&options, "{\"n\":0}\n", 8);
    struct weir_map_report report = {0};

    CU_ASSERT_EQUAL(weir_map_wait(running.map, &report, NULL), 0);
    CU_ASSERT_EQUAL(report.answered, 1);
    weir_map_report_clear(&report);
    weir_close(running.weir);
    close(running.out[FD_READ_END]);
}

int main(void)
{
    static CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(a_full_disk_is_our_own_failure),
        TEST(dead_letters_that_cannot_be_written_are_our_own_failure),
        TEST(an_output_file_is_whole_or_as_it_was),
        TEST(cancelled_once_it_waits_for_the_replies_under_way),
        TEST(cancelled_twice_it_leaves_at_once),
        TEST(cancelled_twice_it_leaves_a_paused_reader_too),
        TEST(the_deadline_holds),
        TEST(a_fifo_without_a_writer_is_waited_for_like_any_input),
        TEST(the_deadline_holds_for_a_run_that_drains),
        TEST(a_map_that_is_freed_leaves_nobody),
        TEST(a_context_that_is_closed_ends_its_maps),
        TEST(a_context_that_is_closed_frees_a_map_that_is_over),
        CU_TEST_INFO_NULL,
    };

    return run_suite("map_stop", tests);
}
