/* weir_map_feed() and weir_map_next(): a map whose records and results are in the host's memory. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/each.h>

#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

static struct weir_map_options fed_options(const char *const *argv)
{
    struct weir_map_options options = map_options(argv);

    options.input = WEIR_MAP_FED;
    return options;
}

static weir_map_t *start_fed(weir_t *weir, const struct weir_map_options *options)
{
    struct weir_error error = {.text = ""};
    weir_map_t *map = weir_map_start(weir, options, NULL, NULL, &error);

    if (map == NULL)
        printf("# %s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    return map;
}

static int feed_text(weir_map_t *map, const char *text)
{
    return weir_map_feed(map, text, strlen(text), NULL);
}

static int is_text(const struct weir_map_item *item, const char *text)
{
    if (item->bytes != NULL && item->length == strlen(text)
        && memcmp(item->bytes, text, item->length) == 0)
        return 1;
    printf("# %.*s and not %s\n", (int)item->length, item->bytes, text);
    return 0;
}

/* Takes an item with this number, answered with this. */
static int answers(weir_map_t *map, uint64_t seq, const char *text)
{
    struct weir_map_item item;
    struct weir_error error = {.text = ""};
    int status = weir_map_next(map, &item, &error);

    if (status == 1 && item.seq == seq && item.outcome == WEIR_MAP_ANSWERED && item.reason == NULL)
        return is_text(&item, text);
    printf("# status %d %s\n", status, error.text);
    return 0;
}

static int is_over(weir_map_t *map)
{
    struct weir_map_item item;

    return weir_map_next(map, &item, NULL) == 0;
}

/* Waits for its report, and frees it. */
static struct weir_map_report report_of(weir_map_t *map)
{
    struct weir_map_report report = {0};
    struct weir_error error = {.text = ""};
    int status = weir_map_wait(map, &report, &error);

    if (status < 0)
        printf("# %s\n", error.text);
    CU_ASSERT_EQUAL(status, 0);
    weir_map_free(map);
    return report;
}

static int ended(weir_map_t *map, int wanted)
{
    struct weir_map_report report = report_of(map);
    int status = report.status;

    if (status != wanted)
        printf("# status %d: %s\n", status, report.reason);
    weir_map_report_clear(&report);
    return status == wanted;
}

/* --- Threads ----------------------------------------------------------------- */

struct feeding {
    weir_map_t *map;
    long count; /* -1: until it is refused */
    long fed;
    int status;
    struct weir_error error;
};

static void *feed_numbers(void *data)
{
    struct feeding *feeding = data;
    char record[40];

    feeding->status = 1;
    while (feeding->fed != feeding->count && feeding->status == 1) {
        int length = snprintf(record, sizeof record, "{\"n\":%ld}", feeding->fed);

        feeding->status = weir_map_feed(feeding->map, record, (size_t)length, &feeding->error);
        feeding->fed += feeding->status == 1;
    }
    if (feeding->status == 1)
        weir_map_close_input(feeding->map, NULL);
    return NULL;
}

static void one_thread_feeds_and_another_takes(void)
{
    enum { COUNT = 50000 };
    weir_t *weir = open_weir();

    for (int unordered = 0; unordered <= 1; unordered++) {
        struct weir_map_options options = fed_options(map_worker(NULL, NULL));
        struct feeding feeding = {.count = COUNT};
        struct weir_map_report report;
        struct weir_map_item item;
        char *seen = calloc(COUNT, 1), text[40];
        long count = 0, wrong = 0;
        pthread_t thread;

        CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
        options.unordered = unordered;
        feeding.map = start_fed(weir, &options);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, feed_numbers, &feeding), 0);
        while (weir_map_next(feeding.map, &item, NULL) == 1) {
            int length = snprintf(text, sizeof text, "{\"r\":%llu}", (unsigned long long)item.seq);

            wrong += item.outcome != WEIR_MAP_ANSWERED || item.seq >= COUNT || seen[item.seq]++
                     || (size_t)length != item.length || memcmp(text, item.bytes, item.length) != 0
                     || (!unordered && item.seq != (uint64_t)count);
            count++;
        }
        pthread_join(thread, NULL);
        CU_ASSERT_EQUAL(count, COUNT);
        CU_ASSERT_EQUAL(wrong, 0);
        report = report_of(feeding.map);
        CU_ASSERT_EQUAL(report.status, 0);
        CU_ASSERT_EQUAL(report.records, COUNT);
        CU_ASSERT_EQUAL(report.answered, COUNT);
        CU_ASSERT_EQUAL(report.records_out, COUNT);
        weir_map_report_clear(&report);
        free(seen);
    }
    weir_close(weir);
}

