/* weir_map_run(): workers that die, lie, stall and chatter.  The outcome of each
 * record, and that none dies for its neighbour. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

/* A record that does something other than to answer. */
struct odd {
    long n;
    const char *action;
    long x;
};

/* count records, of which some are odd; their list ends with an action of NULL. */
static void add_records(struct weir__buffer *to, long count, const struct odd *odds)
{
    for (long n = 0; n < count; n++) {
        const struct odd *odd = odds;

        while (odd->action != NULL && odd->n != n)
            odd++;
        if (odd->action != NULL)
            add(to, "{\"n\":%ld,\"do\":\"%s\",\"x\":%ld}\n", n, odd->action, odd->x);
        else
            add_plain(to, n, 1);
    }
}

static struct mapped map_odds(weir_t *weir, const struct weir_map_options *options, long count,
                              const struct odd *odds)
{
    struct weir__buffer input = {0};

    add_records(&input, count, odds);
    return map_buffer(weir, options, &input);
}

#define ODDS(...)                                                                                  \
    (const struct odd[])                                                                           \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .action = NULL                                                                         \
        }                                                                                          \
    }

/* Whether the output is all replies but those of the odd ones, in order. */
static int all_but(const struct mapped *mapped, long count, const struct odd *odds)
{
    struct weir__buffer wanted = {0};
    int same;

    for (long n = 0; n < count; n++) {
        const struct odd *odd = odds;

        while (odd->action != NULL && odd->n != n)
            odd++;
        if (odd->action == NULL)
            add_replies(&wanted, n, 1);
    }
    add(&wanted, "%c", '\0');
    same = out_is(mapped, wanted.bytes);
    weir__buffer_clear(&wanted);
    return same;
}

