/* weir_map_run(): what flows through it.  Bytes that stay as they are, readers that
 * pause or leave, memory that has an end, and how a run is stopped. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "map/map.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

enum { KB = 1024, MB = 1024 * 1024, GB = 1024 * 1024 * 1024 };

/* Replies of 1,000 bytes that a map takes while nobody reads it: 256 KiB of its own. */
enum { HELD = 250 };

/* A map that runs while the test does something else. */
struct running {
    weir_t *weir;
    weir_map_t *map;
    int out[2]; /* a pipe, or a file in memory at both */
    uint64_t wanted; /* for has_settled() */
};

static struct running start(const struct weir_map_options *given, const char *bytes, size_t length)
{
    struct running running = {.weir = open_weir()};
    struct weir_map_options options = *given;
    struct weir_error error = {0};

    CU_ASSERT_EQUAL_FATAL(weir__pipe(running.out, NULL), 0);
    options.input_fd = memory_file(bytes, length);
    options.output_fd = running.out[FD_WRITE_END];
    running.map = weir_map_start(running.weir, &options, NULL, NULL, &error);
    if (running.map == NULL)
        printf("# %s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(running.map);
    close(options.input_fd);
    close(running.out[FD_WRITE_END]);
    return running;
}

static struct running start_buffer(const struct weir_map_options *options,
                                   struct weir__buffer *input)
{
    struct running running = start(options, input->bytes, input->length);

    weir__buffer_clear(input);
    return running;
}

static int has_settled(void *data)
{
    const struct running *running = data;
    struct weir_map_progress progress;

    weir_map_look(running->map, &progress);
    return progress.settled >= running->wanted;
}

static int await_settled(struct running *running, uint64_t count)
{
    running->wanted = count;
    return dispatch_until(running->weir, has_settled, running);
}

static int takes_no_more(void *data)
{
    struct running *running = data;
    struct weir_map_progress before, after;

    weir_map_look(running->map, &before);
    dispatch_for(running->weir, 100);
    weir_map_look(running->map, &after);
    return after.settled == before.settled && after.records == before.records;
}

/* Reads what comes until the end of the output, then ends the run. */
static struct mapped finish(struct running *running)
{
    struct mapped mapped = {0};
    int flags = fcntl(running->out[FD_READ_END], F_GETFL);
    ssize_t count = 1;