static void one_thread_can_do_both(void)
{
    enum { COUNT = 2000, LENGTH = 5000 };
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(ARGV("cat"));
    char *record = noise(LENGTH);
    struct weir_map_item item;
    long fed = 0, taken = 0, full = 0, wrong = 0;
    weir_map_t *map;

    options.format = WEIR_MAP_NUL;
    for (size_t i = 0; i < LENGTH; i++)
        record[i] |= 1; /* no NUL */
    map = start_fed(weir, &options);
    while (taken < COUNT) {
        int status = 1;

        while (fed < COUNT && status == 1) {
            record[0] = (char)(1 + fed % 100);
            status = weir_map_try_feed(map, record, LENGTH, NULL);
            CU_ASSERT_FATAL(status >= 0);
            fed += status;
            full += status == 0;
        }
        if (fed == COUNT)
            CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), 0);
        CU_ASSERT_EQUAL_FATAL(weir_map_next(map, &item, NULL), 1);
        wrong += item.length != LENGTH || item.seq != (uint64_t)taken
                 || item.bytes[0] != (char)(1 + taken % 100);
        taken++;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(full > 0);
    CU_ASSERT(is_over(map));
    CU_ASSERT(ended(map, 0));
    free(record);
    weir_close(weir);
}

/* --- Outcomes ---------------------------------------------------------------- */

static int is_dead(weir_map_t *map, uint64_t seq, const char *reason, const char *letter_has)
{
    struct weir_map_item item = {0};

    if (weir_map_next(map, &item, NULL) != 1 || item.seq != seq || item.outcome != WEIR_MAP_DEAD
        || item.reason == NULL || strcmp(item.reason, reason) != 0) {
        printf("# %llu %d %s\n", (unsigned long long)item.seq, (int)item.outcome,
               item.reason != NULL ? item.reason : "no reason");
        return 0;
    }
    if (item.bytes[0] == '{' && item.bytes[item.length - 1] == '}'
        && memmem(item.bytes, item.length, letter_has, strlen(letter_has)) != NULL)
        return 1;
    printf("# %.*s\n", (int)item.length, item.bytes);
    return 0;
}

static void each_record_comes_back_once(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker(NULL, NULL));
    struct weir_map_report report;
    struct weir_map_item item;
    char longest[200];
    weir_map_t *map;

    memset(longest, '1', sizeof longest);
    options.retries = 0;
    options.drop_null = 1;
    options.max_record = 100;
    map = start_fed(weir, &options);
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":0}"), 1);
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":1,\"do\":\"null\"}"), 1);
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":2,\"do\":\"die\"}"), 1);
    CU_ASSERT_EQUAL(feed_text(map, "{oops"), 1);
    CU_ASSERT_EQUAL(weir_map_feed(map, longest, sizeof longest, NULL), 1);
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":5}\r"), 1);
    CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), 0);
    CU_ASSERT(answers(map, 0, "{\"r\":0}"));
    CU_ASSERT_EQUAL(weir_map_next(map, &item, NULL), 1);
    CU_ASSERT(item.seq == 1 && item.outcome == WEIR_MAP_DROPPED && item.bytes == NULL);
    CU_ASSERT(is_dead(map, 2, "crash", "\"signal\":\"SIGKILL\""));
    CU_ASSERT(is_dead(map, 3, "invalid", "\"record_base64\""));
    CU_ASSERT(is_dead(map, 4, "oversize", "\"line\":5"));
    CU_ASSERT(answers(map, 5, "{\"r\":5}"));
    CU_ASSERT(is_over(map));
    CU_ASSERT(is_over(map));
    report = report_of(map);
    CU_ASSERT_EQUAL(report.status, 1);
    CU_ASSERT_EQUAL(report.records, 6);
    CU_ASSERT_EQUAL(report.answered, 2);
    CU_ASSERT_EQUAL(report.dropped, 1);
    CU_ASSERT_EQUAL(report.dead, 3);
    weir_map_report_clear(&report);
    weir_close(weir);
}

