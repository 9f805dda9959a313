/* weir_map_run(): bytes, order, and readers that pause or leave, in bounded memory. */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "map/map.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

/* --- 28, 29: what goes in --------------------------------------------------- */

static void bytes_pass_as_they_are(void)
{
    static const char text[] =
        "18446744073709551615\n[1e400,0.1,-0,1E+2,0.10]\n{\"a\":1,\"a\":2,\"b\":3,\"a\":null}\n"
        "\"\\ud800\"\n\"\xe2\x82\xac \\u20ac \\/\"\n [ 1 ,\t2 ] \n123456789012345678901234567890\n"
        "\"\x7f\"\ntrue\nnull\n";
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(ARGV("cat"));
    struct mapped mapped = map_text(weir, &options, text);

    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is(&mapped, text));
    mapped_clear(&mapped);
    weir_close(weir);
}

static void line_ends_marks_and_blanks_are_not_the_workers_business(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(ARGV("cat"));
    struct mapped mapped = map_text(weir, &options,
                                    "\xef\xbb\xbf"
                                    "1\r\n\n   \r\n\"\xef\xbb\xbf\"\r\n\n3");

    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is(&mapped, "1\n\"\xef\xbb\xbf\"\n3\n"));
    CU_ASSERT_EQUAL(mapped.report.records, 3);
    CU_ASSERT_EQUAL(mapped.report.blank, 3);
    mapped_clear(&mapped);
    weir_close(weir);
}

static void an_empty_input_starts_no_worker(void)
{
    static const char *const texts[] = {"", "\n", "\n \r\n\n", "\xef\xbb\xbf"};
    weir_t *weir = open_weir();

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct weir_map_options options = map_options(ARGV("/nonexistent/worker"));
        struct mapped mapped = map_text(weir, &options, texts[i]);

        CU_ASSERT(ended_with(&mapped, 0));
        CU_ASSERT_EQUAL(mapped.out.length, 0);
        CU_ASSERT_EQUAL(mapped.report.worker_count, 0);
        mapped_clear(&mapped);
    }
    weir_close(weir);
}

static void a_record_of_17_megabytes_is_dead_and_one_of_16_is_not(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(ARGV("cat"));
    struct weir__buffer input = {0};
    struct mapped mapped;
    size_t length;

    options.on_error = WEIR_MAP_DEAD_LETTER;
    add_fill(&input, "1\n\"", 'x', 17 * MB, "\"\n");
    length = input.length;
    add_fill(&input, "\"", 'y', 16 * MB - 2, "\"\n4\n");
    mapped = map_buffer(weir, &options, &input);
    CU_ASSERT(ended_with(&mapped, 1));
    CU_ASSERT_EQUAL(mapped.report.oversize, 1);
    CU_ASSERT_EQUAL(mapped.report.answered, 3);
    CU_ASSERT_EQUAL(mapped.out.length, 2 + 16 * MB + 1 + 2);
    CU_ASSERT_EQUAL(count_lines(&mapped.letters), 1);
    CU_ASSERT(holds_text(&mapped.letters,
                         "{\"seq\":1,\"line\":2,\"offset\":2,\"reason\":\"oversize\","
                         "\"attempts\":0,"));
    CU_ASSERT(memmem(mapped.letters.bytes, mapped.letters.length, "record", 6) == NULL);
    CU_ASSERT(length > 17 * MB);
    mapped_clear(&mapped);
    weir_close(weir);
}

/* 1 GB on one line, from a file of holes: NUL bytes. */
static void a_gigabyte_without_a_newline_takes_bounded_memory(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(ARGV("cat"));
    struct weir_map_report report;
    int measured = memory_can_be_measured(), out = memory_file("", 0);

    options.input_fd = memory_file("", 0);
    options.output_fd = out;
    CU_ASSERT_EQUAL_FATAL(ftruncate(options.input_fd, GB), 0);
    CU_ASSERT_EQUAL_FATAL(weir_map_run(weir, &options, &report, NULL), 0);
    CU_ASSERT(!measured || peak_growth_kb() < 48L * KB);
    CU_ASSERT_EQUAL(report.status, 1);
    CU_ASSERT_EQUAL(report.oversize, 1);
    CU_ASSERT_EQUAL(report.bytes_in, GB);
    weir_map_report_clear(&report);
    close(options.input_fd);
    close(out);
    weir_close(weir);
}