    fcntl(running->out[FD_READ_END], F_SETFL, flags | O_NONBLOCK);
    while (count != 0) {
        weir_dispatch(running->weir, NULL);
        CU_ASSERT_EQUAL_FATAL(weir__buffer_reserve(&mapped.out, 64 * KB + 1, NULL), 0);
        count = read(running->out[FD_READ_END], mapped.out.bytes + mapped.out.length, 64 * KB);
        if (count > 0) {
            mapped.out.length += (size_t)count;
        } else if (count < 0) {
            struct pollfd due[2] = {{.fd = running->out[FD_READ_END], .events = POLLIN},
                                    {.fd = weir_fd(running->weir), .events = POLLIN}};

            poll(due, 2, weir_timeout_ms(running->weir));
        }
    }
    mapped.out.bytes[mapped.out.length] = '\0';
    mapped.status = weir_map_wait(running->map, &mapped.report, &mapped.error);
    CU_ASSERT_EQUAL(mapped.status, 0);
    weir_map_free(running->map);
    close(running->out[FD_READ_END]);
    weir_close(running->weir);
    remove_marks();
    return mapped;
}

static void add_fill(struct weir__buffer *to, const char *begin, char fill, size_t length,
                     const char *end)
{
    add(to, "%s", begin);
    CU_ASSERT_EQUAL_FATAL(weir__buffer_reserve(to, length, NULL), 0);
    memset(to->bytes + to->length, fill, length);
    to->length += length;
    add(to, "%s", end);
}

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
    struct mapped mapped =
        map_text(weir, &options, "\xef\xbb\xbf" "1\r\n\n   \r\n\"\xef\xbb\xbf\"\r\n\n3");

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

/* Enough records of about 100 bytes that none of it fits anywhere. */
static void add_much(struct weir__buffer *input, const char *first, long count)
{
    add(input, "%s", first);
    for (long n = 1; n < count; n++)
        add(input, "{\"n\":%ld,\"do\":\"big\",\"x\":1000}\n", n);
}

static void a_slow_first_record_holds_a_bounded_lot_back(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct running running;
    struct mapped mapped;

    mark(&options);
    options.reorder_bytes = 1 * MB;
    options.window_bytes = 64 * KB;
    add_much(&input, "{\"n\":0,\"do\":\"wait\"}\n", 20000);
    running = start_buffer(&options, &input);
    CU_ASSERT(await_settled(&running, 900));
    CU_ASSERT(dispatch_until(running.weir, takes_no_more, &running));
    open_gate();
    mapped = finish(&running);
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

/* A reply and more input are told of together.  At the reply the input is read; then comes the
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
        CU_ASSERT_PTR_NOT_NULL_FATAL(map->lanes.first);
        CU_ASSERT(map->lanes.first->flight.count == 0
                  || await_readable(map->lanes.first->worker.out_fd));
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
    struct running running;
    struct weir_map_progress progress;
    struct mapped mapped;
    int measured;

    options.record_timeout_ms = 1000;
    add_much(&input, "{\"n\":0}\n", 100000); /* 100 MB come out */
    running = start_buffer(&options, &input);
    measured = memory_can_be_measured();
    CU_ASSERT(await_settled(&running, HELD));
    CU_ASSERT(dispatch_until(running.weir, takes_no_more, &running));
    dispatch_for(running.weir, 2500);
    CU_ASSERT(!measured || peak_growth_kb() < 16L * KB);
    weir_map_look(running.map, &progress);
    CU_ASSERT(progress.settled < 1000);
    mapped = finish(&running);
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
    struct running running;
    struct mapped mapped;

    options.window_bytes = 16 * KB;
    add_much(&input, "{\"n\":0}\n", 394);
    running = start_buffer(&options, &input);
    CU_ASSERT(await_settled(&running, HELD));
    dispatch_for(running.weir, 2500);
    mapped = finish(&running);
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
    struct running running;
    struct mapped mapped;
    int measured;

    options.workers = 1;
    for (long n = 0; n < 400; n++)
        add_fill(&input, "\"", 'z', 100 * KB, "\"\n");
    running = start_buffer(&options, &input);
    measured = memory_can_be_measured();
    mapped = finish(&running);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT_EQUAL(mapped.out.length, 400 * (100 * KB + 3));
    CU_ASSERT(!measured || peak_growth_kb() < (long)(mapped.out.capacity / KB) + 12 * KB);
    mapped_clear(&mapped);
}

static int has_written(void *data)
{
    const struct running *running = data;
    struct pollfd out = {.fd = running->out[FD_READ_END], .events = POLLIN};

    return poll(&out, 1, 0) > 0;
}

static void a_reader_that_leaves_ends_the_run(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct weir_map_report report;
    struct running running;
    char first[8];

    add_much(&input, "{\"n\":0}\n", 100000);
    running = start_buffer(&options, &input);
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
    struct running running;
    struct mapped mapped;
    int err[2], measured;
    uint64_t said = 0;
    char chunk[64 * KB];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(err, NULL), 0);
    options.stderr_fd = err[FD_WRITE_END];
    running = start(&options, text, strlen(text));
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
    mapped = finish(&running);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 1));
    mapped_clear(&mapped);
    close(err[FD_READ_END]);
}

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
    struct running running;
    struct mapped mapped;

    mark(&options);
    options.workers = 1;
    options.window = 10;
    add_plain(&input, 0, 100);
    add(&input, "{\"n\":100,\"do\":\"wait\"}\n");
    add_plain(&input, 101, 100000);
    running = start_buffer(&options, &input);
    CU_ASSERT(await_settled(&running, 100));
    weir_map_cancel(running.map, SIGTERM);
    dispatch_for(running.weir, 50);
    open_gate();
    mapped = finish(&running);
    CU_ASSERT(ended_with(&mapped, 143));
    CU_ASSERT_EQUAL(mapped.report.why, WEIR_WHY_CANCELLED);
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
    struct running running;
    struct mapped mapped;

    mark(&options);
    options.grace_ms = 600000;
    running = start(&options, text, strlen(text));
    CU_ASSERT(await_settled(&running, 1));
    weir_map_cancel(running.map, SIGINT);
    dispatch_for(running.weir, 50);
    weir_map_cancel(running.map, SIGINT);
    mapped = finish(&running);
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
    struct running running;

    add_much(&input, "{\"n\":0}\n", 10000);
    running = start_buffer(&options, &input);
    CU_ASSERT(await_settled(&running, HELD));
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
        CU_ASSERT_EQUAL(mapped.report.why, WEIR_WHY_TIMEOUT);
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
    struct running running;
    struct mapped mapped;

    options.timeout_ms = 1000;
    running = start(&options, text, strlen(text));
    CU_ASSERT(await_settled(&running, 1));
    weir_map_cancel(running.map, SIGTERM);
    mapped = finish(&running);
    CU_ASSERT(ended_with(&mapped, 143));
    CU_ASSERT_EQUAL(mapped.report.unsettled, 1);
    mapped_clear(&mapped);
}

static void a_map_that_is_freed_leaves_nobody(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct running running;

    add_much(&input, "{\"n\":0}\n", 10000);
    running = start_buffer(&options, &input);
    CU_ASSERT(await_settled(&running, 10));
    weir_map_free(running.map);
    for (pid_t pid; (pid = find_marked(test_marker(), "map_worker")) > 0;)
        CU_ASSERT_FATAL(await_end(pid));
    weir_close(running.weir);
    close(running.out[FD_READ_END]);
}

static void a_context_that_is_closed_ends_its_maps(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct running running = start(&options, "{\"n\":0,\"do\":\"stall\"}\n", 21);

    dispatch_for(running.weir, 100);
    weir_close(running.weir);
    close(running.out[FD_READ_END]);
}

/* What is left of it a leak checker would see. */
static void a_context_that_is_closed_frees_a_map_that_is_over(void)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct running running = start(&options, "{\"n\":0}\n", 8);
    struct weir_map_report report = {0};

    CU_ASSERT_EQUAL(weir_map_wait(running.map, &report, NULL), 0);
    CU_ASSERT_EQUAL(report.answered, 1);
    weir_map_report_clear(&report);
    weir_close(running.weir);
    close(running.out[FD_READ_END]);
}

int main(void)
{
    CU_TestInfo tests[] = {
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

    return run_suite("map_flow", tests);
}