static void the_values_of_a_call_are_one_item(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker("-r", "2"));
    weir_map_t *map;

    options.call = "each";
    map = start_fed(weir, &options);
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":0,\"do\":\"many\",\"x\":2}"), 1);
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":1}"), 1);
    CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), 0);
    CU_ASSERT(answers(map, 0, "{\"r\":0,\"i\":0}\n{\"r\":0,\"i\":1}"));
    CU_ASSERT(answers(map, 1, "{\"r\":1}"));
    CU_ASSERT(ended(map, 0));
    weir_close(weir);
}

static void what_is_opaque_may_be_empty_or_have_newlines(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(ARGV("cat"));
    weir_map_t *map;

    options.format = WEIR_MAP_NUL;
    map = start_fed(weir, &options);
    CU_ASSERT_EQUAL(feed_text(map, "a\nb"), 1);
    CU_ASSERT_EQUAL(weir_map_feed(map, NULL, 0, NULL), 1);
    CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), 0);
    CU_ASSERT(answers(map, 0, "a\nb"));
    CU_ASSERT(answers(map, 1, ""));
    CU_ASSERT(ended(map, 0));
    weir_close(weir);
}

/* --- A program for each record ------------------------------------------------- */

/* Takes an item of a program that ran. */
static int ran(weir_map_t *map, enum weir_map_outcome outcome, const char *output)
{
    struct weir_map_item item;

    if (weir_map_next(map, &item, NULL) != 1 || item.outcome != outcome || item.output == NULL)
        return 0;
    if (item.output_length == strlen(output) && memcmp(item.output, output, strlen(output)) == 0)
        return 1;
    printf("# %.*s and not %s\n", (int)item.output_length, item.output, output);
    return 0;
}

static void a_program_has_an_output_and_a_letter_if_it_failed(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options =
        fed_options(ARGV("sh", "-c", "echo \"$1\"; test \"$1\" != bad", "sh"));
    struct weir_each_options each;
    struct weir_map_item item;
    struct weir_map_report report;
    weir_map_t *map;

    weir_each_options_init(&each);
    weir_each_set_up(&options, &each);
    map = start_fed(weir, &options);
    CU_ASSERT_EQUAL(feed_text(map, "good"), 1);
    CU_ASSERT_EQUAL(feed_text(map, "bad"), 1);
    CU_ASSERT_EQUAL(feed_text(map, ""), 1);
    CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), 0);
    CU_ASSERT(ran(map, WEIR_MAP_ANSWERED, "good\n"));
    CU_ASSERT_EQUAL_FATAL(weir_map_next(map, &item, NULL), 1);
    CU_ASSERT(item.seq == 1 && item.outcome == WEIR_MAP_DEAD && strcmp(item.reason, "exit") == 0);
    CU_ASSERT(item.bytes[0] == '{' && item.bytes[item.length - 1] == '}');
    CU_ASSERT(item.output_length == 4 && memcmp(item.output, "bad\n", 4) == 0);
    CU_ASSERT(ran(map, WEIR_MAP_ANSWERED, "\n"));
    CU_ASSERT(is_over(map));
    report = report_of(map);
    CU_ASSERT_EQUAL(report.status, 1);
    CU_ASSERT(report.answered == 2 && report.dead == 1 && report.bytes_out == 10);
    weir_map_report_clear(&report);
    weir_close(weir);
}