static json_t *letter(const struct mapped *mapped, size_t index)
{
    const char *line = mapped->letters.bytes, *end;
    json_t *object;

    for (; index > 0 && line != NULL; index--) {
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    CU_ASSERT_FATAL(line != NULL && (end = strchr(line, '\n')) != NULL);
    object = json_loadb(line, (size_t)(strchr(line, '\n') - line), 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    return object;
}

static long letter_number(const struct mapped *mapped, size_t index, const char *key)
{
    json_t *object = letter(mapped, index), *value = json_object_get(object, key);
    long number = json_is_integer(value) ? (long)json_integer_value(value) : -1;

    json_decref(object);
    return number;
}

static int letter_says(const struct mapped *mapped, size_t index, const char *key, const char *text)
{
    json_t *object = letter(mapped, index);
    const char *value = json_string_value(json_object_get(object, key));
    int same = value != NULL && strcmp(value, text) == 0;

    if (!same)
        printf("# %s is %s, not %s\n", key, value != NULL ? value : "no text", text);
    json_decref(object);
    return same;
}

/* --- 24: records that kill ------------------------------------------------- */

static void check_poison(weir_t *weir, const struct weir_map_options *options, long count,
                         const struct odd *odds, const char *reason)
{
    struct mapped mapped = map_odds(weir, options, count, odds);
    size_t dead = 0;

    CU_ASSERT(ended_with(&mapped, 1));
    CU_ASSERT(all_but(&mapped, count, odds));
    for (; odds[dead].action != NULL; dead++) {
        if (options->on_error != WEIR_MAP_DEAD_LETTER)
            continue;
        CU_ASSERT_EQUAL(letter_number(&mapped, dead, "seq"), odds[dead].n);
        CU_ASSERT_EQUAL(letter_number(&mapped, dead, "line"), odds[dead].n + 1);
        CU_ASSERT_EQUAL(letter_number(&mapped, dead, "attempts"), (long)options->retries + 1);
        CU_ASSERT(letter_says(&mapped, dead, "reason", reason));
    }
    CU_ASSERT_EQUAL(mapped.report.dead, dead);
    CU_ASSERT_EQUAL(mapped.report.answered, (uint64_t)count - dead);
    if (options->on_error == WEIR_MAP_DEAD_LETTER)
        CU_ASSERT_EQUAL(count_lines(&mapped.letters), dead);
    mapped_clear(&mapped);
}

static void a_poison_record_alone_is_dead(void)
{
    weir_t *weir = open_weir();

    for (unsigned workers = 1; workers <= 4; workers += 3) {
        for (long n = 0; n < 300; n += 149) {
            struct weir_map_options options = map_options(map_worker(NULL, NULL));

            options.workers = workers;
            options.on_error = n != 149 ? WEIR_MAP_DEAD_LETTER : WEIR_MAP_SKIP;
            check_poison(weir, &options, 299, ODDS({n, "die", 0}), "crash");
        }
    }
    weir_close(weir);
}

static void a_dead_letter_tells_all_there_is_to_know(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct mapped mapped;

    options.on_error = WEIR_MAP_DEAD_LETTER;
    mapped = map_text(weir, &options,
                      "{\"n\":0}\n\n{\"n\":1,\"do\":\"exit\",\"x\":9}\n{\"n\":2,\"do\":\"die\"}\n"
                      "{oops\n\"\xff\"\n{\"n\":3}\n");
    CU_ASSERT(ended_with(&mapped, 1));
    CU_ASSERT(out_is(&mapped, "{\"r\":0}\n{\"r\":3}\n"));
    CU_ASSERT_EQUAL_FATAL(count_lines(&mapped.letters), 4);
    CU_ASSERT_EQUAL(letter_number(&mapped, 0, "seq"), 1);
    CU_ASSERT_EQUAL(letter_number(&mapped, 0, "line"), 3);
    CU_ASSERT_EQUAL(letter_number(&mapped, 0, "offset"), 9);
    CU_ASSERT_EQUAL(letter_number(&mapped, 0, "attempts"), 3);
    CU_ASSERT_EQUAL(letter_number(&mapped, 0, "exit"), 9);
    CU_ASSERT(letter_says(&mapped, 0, "reason", "crash"));
    CU_ASSERT(letter_says(&mapped, 0, "stderr_tail", "record 1 made me exit\n"));
    CU_ASSERT(holds_text(&mapped.letters, "\"record\":{\"n\":1,\"do\":\"exit\",\"x\":9}}\n"));
    CU_ASSERT(letter_says(&mapped, 1, "signal", "SIGKILL"));
    CU_ASSERT(letter_says(&mapped, 2, "reason", "invalid"));
    CU_ASSERT_EQUAL(letter_number(&mapped, 2, "attempts"), 0);
    CU_ASSERT(letter_says(&mapped, 2, "record_base64", "e29vcHM="));
    CU_ASSERT(letter_says(&mapped, 3, "record_base64", "Iv8i"));
    CU_ASSERT_EQUAL(mapped.report.invalid, 2);
    CU_ASSERT_EQUAL(mapped.report.blank, 1);
    mapped_clear(&mapped);
    weir_close(weir);
}

static void two_poison_neighbours_are_exactly_two_dead(void)
{
    weir_t *weir = open_weir();

    for (unsigned workers = 1; workers <= 2; workers++) {
        for (long n = 0; n < 300; n += 148) {
            struct weir_map_options options = map_options(map_worker(NULL, NULL));

            options.workers = workers;
            options.on_error = WEIR_MAP_DEAD_LETTER;
            check_poison(weir, &options, 298, ODDS({n, "die", 0}, {n + 1, "exit", 3}), "crash");
        }
    }
    weir_close(weir);
}

static void without_retries_a_poison_record_still_dies_alone(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));

    options.retries = 0;
    options.on_error = WEIR_MAP_DEAD_LETTER;
    check_poison(weir, &options, 500, ODDS({250, "die", 0}, {251, "torn", 0}), "crash");
    weir_close(weir);
}

static void a_record_that_kills_once_is_answered_in_its_place(void)
{
    weir_t *weir = open_weir();

    for (unsigned workers = 1; workers <= 4; workers += 3) {
        struct weir_map_options options = map_options(map_worker(NULL, NULL));
        struct mapped mapped;

        options.workers = workers;
        options.on_error = WEIR_MAP_FAIL;
        mark(&options);
        mapped = map_odds(weir, &options, 400,
                          ODDS({0, "die-once", 0}, {1, "torn-once", 0}, {200, "exit-once", 1},
                               {399, "die-once", 0}));
        CU_ASSERT(ended_with(&mapped, 0));
        CU_ASSERT(out_is_replies(&mapped, 0, 400));
        CU_ASSERT(mapped.report.crashes >= 4 && mapped.report.redelivered >= 4);
        mapped_clear(&mapped);
    }
    weir_close(weir);
}