/* --- 30: order, and readers that do not read --------------------------------- */

static void a_slow_first_record_holds_a_bounded_lot_back(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct running_map running;
    struct mapped mapped;

    mark(&options);
    options.reorder_bytes = 1 * MB;
    options.window_bytes = 64 * KB;
    add_much(&input, "{\"n\":0,\"do\":\"wait\"}\n", 20000);
    running = start_map_buffer(&options, &input);
    CU_ASSERT(await_map_settled(&running, 900));
    CU_ASSERT(dispatch_until(running.weir, map_takes_no_more, &running));
    open_gate();
    mapped = finish_map(&running);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT_EQUAL(mapped.report.answered, 20000);
    CU_ASSERT_EQUAL(strncmp(mapped.out.bytes, "{\"r\":0}\n{\"r\":1,", 15), 0);
    CU_ASSERT(mapped.report.reorder_peak_bytes >= 1 * MB);
    CU_ASSERT(mapped.report.reorder_peak_bytes < 1 * MB + 4 * 64 * KB);
    CU_ASSERT(mapped.report.reorder_stall_ns > 0);
    check_accounts(&mapped);
    mapped_clear(&mapped);
}

/* Replies far longer than their records count for the window too. */
static void long_replies_to_short_records_are_held_within_the_bound(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct mapped mapped;

    options.reorder_bytes = 4 * MB;
    add(&input, "{\"n\":0,\"do\":\"slow\",\"x\":1500}\n");
    for (long n = 1; n < 300; n++)
        add(&input, "{\"n\":%ld,\"do\":\"big\",\"x\":200000}\n", n);
    mapped = map_buffer(weir, &options, &input);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT_EQUAL(mapped.report.answered, 300);
    CU_ASSERT(mapped.report.reorder_peak_bytes < 4 * MB + 2 * MB);
    mapped_clear(&mapped);
    weir_close(weir);
}

/* The first record is let go by the last one. */
static void out_of_order_a_slow_first_record_holds_nothing_back(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct mapped mapped;

    mark(&options);
    options.unordered = 1;
    options.reorder_bytes = 64 * KB;
    add(&input, "{\"n\":0,\"do\":\"wait\"}\n");
    add_plain(&input, 1, 30000);
    add(&input, "{\"n\":30001,\"do\":\"open\"}\n");
    mapped = map_buffer(weir, &options, &input);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT_EQUAL(mapped.report.answered, 30002);
    CU_ASSERT_EQUAL(strncmp(mapped.out.bytes, "{\"r\":1}\n", 8), 0);
    CU_ASSERT(holds_text(&mapped.out, "{\"r\":0}\n"));
    mapped_clear(&mapped);
    weir_close(weir);
}

/* However much the first may have in flight: it must not wait behind the first. */
static void a_record_goes_to_a_worker_that_has_nothing_to_do(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct mapped mapped = {0};
    weir_map_t *map;
    int in[2], out = memory_file("", 0);

    mark(&options);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(in, NULL), 0);
    options.workers = 2;
    options.input_fd = in[FD_READ_END];
    options.output_fd = out;
    map = weir_map_start(weir, &options, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    dprintf(in[FD_WRITE_END], "{\"n\":0,\"do\":\"wait\"}\n");
    dispatch_for(weir, 100);
    dprintf(in[FD_WRITE_END], "{\"n\":1,\"do\":\"open\"}\n");
    close(in[FD_WRITE_END]);
    CU_ASSERT_EQUAL(weir_map_wait(map, &mapped.report, NULL), 0);
    weir_map_free(map);
    read_back(out, &mapped.out);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 2));
    mapped_clear(&mapped);
    close(in[FD_READ_END]);
    close(out);
    weir_close(weir);
}