static void documents_come_in_order_and_what_cannot_run_has_none(void)
{
    enum { COUNT = 60 };
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(ARGV("sh", "-c", "exit {@/code}"));
    struct weir_each_options each;
    struct weir_map_item item;
    long wrong = 0;
    weir_map_t *map;

    weir_each_options_init(&each);
    each.output = WEIR_EACH_JSON;
    weir_each_set_up(&options, &each);
    options.format = WEIR_MAP_NDJSON;
    options.workers = 4;
    map = start_fed(weir, &options);
    for (int i = 0; i < COUNT; i++) {
        const char *records[] = {"{\"code\":0}", "{\"code\":3}", "{}"};

        CU_ASSERT_EQUAL(feed_text(map, records[i % 3]), 1);
    }
    CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        char seq[40];
        int length = snprintf(seq, sizeof seq, "\"seq\":%llu", (unsigned long long)i);

        CU_ASSERT_EQUAL_FATAL(weir_map_next(map, &item, NULL), 1);
        wrong += item.seq != i || (item.outcome == WEIR_MAP_DEAD) != (i % 3 != 0)
                 || (item.bytes == NULL) != (i % 3 == 0) || (item.output == NULL) != (i % 3 == 2);
        if (item.output != NULL)
            wrong += item.output[item.output_length - 1] != '}'
                     || memmem(item.output, item.output_length, seq, (size_t)length) == NULL;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(is_over(map));
    CU_ASSERT(ended(map, 1));
    weir_close(weir);
}

static void long_outputs_pass_through_the_spool(void)
{
    enum { COUNT = 6, LENGTH = 1000000 };
    weir_t *weir = open_weir();
    struct weir_map_options options =
        fed_options(ARGV("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' $1", "sh"));
    struct weir_each_options each;
    struct weir_map_item item;
    char record[2] = "a";
    weir_map_t *map;

    weir_each_options_init(&each);
    weir_each_set_up(&options, &each);
    options.workers = 3;
    map = start_fed(weir, &options);
    for (record[0] = 'a'; record[0] < 'a' + COUNT; record[0]++)
        CU_ASSERT_EQUAL(feed_text(map, record), 1);
    CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), 0);
    for (char c = 'a'; c < 'a' + COUNT; c++) {
        long wrong = 0;

        CU_ASSERT_EQUAL_FATAL(weir_map_next(map, &item, NULL), 1);
        CU_ASSERT_EQUAL_FATAL(item.output_length, LENGTH);
        for (size_t i = 0; i < LENGTH; i++)
            wrong += item.output[i] != c;
        CU_ASSERT_EQUAL(wrong, 0);
    }
    CU_ASSERT(ended(map, 0));
    weir_close(weir);
}

static void live_output_is_refused(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(ARGV("true"));
    struct weir_each_options each;
    struct weir_error error = {.text = ""};

    weir_each_options_init(&each);
    each.output = WEIR_EACH_LIVE;
    weir_each_set_up(&options, &each);
    CU_ASSERT_PTR_NULL(weir_map_start(weir, &options, NULL, NULL, &error));
    CU_ASSERT_EQUAL(error.status, WEIR_ERR_INVALID);
    CU_ASSERT(strstr(error.text, "live output") != NULL);
    weir_close(weir);
}

/* --- Who is ahead waits ------------------------------------------------------- */

static void nobody_takes_and_little_is_kept(void)
{
    enum { ROUNDS = 10, ENOUGH = 64 * 1024 * 1024 };
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(ARGV("cat"));
    char record[1000];
    long fed = 0, idle = 0, taken = 0;
    struct weir_map_item item;
    weir_map_t *map;

    memset(record, '1', sizeof record);
    options.window_bytes = 128 * 1024;
    map = start_fed(weir, &options);
    while (idle < ROUNDS && fed * (long)sizeof record < ENOUGH) {
        long before = fed;

        while (weir_map_try_feed(map, record, sizeof record, NULL) == 1)
            fed++;
        idle = fed > before ? 0 : idle + 1;
        dispatch_for(weir, 20);
    }
    /* Two queues, what the workers have, their pipes, and one read of the map for each. */
    CU_ASSERT(fed * (long)sizeof record < 4 * 1024 * 1024);
    CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), 0);
    while (weir_map_next(map, &item, NULL) == 1)
        taken += item.length == sizeof record;
    CU_ASSERT_EQUAL(taken, fed);
    CU_ASSERT(ended(map, 0));
    weir_close(weir);
}

