/* weir_map_run() with workers that are called: each record is a call of a function,
 * as docs/protocol.md has it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

/* argv for map_worker -r N, and one more option.  Valid until the next call. */
static const char *const *callee(const char *concurrency, const char *option, const char *value)
{
    static const char *argv[6];

    argv[0] = map_worker(NULL, NULL)[0];
    argv[1] = "-r";
    argv[2] = concurrency;
    argv[3] = option;
    argv[4] = value;
    return argv;
}

static struct weir_map_options call_options(const char *name, const char *concurrency)
{
    struct weir_map_options options = map_options(callee(concurrency, NULL, NULL));

    options.call = name;
    return options;
}

static void a_record_is_the_parameters(void)
{
    weir_t *weir = open_weir();
    const char *argv[] = {child_path("rpc_worker"), NULL};
    struct weir_map_options options = map_options(argv);
    struct mapped mapped;

    options.call = "echo";
    mapped = map_text(weir, &options,
                      "[1, 2]\n{\"a\":1.50}\n 7\n\"x\"\nnull\n\t[ ]\r\n{}\n1e400\ntrue\n");
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(
        out_is(&mapped, "[1, 2]\n{\"a\":1.50}\n[7]\n[\"x\"]\n[null]\n[ ]\n{}\n[1e400]\n[true]\n"));
    CU_ASSERT_STRING_EQUAL(mapped.report.workers[0].node, "here");
    mapped_clear(&mapped);
    weir_close(weir);
}

static void answers_in_any_order_find_their_records(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "7");
    struct weir__buffer input = {0};
    struct mapped mapped;

    add_plain(&input, 0, 3000);
    mapped = map_buffer(weir, &options, &input);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 3000));
    CU_ASSERT_EQUAL(mapped.report.redelivered, 0);
    mapped_clear(&mapped);
    weir_close(weir);
}

static void each_value_of_a_stream_is_a_line(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("each", "1");
    struct weir__buffer wanted = {0};
    struct mapped mapped;

    for (int i = 0; i < 1000; i++)
        add(&wanted, "{\"r\":0,\"i\":%d}\n", i);
    add(&wanted, "{\"r\":2}\n{\"r\":3,\"i\":0}\n%c", '\0');
    mapped = map_text(weir, &options,
                      "{\"n\":0,\"do\":\"many\",\"x\":1000}\n{\"n\":1,\"do\":\"many\",\"x\":0}\n"
                      "{\"n\":2}\n{\"n\":3,\"do\":\"many\",\"x\":1}\n");
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is(&mapped, wanted.bytes));
    CU_ASSERT_EQUAL(mapped.report.answered, 4);
    CU_ASSERT_EQUAL(mapped.report.records_out, 1002);
    weir__buffer_clear(&wanted);
    mapped_clear(&mapped);
    weir_close(weir);
}

static void an_error_fails_its_own_record_and_no_other(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "3");
    struct mapped mapped;

    options.workers = 1;
    options.on_error = WEIR_MAP_DEAD_LETTER;
    mapped = map_text(weir, &options,
                      "{\"n\":0}\n{\"n\":1,\"do\":\"error\",\"x\":-33003}\n{\"n\":2}\n{\"n\":3}\n");
    CU_ASSERT(ended_with(&mapped, 1));
    CU_ASSERT(out_is(&mapped, "{\"r\":0}\n{\"r\":2}\n{\"r\":3}\n"));
    CU_ASSERT(holds_text(&mapped.letters, "\"seq\":1,"));
    CU_ASSERT(holds_text(&mapped.letters, "\"reason\":\"error\",\"attempts\":3,"));
    CU_ASSERT(
        holds_text(&mapped.letters,
                   "\"error\":{\"code\":-33003,\"message\":\"as asked\"},\"record\":{\"n\":1"));
    CU_ASSERT_EQUAL(mapped.report.errors, 3);
    CU_ASSERT_EQUAL(mapped.report.retries, 2);
    CU_ASSERT_EQUAL(mapped.report.worker_count, 1);
    mapped_clear(&mapped);
    weir_close(weir);
}