static void the_first_dead_record_ends_a_run_that_may_not_fail(void)
{
    weir_t *weir = open_weir();

    for (int unordered = 0; unordered <= 1; unordered++) {
        struct weir_map_options options = map_options(map_worker(NULL, NULL));
        struct mapped mapped;

        options.on_error = WEIR_MAP_FAIL;
        options.unordered = unordered;
        mapped = map_odds(weir, &options, 1000, ODDS({50, "die", 0}));
        CU_ASSERT(ended_with(&mapped, 3));
        CU_ASSERT_EQUAL(mapped.report.dead, 1);
        CU_ASSERT(strstr(mapped.report.reason, "the record in line 51") != NULL);
        CU_ASSERT(unordered || out_is_replies(&mapped, 0, 50));
        mapped_clear(&mapped);
    }
    weir_close(weir);
}

static void a_run_that_may_not_fail_stops_at_bad_input_too(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct mapped mapped;

    options.on_error = WEIR_MAP_FAIL;
    mapped = map_text(weir, &options, "{\"n\":0}\n{oops\n{\"n\":1}\n");
    CU_ASSERT(ended_with(&mapped, 3));
    CU_ASSERT_EQUAL(mapped.report.dead, 1);
    CU_ASSERT_EQUAL(mapped.report.invalid, 1);
    mapped_clear(&mapped);
    weir_close(weir);
}

static void records_that_want_no_reply_are_dropped(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct mapped mapped;

    options.drop_null = 1;
    mapped = map_odds(weir, &options, 100, ODDS({0, "null", 0}, {50, "null", 0}, {99, "null", 0}));
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(all_but(&mapped, 100, ODDS({0, "", 0}, {50, "", 0}, {99, "", 0})));
    CU_ASSERT_EQUAL(mapped.report.dropped, 3);
    mapped_clear(&mapped);
    options.drop_null = 0;
    mapped = map_text(weir, &options, "{\"n\":0,\"do\":\"null\"}\n");
    CU_ASSERT(out_is(&mapped, "null\n"));
    mapped_clear(&mapped);
    weir_close(weir);
}

/* --- 25: workers with manners of their own --------------------------------- */

/* With retries and without: no record dies of its neighbour's leaving. */
static void a_worker_may_leave_after_each_reply(void)
{
    if (is_without("/proc")) /* to see what it left unread of an input that has ended */
        return;
    weir_t *weir = open_weir();

    for (int in_between = 0; in_between <= 1; in_between++) {
        for (unsigned retries = 0; retries <= 2; retries += 2) {
            struct weir_map_options options = map_options(map_worker("-k", in_between ? "7" : "1"));
            struct mapped mapped;

            options.retries = retries;
            mapped = map_odds(weir, &options, 60, ODDS({-1, "", 0}));
            CU_ASSERT(ended_with(&mapped, 0));
            CU_ASSERT(out_is_replies(&mapped, 0, 60));
            mapped_clear(&mapped);
        }
    }
    weir_close(weir);
}

static void a_worker_that_exits_at_the_start_cannot_run(void)
{
    weir_t *weir = open_weir();

    for (unsigned workers = 1; workers <= 4; workers += 3) {
        struct weir_map_options options = map_options(map_worker("-x", "3"));
        struct mapped mapped;

        options.workers = workers;
        options.on_error = WEIR_MAP_DEAD_LETTER;
        mapped = map_odds(weir, &options, 100, ODDS({-1, "", 0}));
        CU_ASSERT(ended_with(&mapped, 4));
        CU_ASSERT(strstr(mapped.report.reason, "no way to start") != NULL);
        CU_ASSERT(strstr(mapped.report.reason, "exited with 3") != NULL);
        CU_ASSERT_EQUAL(mapped.report.dead, 0);
        CU_ASSERT_EQUAL(mapped.letters.length, 0);
        CU_ASSERT_EQUAL(mapped.out.length, 0);
        CU_ASSERT(mapped.report.worker_count >= 2 * workers); /* each is tried again */
        mapped_clear(&mapped);
    }
    weir_close(weir);
}