/* A reply and more input are reported together.  At the reply the input is read; then comes the
 * news of it, which is old. */
static void news_of_input_that_was_read_meanwhile_is_not_waited_for(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct mapped mapped = {0};
    weir_map_t *map;
    int in[2], out = memory_file("", 0);

    CU_ASSERT_EQUAL_FATAL(weir__pipe(in, NULL), 0);
    options.workers = 1;
    options.input_fd = in[FD_READ_END];
    options.output_fd = out;
    map = weir_map_start(weir, &options, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    dprintf(in[FD_WRITE_END], "{\"n\":0}\n");
    dispatch_for(weir, 100); /* there is a worker, and the input is watched */
    dprintf(in[FD_WRITE_END], "{\"n\":1}\n");
    alarm(PATIENCE_MS / 1000);
    for (int n = 2; n < 50; n++) { /* a timer may read the input first, and spoil it */
        weir_dispatch(weir, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(map->workers.first);
        CU_ASSERT(map->workers.first->inflight.count == 0
                  || await_readable(map->workers.first->process.out_fd));
        dprintf(in[FD_WRITE_END], "{\"n\":%d}\n", n);
    }
    alarm(SUITE_DEADLINE_S);
    close(in[FD_WRITE_END]);
    CU_ASSERT_EQUAL(weir_map_wait(map, &mapped.report, NULL), 0);
    weir_map_free(map);
    read_back(out, &mapped.out);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 50));
    mapped_clear(&mapped);
    close(in[FD_READ_END]);
    close(out);
    weir_close(weir);
}

/* Longer than a worker may take for a record, and than its pipes are held for. */
static void a_reader_that_pauses_pauses_the_workers(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct running_map running;
    struct weir_map_progress progress;
    struct mapped mapped;
    int measured;

    options.unordered = 1; /* else what waits for its turn is settled, too */
    options.record_timeout_ms = 1000;
    add_much(&input, "{\"n\":0}\n", 100000); /* 100 MB come out */
    running = start_map_buffer(&options, &input);
    measured = memory_can_be_measured();
    CU_ASSERT(await_map_settled(&running, HELD));
    CU_ASSERT(dispatch_until(running.weir, map_takes_no_more, &running));
    dispatch_for(running.weir, 2500);
    CU_ASSERT(!measured || peak_growth_kb() < 16L * KB);
    weir_map_look(running.map, &progress);
    CU_ASSERT(progress.settled < 1000);
    mapped = finish_map(&running);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT_EQUAL(mapped.report.answered, 100000);
    CU_ASSERT_EQUAL(mapped.report.timeouts + mapped.report.crashes, 0);
    check_accounts(&mapped);
    mapped_clear(&mapped);
}

/* The workers have written their last and left, and nobody has read it yet. */
static void replies_of_workers_that_have_left_are_kept_for_a_paused_reader(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct running_map running;
    struct mapped mapped;

    options.window_bytes = 16 * KB;
    add_much(&input, "{\"n\":0}\n", 394);
    running = start_map_buffer(&options, &input);
    CU_ASSERT(await_map_settled(&running, HELD));
    dispatch_for(running.weir, 2500);
    mapped = finish_map(&running);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT_EQUAL(mapped.report.answered, 394);
    CU_ASSERT_EQUAL(mapped.report.redelivered, 0);
    check_accounts(&mapped);
    mapped_clear(&mapped);
}

/* Always something to write, and never all of it at once. */
static void a_slow_reader_and_a_slow_worker_take_bounded_memory(void)
{
    struct weir_map_options options = map_options(ARGV("cat"));
    struct weir__buffer input = {0};
    struct running_map running;
    struct mapped mapped;
    int measured;

    options.workers = 1;
    for (long n = 0; n < 400; n++)
        add_fill(&input, "\"", 'z', 100 * KB, "\"\n");
    running = start_map_buffer(&options, &input);
    measured = memory_can_be_measured();
    mapped = finish_map(&running);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT_EQUAL(mapped.out.length, 400 * (100 * KB + 3));
    CU_ASSERT(!measured || peak_growth_kb() < (long)(mapped.out.capacity / KB) + 12 * KB);
    mapped_clear(&mapped);
}