static void a_run_that_ends_of_an_error_says_which(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "1");
    struct mapped mapped;

    options.on_error = WEIR_MAP_FAIL;
    options.retries = 0;
    mapped = map_text(weir, &options, "{\"n\":0,\"do\":\"error\",\"x\":1005}\n");
    CU_ASSERT(ended_with(&mapped, 3));
    CU_ASSERT_PTR_NOT_NULL(strstr(mapped.report.reason, "error 1005: as asked"));
    mapped_clear(&mapped);
    weir_close(weir);
}

static void what_fails_once_is_answered(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "4");
    struct weir__buffer input = {0};
    struct mapped mapped;

    mark(&options);
    add_plain(&input, 0, 20);
    add(&input, "{\"n\":20,\"do\":\"error-once\",\"x\":1}\n{\"n\":21,\"do\":\"die-once\"}\n"
                "{\"n\":22,\"do\":\"noise-once\"}\n{\"n\":23,\"do\":\"torn-once\"}\n"
                "{\"n\":24,\"do\":\"null-id-once\"}\n");
    add_plain(&input, 25, 20);
    mapped = map_buffer(weir, &options, &input);
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 45));
    mapped_clear(&mapped);
    weir_close(weir);
}

static void a_function_that_is_not_there_cannot_run(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("nope", "1");
    struct mapped mapped = map_text(weir, &options, "1\n");

    CU_ASSERT(ended_with(&mapped, 4));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(mapped.report.reason, "no function \"nope\"; it has: do, each, take"));
    mapped_clear(&mapped);
    options.call = "take";
    mapped = map_text(weir, &options, "1\n");
    CU_ASSERT(ended_with(&mapped, 4));
    CU_ASSERT_PTR_NOT_NULL(strstr(mapped.report.reason, "takes a stream"));
    mapped_clear(&mapped);
    options.call = "do";
    mapped = map_text(weir, &options, "{\"n\":0,\"do\":\"missing\"}\n");
    CU_ASSERT(ended_with(&mapped, 4));
    mapped_clear(&mapped);
    weir_close(weir);
}

static void a_plain_worker_gets_one_call_at_a_time(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "1");
    struct weir__buffer input = {0};
    struct mapped mapped;

    map_command.argv = callee("1", "-p", NULL);
    options.on_error = WEIR_MAP_DEAD_LETTER;
    add_plain(&input, 0, 100);
    add(&input, "{\"n\":100,\"do\":\"error\",\"x\":4}\n");
    mapped = map_buffer(weir, &options, &input);
    CU_ASSERT(ended_with(&mapped, 1));
    CU_ASSERT(out_is_replies(&mapped, 0, 100));
    CU_ASSERT(holds_text(&mapped.letters, "\"attempts\":3,"));
    CU_ASSERT_EQUAL(mapped.report.redelivered, 2); /* nobody was in flight with it */
    mapped_clear(&mapped);
    weir_close(weir);
}

static void stray_lines_are_counted_and_half_messages_are_not_forgiven(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "1");
    struct mapped mapped;

    options.workers = 1;
    map_command.argv = callee("1", "-s", "Loading the model ...");
    mapped = map_text(weir, &options,
                      "{\"n\":0,\"do\":\"string\"}\n{\"n\":1,\"do\":\"batch\"}\n"
                      "{\"n\":2,\"do\":\"bytes\"}\n{\"n\":3}\n");
    CU_ASSERT(ended_with(&mapped, 0));
    CU_ASSERT(out_is_replies(&mapped, 0, 4));
    CU_ASSERT_EQUAL(mapped.report.noise, 1);
    mapped_clear(&mapped);
    options.on_error = WEIR_MAP_DEAD_LETTER;
    options.retries = 0;
    mapped = map_text(weir, &options, "{\"n\":0}\n{\"n\":1,\"do\":\"noise\"}\n{\"n\":2}\n");
    CU_ASSERT(ended_with(&mapped, 1));
    CU_ASSERT(out_is(&mapped, "{\"r\":0}\n{\"r\":2}\n"));
    CU_ASSERT(holds_text(&mapped.letters, "\"reason\":\"desync\""));
    mapped_clear(&mapped);
    weir_close(weir);
}