/* Nobody can tell whether the record is bad or the worker: it is not called dead. */
static void only_a_worker_that_has_answered_can_accuse_a_record(void)
{
    static const char *const actions[] = {"die", "stall"};
    weir_t *weir = open_weir();

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        struct weir_map_options options = map_options(map_worker(NULL, NULL));
        struct mapped mapped;

        options.record_timeout_ms = 100;
        mapped = map_odds(weir, &options, 1, ODDS({0, actions[i], 0}));
        CU_ASSERT(ended_with(&mapped, 4));
        CU_ASSERT_EQUAL(mapped.report.dead, 0);
        CU_ASSERT_EQUAL(mapped.report.unsettled, 1);
        CU_ASSERT(mapped.report.worker_count >= 2);
        mapped_clear(&mapped);
    }
    weir_close(weir);
}

static void a_missing_worker_cannot_run(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(ARGV("/nonexistent/worker"));
    struct mapped mapped = map_odds(weir, &options, 100, ODDS({-1, "", 0}));

    CU_ASSERT(ended_with(&mapped, 4));
    CU_ASSERT(strstr(mapped.report.reason, "/nonexistent/worker") != NULL);
    CU_ASSERT_EQUAL(mapped.report.dead, 0);
    mapped_clear(&mapped);
    weir_close(weir);
}

/* The program goes away in the middle: that is no record's fault. */
static void a_worker_that_cannot_be_started_again_kills_no_record(void)
{
    char program[] = "/tmp/weir-test-map-XXXXXX", copy[8192];
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(ARGV(program));
    struct mapped mapped;
    int fd = mkstemp(program);

    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    snprintf(copy, sizeof copy, "cp '%s' %s", child_path("map_worker"), program);
    CU_ASSERT_EQUAL_FATAL(system(copy), 0);
    chmod(program, 0700);
    options.workers = 1;
    mapped = map_odds(weir, &options, 100, ODDS({10, "unlink", 0}, {20, "leave", 0}));
    CU_ASSERT(ended_with(&mapped, 4));
    CU_ASSERT(out_is_replies(&mapped, 0, 21));
    CU_ASSERT_EQUAL(mapped.report.dead, 0);
    CU_ASSERT_EQUAL(mapped.report.unsettled, mapped.report.records - 21);
    mapped_clear(&mapped);
    unlink(program);
    weir_close(weir);
}

static void one_that_never_reads_does_not_hold_the_others_up(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker("-n", NULL));
    struct mapped mapped;

    mark(&options);
    options.record_timeout_ms = 500;
    mapped = map_odds(weir, &options, 5000, ODDS({-1, "", 0}));
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 5000));
    CU_ASSERT_EQUAL(mapped.report.timeouts, 1);
    mapped_clear(&mapped);
    weir_close(weir);
}

static void ten_megabytes_on_stderr_come_first(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker("-e", "10000000"));
    struct mapped mapped = map_odds(weir, &options, 100, ODDS({50, "chatter", 1000000}));

    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 100));
    mapped_clear(&mapped);
    weir_close(weir);
}

static void a_worker_that_closes_its_output_and_lives_on_is_a_crash(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));

    options.on_error = WEIR_MAP_DEAD_LETTER;
    options.retries = 0;
    check_poison(weir, &options, 100, ODDS({50, "stay", 0}), "crash");
    weir_close(weir);
}

static void a_worker_that_closes_its_input_and_lives_on_loses_nothing(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct mapped mapped;

    options.window = 100;
    mapped = map_odds(weir, &options, 3000, ODDS({50, "shut", 0}));
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 3000));
    mapped_clear(&mapped);
    weir_close(weir);
}

/* --- 26: workers that keep their output back -------------------------------- */

static void a_worker_that_keeps_its_output_back_completes(void)
{
    weir_t *weir = open_weir();

    for (long count = 1; count <= 3000; count += 2999) {
        struct weir_map_options options = map_options(map_worker("-b", NULL));
        struct mapped mapped = map_odds(weir, &options, count, ODDS({-1, "", 0}));

        CU_ASSERT(ended_with(&mapped, 0));
        CU_ASSERT(out_is_replies(&mapped, 0, count));
        CU_ASSERT_EQUAL(mapped.report.crashes, 0);
        mapped_clear(&mapped);
    }
    weir_close(weir);
}