static int has_answers(void *data)
{
    struct weir_map_progress progress;

    weir_map_look(data, &progress);
    return progress.settled > 0;
}

static int has_two(void *data)
{
    struct weir_map_progress progress;

    weir_map_look(data, &progress);
    return progress.settled + progress.in_flight == 2;
}

static void a_feeder_that_waits_learns_of_the_end(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker(NULL, NULL));
    struct feeding feeding = {.count = -1};
    pthread_t thread;

    feeding.map = start_fed(weir, &options);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, feed_numbers, &feeding), 0);
    CU_ASSERT(dispatch_until(weir, has_answers, feeding.map));
    weir_map_cancel(feeding.map, 15);
    weir_map_cancel(feeding.map, 15);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(feeding.status, WEIR_ERR_SYSTEM);
    CU_ASSERT_EQUAL(feeding.error.sys_errno, EPIPE);
    CU_ASSERT(ended(feeding.map, 128 + 15));
    weir_close(weir);
}

static int has_one(void *data)
{
    struct weir_map_progress progress;

    weir_map_look(data, &progress);
    return progress.in_flight == 1;
}

static void a_stop_waits_for_no_replies(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(
        ARGV("sh", "-c", "trap 'echo \"{}\"; exit' TERM; read line; while :; do sleep 0.1; done"));
    struct weir_map_report report;
    weir_map_t *map;

    options.grace_ms = 60000;
    map = start_fed(weir, &options);
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":0}"), 1);
    CU_ASSERT(dispatch_until(weir, has_one, map));
    weir_map_stop(map, 15);
    CU_ASSERT(is_over(map));
    report = report_of(map);
    CU_ASSERT_EQUAL(report.status, 128 + 15);
    CU_ASSERT_EQUAL(report.why, WEIR_STOP_CANCELLED);
    CU_ASSERT_EQUAL(report.answered, 0);
    CU_ASSERT(report.wall_ns < INT64_C(50000000000));
    weir_map_report_clear(&report);
    weir_close(weir);
}

static void a_taker_gets_the_replies_under_way_at_the_end(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker(NULL, NULL));
    struct weir_error error;
    weir_map_t *map = start_fed(weir, &options);

    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":0}"), 1);
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":1}"), 1);
    CU_ASSERT(dispatch_until(weir, has_two, map));
    weir_map_cancel(map, 2);
    CU_ASSERT_EQUAL(weir_map_feed(map, "{\"n\":2}", 7, &error), WEIR_ERR_SYSTEM);
    CU_ASSERT_EQUAL(error.sys_errno, EPIPE);
    CU_ASSERT(answers(map, 0, "{\"r\":0}"));
    CU_ASSERT(answers(map, 1, "{\"r\":1}"));
    CU_ASSERT(is_over(map));
    CU_ASSERT(ended(map, 128 + 2));
    weir_close(weir);
}

static void a_dead_record_can_end_the_map(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker(NULL, NULL));
    struct weir_map_report report;
    weir_map_t *map;

    options.on_error = WEIR_MAP_FAIL;
    map = start_fed(weir, &options);
    CU_ASSERT_EQUAL(feed_text(map, "{oops"), 1);
    CU_ASSERT(is_over(map));
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":1}"), WEIR_ERR_SYSTEM);
    report = report_of(map);
    CU_ASSERT_EQUAL(report.status, 3);
    CU_ASSERT(strstr(report.reason, "invalid") != NULL);
    weir_map_report_clear(&report);
    weir_close(weir);
}

static void a_worker_that_cannot_run_ends_the_map(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(ARGV("/nonexistent/worker"));
    weir_map_t *map = start_fed(weir, &options);

    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":0}"), 1);
    CU_ASSERT(is_over(map));
    CU_ASSERT(ended(map, 4));
    weir_close(weir);
}

/* --- The host's own loop ------------------------------------------------------ */

struct looping {
    weir_map_t *map;
    long count, fed, taken, wrong, busy;
    int is_done, status;
};