/* One that has no end is cancelled and the worker lives; one that does not mind is
 * ended. */
static void values_without_end_make_their_record_dead(void)
{
    static const char *const ways[] = {"endless", "deaf", "many"};
    weir_t *weir = open_weir();

    for (int i = 0; i < 3; i++) {
        struct weir_map_options options = call_options("each", "1");
        struct weir__buffer input = {0};
        struct mapped mapped;

        options.workers = 1;
        options.max_record = 5000;
        options.grace_ms = *ways[i] == 'd' ? 50 : PATIENCE_MS; /* the others do let go */
        options.on_error = WEIR_MAP_DEAD_LETTER;
        add(&input, "{\"n\":0}\n{\"n\":1,\"do\":\"%s\",\"x\":1000}\n{\"n\":2}\n{\"n\":3}\n",
            ways[i]);
        mapped = map_buffer(weir, &options, &input);
        CU_ASSERT(ended_with(&mapped, 1));
        CU_ASSERT(out_is(&mapped, "{\"r\":0}\n{\"r\":2}\n{\"r\":3}\n"));
        CU_ASSERT(holds_text(&mapped.letters, "\"reason\":\"overflow\",\"attempts\":1,"));
        CU_ASSERT_EQUAL(mapped.report.worker_count, *ways[i] == 'd' ? 2 : 1);
        CU_ASSERT_EQUAL(count_lines(&mapped.letters), 1);
        mapped_clear(&mapped);
    }
    weir_close(weir);
}

static void a_value_that_is_too_long_makes_its_record_dead(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "1");
    struct mapped mapped;

    options.max_record = 1000;
    options.on_error = WEIR_MAP_DEAD_LETTER;
    mapped = map_text(weir, &options,
                      "{\"n\":0,\"do\":\"big\",\"x\":900}\n{\"n\":1,\"do\":\"big\",\"x\":1000}\n");
    CU_ASSERT(ended_with(&mapped, 1));
    CU_ASSERT_EQUAL(count_lines(&mapped.out), 1);
    CU_ASSERT(holds_text(&mapped.letters, "\"reason\":\"overflow\",\"attempts\":1,"));
    mapped_clear(&mapped);
    weir_close(weir);
}

static void values_of_a_stream_that_was_not_declared_are_an_error(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "1");
    struct mapped mapped;

    options.on_error = WEIR_MAP_DEAD_LETTER;
    mapped =
        map_text(weir, &options, "{\"n\":0}\n{\"n\":1,\"do\":\"unheard\",\"x\":3}\n{\"n\":2}\n");
    CU_ASSERT(ended_with(&mapped, 1));
    CU_ASSERT(out_is(&mapped, "{\"r\":0}\n{\"r\":2}\n"));
    CU_ASSERT(holds_text(&mapped.letters, "\"error\":{\"code\":-33004,"));
    mapped_clear(&mapped);
    weir_close(weir);
}

static void a_worker_that_says_no_hello_cannot_run(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "1");
    struct mapped mapped;

    options.start_timeout_ms = 20;
    options.grace_ms = 0;
    map_command.argv = callee("1", "-q", NULL);
    mapped = map_text(weir, &options, "{\"n\":0}\n");
    CU_ASSERT(ended_with(&mapped, 4));
    CU_ASSERT_PTR_NOT_NULL(strstr(mapped.report.reason, "did not answer weir/hello in time"));
    CU_ASSERT_EQUAL(mapped.report.dead, 0);
    mapped_clear(&mapped);
    options.start_timeout_ms = WEIR_FOREVER;
    map_command.argv = callee("1", "-Q", NULL);
    mapped = map_text(weir, &options, "{\"n\":0}\n");
    CU_ASSERT(ended_with(&mapped, 4));
    CU_ASSERT_PTR_NOT_NULL(strstr(mapped.report.reason, "-32603"));
    mapped_clear(&mapped);
    weir_close(weir);
}