static int has_written(void *data)
{
    const struct running_map *running = data;
    struct pollfd out = {.fd = running->out[FD_READ_END], .events = POLLIN};

    return poll(&out, 1, 0) > 0;
}

static void a_reader_that_leaves_ends_the_run(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct weir_map_report report;
    struct running_map running;
    char first[8];

    add_much(&input, "{\"n\":0}\n", 100000);
    running = start_map_buffer(&options, &input);
    CU_ASSERT(dispatch_until(running.weir, has_written, &running));
    CU_ASSERT_EQUAL(read(running.out[FD_READ_END], first, 8), 8);
    close(running.out[FD_READ_END]);
    CU_ASSERT_EQUAL_FATAL(weir_map_wait(running.map, &report, NULL), 0);
    CU_ASSERT_EQUAL(memcmp(first, "{\"r\":0}\n", 8), 0);
    CU_ASSERT_EQUAL(report.status, 141);
    CU_ASSERT_EQUAL(report.records,
                    report.answered + report.dropped + report.dead + report.unsettled);
    weir_map_report_clear(&report);
    weir_map_free(running.map);
    CU_ASSERT_EQUAL(find_marked(test_marker(), "map_worker"), 0);
    weir_close(running.weir);
}

static void a_reader_of_stderr_that_pauses_takes_bounded_memory(void)
{
    static const char text[] = "{\"n\":0,\"do\":\"chatter\",\"x\":30000000}\n";
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct running_map running;
    struct mapped mapped;
    int err[2], measured;
    uint64_t said = 0;
    char chunk[64 * KB];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(err, NULL), 0);
    options.stderr_fd = err[FD_WRITE_END];
    running = start_map(&options, text, strlen(text));
    measured = memory_can_be_measured();
    close(err[FD_WRITE_END]);
    dispatch_for(running.weir, 500);
    CU_ASSERT(!measured || peak_growth_kb() < 4L * KB);
    fcntl(err[FD_READ_END], F_SETFL, O_NONBLOCK);
    while (said < 30000000) {
        ssize_t count = read(err[FD_READ_END], chunk, sizeof chunk);

        said += count > 0 ? (uint64_t)count : 0;
        CU_ASSERT_FATAL(count != 0);
        weir_dispatch(running.weir, NULL);
    }
    mapped = finish_map(&running);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 1));
    mapped_clear(&mapped);
    close(err[FD_READ_END]);
}

int main(void)
{
    static CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(bytes_pass_as_they_are),
        TEST(line_ends_marks_and_blanks_are_not_the_workers_business),
        TEST(an_empty_input_starts_no_worker),
        TEST(a_record_of_17_megabytes_is_dead_and_one_of_16_is_not),
        TEST(a_gigabyte_without_a_newline_takes_bounded_memory),
        TEST(a_slow_first_record_holds_a_bounded_lot_back),
        TEST(long_replies_to_short_records_are_held_within_the_bound),
        TEST(out_of_order_a_slow_first_record_holds_nothing_back),
        TEST(a_record_goes_to_a_worker_that_has_nothing_to_do),
        TEST(news_of_input_that_was_read_meanwhile_is_not_waited_for),
        TEST(a_reader_that_pauses_pauses_the_workers),
        TEST(replies_of_workers_that_have_left_are_kept_for_a_paused_reader),
        TEST(a_slow_reader_and_a_slow_worker_take_bounded_memory),
        TEST(a_reader_that_leaves_ends_the_run),
        TEST(a_reader_of_stderr_that_pauses_takes_bounded_memory),
        CU_TEST_INFO_NULL,
    };

    return run_suite("map_flow", tests);
}