static void feed_more(weir_map_t *map, struct looping *looping)
{
    char record[40];
    int status = 1;

    while (looping->fed < looping->count && status == 1) {
        int length = snprintf(record, sizeof record, "{\"n\":%ld}", looping->fed);

        status = weir_map_feed(map, record, (size_t)length, NULL); /* in a callback: never waits */
        looping->fed += status == 1;
    }
    looping->busy += status == 0;
    if (looping->fed == looping->count)
        weir_map_close_input(map, NULL);
}

static void has_room(weir_map_t *map, void *context)
{
    feed_more(map, context);
}

static void take_more(weir_map_t *map, struct looping *looping)
{
    struct weir_map_item item;
    int status;

    while ((status = weir_map_try_next(map, &item, NULL)) == 1) {
        looping->wrong += item.seq != (uint64_t)looping->taken;
        looping->taken++;
    }
    looping->wrong += status != 0 && status != WEIR_ERR_BUSY;
}

static void has_item(weir_map_t *map, void *context)
{
    struct weir_map_item item;

    take_more(map, context);
    ((struct looping *)context)->wrong +=
        weir_map_next(map, &item, NULL) != WEIR_ERR_BUSY; /* cannot wait here */
}

static void is_done(weir_map_t *map, const struct weir_map_report *report,
                    const struct weir_error *error, void *context)
{
    struct looping *looping = context;

    take_more(map, looping);
    looping->is_done = 1;
    looping->status = error == NULL ? report->status : -1;
    weir_map_free(map);
}

static int has_ended(void *data)
{
    return ((struct looping *)data)->is_done;
}

static void a_host_with_its_own_loop_is_called_back(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker(NULL, NULL));
    struct looping looping = {.count = 60000};
    char record[40];
    weir_map_t *map;
    int status = 1;

    options.on_item = has_item;
    options.on_room = has_room;
    map = weir_map_start(weir, &options, is_done, &looping, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    while (status == 1) { /* until it is full: on_room goes on */
        int length = snprintf(record, sizeof record, "{\"n\":%ld}", looping.fed);

        status = weir_map_try_feed(map, record, (size_t)length, NULL);
        looping.fed += status == 1;
    }
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT(dispatch_until(weir, has_ended, &looping));
    CU_ASSERT_EQUAL(looping.status, 0);
    CU_ASSERT_EQUAL(looping.fed, looping.count);
    CU_ASSERT_EQUAL(looping.taken, looping.count);
    CU_ASSERT_EQUAL(looping.wrong, 0);
    weir_close(weir);
}

static void free_in_callback(weir_map_t *map, void *context)
{
    *(int *)context = 1;
    weir_map_free(map);
}

static int was_called(void *data)
{
    return *(int *)data;
}

static void the_host_may_free_it_in_a_callback(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker(NULL, NULL));
    int called = 0;
    weir_map_t *map;

    options.on_item = free_in_callback;
    map = weir_map_start(weir, &options, NULL, &called, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":0}"), 1);
    CU_ASSERT(dispatch_until(weir, was_called, &called));
    weir_close(weir);
}

/* --- The end ------------------------------------------------------------------ */

static int is_whole(void *data)
{
    struct weir_map_report report;
    int status = weir_map_take(data, &report, NULL);

    if (status == 0)
        weir_map_report_clear(&report);
    return status == 0;
}

static void results_can_be_taken_after_the_end(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker(NULL, NULL));
    weir_map_t *map = start_fed(weir, &options);

    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":0}"), 1);
    CU_ASSERT_EQUAL(feed_text(map, "{\"n\":1}"), 1);
    CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), 0);
    CU_ASSERT(dispatch_until(weir, is_whole, map));
    CU_ASSERT(answers(map, 0, "{\"r\":0}"));
    CU_ASSERT(answers(map, 1, "{\"r\":1}"));
    CU_ASSERT(is_over(map));
    weir_map_free(map);
    weir_close(weir);
}