/* The one that stalls is not helped by the others' answers. */
static void a_record_has_its_time_from_its_own_turn_on(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "1");
    struct mapped mapped;

    options.workers = 1;
    options.retries = 0;
    options.record_timeout_ms = 500;
    options.grace_ms = 0;
    options.on_error = WEIR_MAP_DEAD_LETTER;
    mapped =
        map_text(weir, &options, "{\"n\":0}\n{\"n\":1,\"do\":\"stall\"}\n{\"n\":2}\n{\"n\":3}\n");
    CU_ASSERT(ended_with(&mapped, 1));
    CU_ASSERT(out_is(&mapped, "{\"r\":0}\n{\"r\":2}\n{\"r\":3}\n"));
    CU_ASSERT(holds_text(&mapped.letters, "\"reason\":\"timeout\",\"attempts\":1,"));
    mapped_clear(&mapped);
    weir_close(weir);
}

static void a_null_value_drops_its_record_where_asked(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "1");
    struct mapped mapped = map_text(weir, &options, "{\"n\":0,\"do\":\"null\"}\n{\"n\":1}\n");

    CU_ASSERT(out_is(&mapped, "null\n{\"r\":1}\n"));
    mapped_clear(&mapped);
    options.drop_null = 1;
    mapped = map_text(weir, &options, "{\"n\":0,\"do\":\"null\"}\n{\"n\":1}\n");
    CU_ASSERT(out_is(&mapped, "{\"r\":1}\n"));
    CU_ASSERT_EQUAL(mapped.report.dropped, 1);
    mapped_clear(&mapped);
    weir_close(weir);
}

static void what_cannot_be_a_call_is_refused(void)
{
    weir_t *weir = open_weir();
    struct weir_map_options options = call_options("do", "1");
    struct weir_map_report report;
    struct weir_error error;

    options.unchecked = 1;
    CU_ASSERT_EQUAL(weir_map_run(weir, &options, &report, &error), WEIR_ERR_INVALID);
    options.unchecked = 0;
    options.encoding = WEIR_MAP_RAW;
    CU_ASSERT_EQUAL(weir_map_run(weir, &options, &report, &error), WEIR_ERR_INVALID);
    options.encoding = WEIR_MAP_STRICT;
    options.call = "weir/hello";
    CU_ASSERT_EQUAL(weir_map_run(weir, &options, &report, &error), WEIR_ERR_INVALID);
    options.call = "";
    CU_ASSERT_EQUAL(weir_map_run(weir, &options, &report, &error), WEIR_ERR_INVALID);
    weir_close(weir);
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(a_record_is_the_parameters),
        TEST(answers_in_any_order_find_their_records),
        TEST(each_value_of_a_stream_is_a_line),
        TEST(an_error_fails_its_own_record_and_no_other),
        TEST(a_run_that_ends_of_an_error_says_which),
        TEST(what_fails_once_is_answered),
        TEST(a_function_that_is_not_there_cannot_run),
        TEST(a_plain_worker_gets_one_call_at_a_time),
        TEST(stray_lines_are_counted_and_half_messages_are_not_forgiven),
        TEST(values_without_end_make_their_record_dead),
        TEST(a_value_that_is_too_long_makes_its_record_dead),
        TEST(values_of_a_stream_that_was_not_declared_are_an_error),
        TEST(a_worker_that_says_no_hello_cannot_run),
        TEST(a_record_has_its_time_from_its_own_turn_on),
        TEST(a_null_value_drops_its_record_where_asked),
        TEST(what_cannot_be_a_call_is_refused),
        CU_TEST_INFO_NULL,
    };

    return run_suite("map_call", tests);
}