static void it_completes_with_poison_in_its_input(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker("-b", NULL));

    options.on_error = WEIR_MAP_DEAD_LETTER;
    options.retries = 1;
    check_poison(weir, &options, 30, ODDS({10, "die", 0}), "crash");
    weir_close(weir);
}

/* However long it waits for more: all that may be in flight is. */
static void a_full_window_that_does_not_move_is_ended(void)
{
    weir_t *weir = open_weir();

    for (int by_bytes = 0; by_bytes <= 1; by_bytes++) {
        struct weir_map_options options = map_options(map_worker("-b", NULL));
        struct mapped mapped;

        options.workers = 1;
        options.window = by_bytes ? 4096 : 10;
        options.window_bytes = by_bytes ? 100 : 1024 * 1024;
        mapped = map_odds(weir, &options, 25, ODDS({-1, "", 0}));
        CU_ASSERT(ended_with(&mapped, 0));
        CU_ASSERT(out_is_replies(&mapped, 0, 25));
        CU_ASSERT_EQUAL(mapped.report.crashes, 0);
        mapped_clear(&mapped);
    }
    weir_close(weir);
}

/* Fed a line at a time, for ever on the verge of an end. */
static void it_completes_on_a_stream_that_trickles(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker("-b", NULL));
    struct mapped mapped = {0};
    weir_map_t *map;
    int in[2], out = memory_file("", 0);

    CU_ASSERT_EQUAL_FATAL(weir__pipe(in, NULL), 0);
    options.input_fd = in[FD_READ_END];
    options.output_fd = out;
    map = weir_map_start(weir, &options, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    for (long n = 0; n < 50; n++) {
        dprintf(in[FD_WRITE_END], "{\"n\":%ld}\n", n);
        dispatch_for(weir, 5);
    }
    close(in[FD_WRITE_END]);
    CU_ASSERT_EQUAL(weir_map_wait(map, &mapped.report, NULL), 0);
    weir_map_free(map);
    read_back(out, &mapped.out);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 50));
    check_accounts(&mapped);
    mapped_clear(&mapped);
    close(in[FD_READ_END]);
    close(out);
    weir_close(weir);
}

/* --- 27: whose reply is it? -------------------------------------------------- */

static void a_stray_line_is_no_reply(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct mapped mapped;

    mark(&options);
    mapped = map_odds(weir, &options, 300, ODDS({100, "noise-once", 0}, {200, "noise-once", 0}));
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 300));
    CU_ASSERT_EQUAL(mapped.report.desyncs, 2);
    mapped_clear(&mapped);
    options.on_error = WEIR_MAP_DEAD_LETTER;
    check_poison(weir, &options, 300, ODDS({150, "noise", 0}), "desync");
    weir_close(weir);
}

static void a_greeting_before_the_first_reply_is_found_out(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker("-s", "Hello!"));
    int64_t begin_ns = weir__clock_ns();
    struct mapped mapped = map_odds(weir, &options, 100, ODDS({-1, "", 0}));

    CU_ASSERT(ended_with(&mapped, 4));
    CU_ASSERT_EQUAL(mapped.report.dead, 0);
    CU_ASSERT(weir__clock_ns() - begin_ns < INT64_C(20000000000));
    mapped_clear(&mapped);
    weir_close(weir);
}

static void a_torn_reply_is_no_reply(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct mapped mapped;

    mark(&options);
    mapped = map_odds(weir, &options, 300, ODDS({0, "torn-once", 0}, {150, "torn-once", 0}));
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 300));
    mapped_clear(&mapped);
    /* At the very end of its output, and with a status of 0, too. */
    options = map_options(ARGV("sh", "-c", "read -r line; printf '{\"r\":0}'"));
    mapped = map_text(weir, &options, "{\"n\":0}\n");
    CU_ASSERT(ended_with(&mapped, 1));
    CU_ASSERT_EQUAL(mapped.report.dead, 1);
    CU_ASSERT_EQUAL(mapped.out.length, 0);
    mapped_clear(&mapped);
    weir_close(weir);
}

static void a_reply_may_come_in_single_bytes(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir__buffer input = {0};
    struct mapped mapped;

    for (long n = 0; n < 300; n++)
        add(&input, "{\"n\":%ld,\"do\":\"bytes\"}\n", n);
    mapped = map_buffer(weir, &options, &input);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 300));
    mapped_clear(&mapped);
    weir_close(weir);
}