static void waiting_drops_what_nobody_takes(void)
{
    enum { COUNT = 100000 };
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker(NULL, NULL));
    struct feeding feeding = {.count = COUNT};
    struct weir_map_report report;
    pthread_t thread;

    feeding.map = start_fed(weir, &options);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, feed_numbers, &feeding), 0);
    CU_ASSERT_EQUAL(weir_map_wait(feeding.map, &report, NULL), 0);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(report.answered, COUNT);
    weir_map_report_clear(&report);
    CU_ASSERT(is_over(feeding.map));
    weir_map_free(feeding.map);
    weir_close(weir);
}

static void it_can_be_freed_at_any_time(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker(NULL, NULL));

    for (int i = 0; i < 3; i++) {
        weir_map_t *map = start_fed(weir, &options);

        for (int n = 0; n < 1000 * i; n++)
            CU_ASSERT_EQUAL(feed_text(map, "{\"n\":0}"), 1);
        if (i == 2)
            CU_ASSERT(answers(map, 0, "{\"r\":0}"));
        if (i > 0)
            weir_map_free(map); /* otherwise weir_close() does */
    }
    weir_close(weir);
}

static void misuse_is_refused(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = fed_options(map_worker(NULL, NULL));
    struct weir_map_report report;
    struct weir_map_item item;
    struct weir_error error = {.text = ""};
    weir_map_t *map = start_fed(weir, &options);

    CU_ASSERT_EQUAL(weir_map_feed(map, "1\n2", 3, NULL), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(weir_map_feed(map, " \t\r", 3, NULL), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(weir_map_feed(map, NULL, 0, NULL), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), 0);
    CU_ASSERT_EQUAL(weir_map_feed(map, "1", 1, NULL), WEIR_ERR_INVALID);
    CU_ASSERT(ended(map, 0));
    CU_ASSERT_EQUAL(weir_map_run(weir, &options, &report, &error), WEIR_ERR_INVALID);
    CU_ASSERT(strstr(error.text, "weir_map_start()") != NULL);
    options.output = "/dev/null";
    CU_ASSERT_PTR_NULL(weir_map_start(weir, &options, NULL, NULL, &error));
    CU_ASSERT(strstr(error.text, "an output file") != NULL);
    options = map_options(map_worker(NULL, NULL));
    options.on_item = free_in_callback;
    CU_ASSERT_PTR_NULL(weir_map_start(weir, &options, NULL, NULL, &error));
    CU_ASSERT_EQUAL(error.status, WEIR_ERR_INVALID);
    options.on_item = NULL;
    options.input = "/dev/null";
    options.output = "/dev/null";
    map = start_fed(weir, &options);
    CU_ASSERT_EQUAL(weir_map_feed(map, "1", 1, &error), WEIR_ERR_INVALID);
    CU_ASSERT(strstr(error.text, "WEIR_MAP_FED") != NULL);
    CU_ASSERT_EQUAL(weir_map_next(map, &item, NULL), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(weir_map_close_input(map, NULL), WEIR_ERR_INVALID);
    CU_ASSERT(ended(map, 0));
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(one_thread_feeds_and_another_takes),
        TEST(one_thread_can_do_both),
        TEST(each_record_comes_back_once),
        TEST(the_values_of_a_call_are_one_item),
        TEST(what_is_opaque_may_be_empty_or_have_newlines),
        TEST(a_program_has_an_output_and_a_letter_if_it_failed),
        TEST(documents_come_in_order_and_what_cannot_run_has_none),
        TEST(long_outputs_pass_through_the_spool),
        TEST(live_output_is_refused),
        TEST(nobody_takes_and_little_is_kept),
        TEST(a_feeder_that_waits_learns_of_the_end),
        TEST(a_stop_waits_for_no_replies),
        TEST(a_taker_gets_the_replies_under_way_at_the_end),
        TEST(a_dead_record_can_end_the_map),
        TEST(a_worker_that_cannot_run_ends_the_map),
        TEST(a_host_with_its_own_loop_is_called_back),
        TEST(the_host_may_free_it_in_a_callback),
        TEST(results_can_be_taken_after_the_end),
        TEST(waiting_drops_what_nobody_takes),
        TEST(it_can_be_freed_at_any_time),
        TEST(misuse_is_refused),
        CU_TEST_INFO_NULL,
    };

    return run_suite("map_feed", tests);
}