/* The reply comes when the worker is asked to end: nothing reads it. */
static void a_late_reply_is_credited_to_no_record(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct mapped mapped;

    options.record_timeout_ms = 300;
    mark(&options);
    mapped = map_odds(weir, &options, 300, ODDS({0, "late-once", 0}, {150, "late-once", 0}));
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 300));
    CU_ASSERT_EQUAL(mapped.report.timeouts, 2);
    mapped_clear(&mapped);
    options.on_error = WEIR_MAP_DEAD_LETTER;
    options.retries = 1;
    check_poison(weir, &options, 300, ODDS({150, "late", 0}, {151, "stall", 0}), "timeout");
    weir_close(weir);
}

static void a_reply_too_many_ends_the_run(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct mapped mapped;

    options.workers = 1;
    mapped = map_odds(weir, &options, 100, ODDS({99, "extra", 0}));
    CU_ASSERT(ended_with(&mapped, 3));
    CU_ASSERT_EQUAL(mapped.report.desyncs, 1);
    mapped_clear(&mapped);
    mapped = map_odds(weir, &options, 100, ODDS({20, "extra", 0}));
    CU_ASSERT(ended_with(&mapped, 3));
    mapped_clear(&mapped);
    weir_close(weir);
}

/* No record waits for a reply: the line can be nobody's, and hurts nobody. */
static void a_farewell_after_the_last_reply_hurts_nobody(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(ARGV("sh", "-c", "cat; echo 'Goodbye!'"));
    struct mapped mapped = map_text(weir, &options, "1\n2\n3\n");

    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is(&mapped, "1\n2\n3\n"));
    CU_ASSERT(mapped.report.desyncs >= 1);
    mapped_clear(&mapped);
    weir_close(weir);
}

static void a_reply_without_bound_is_a_desync(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = map_options(map_worker(NULL, NULL));

    options.max_record = 1000;
    options.retries = 1;
    options.on_error = WEIR_MAP_DEAD_LETTER;
    check_poison(weir, &options, 100, ODDS({50, "big", 100000}), "desync");
    check_poison(weir, &options, 100, ODDS({50, "big", 1000}), "desync");
    weir_close(weir);
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(a_poison_record_alone_is_dead),
        TEST(a_dead_letter_tells_all_there_is_to_know),
        TEST(two_poison_neighbours_are_exactly_two_dead),
        TEST(without_retries_a_poison_record_still_dies_alone),
        TEST(a_record_that_kills_once_is_answered_in_its_place),
        TEST(the_first_dead_record_ends_a_run_that_may_not_fail),
        TEST(a_run_that_may_not_fail_stops_at_bad_input_too),
        TEST(records_that_want_no_reply_are_dropped),
        TEST(a_worker_may_leave_after_each_reply),
        TEST(a_worker_that_exits_at_the_start_cannot_run),
        TEST(only_a_worker_that_has_answered_can_accuse_a_record),
        TEST(a_missing_worker_cannot_run),
        TEST(a_worker_that_cannot_be_started_again_kills_no_record),
        TEST(one_that_never_reads_does_not_hold_the_others_up),
        TEST(ten_megabytes_on_stderr_come_first),
        TEST(a_worker_that_closes_its_output_and_lives_on_is_a_crash),
        TEST(a_worker_that_closes_its_input_and_lives_on_loses_nothing),
        TEST(a_worker_that_keeps_its_output_back_completes),
        TEST(it_completes_with_poison_in_its_input),
        TEST(a_full_window_that_does_not_move_is_ended),
        TEST(it_completes_on_a_stream_that_trickles),
        TEST(a_stray_line_is_no_reply),
        TEST(a_greeting_before_the_first_reply_is_found_out),
        TEST(a_torn_reply_is_no_reply),
        TEST(a_reply_may_come_in_single_bytes),
        TEST(a_late_reply_is_credited_to_no_record),
        TEST(a_reply_too_many_ends_the_run),
        TEST(a_farewell_after_the_last_reply_hurts_nobody),
        TEST(a_reply_without_bound_is_a_desync),
        CU_TEST_INFO_NULL,
    };

    return run_suite("map", tests);
}
