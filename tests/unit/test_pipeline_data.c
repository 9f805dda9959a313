/* A pipeline before it runs: what is kept, under which names, and what is refused. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/pipeline.h"
#include "support/harness.h"

static weir_pipeline_t *pipeline_of(const char *const *lines)
{
    weir_pipeline_t *pipeline = weir_pipeline_new();

    for (; *lines != NULL; lines++)
        CU_ASSERT_EQUAL(weir_pipeline_add_line(pipeline, *lines, NULL, NULL), 0);
    return pipeline;
}

static int add_named(weir_pipeline_t *pipeline, const char *line, const char *name,
                     struct weir_error *error)
{
    struct weir_stage stage;

    weir_stage_init(&stage);
    stage.name = name;
    return weir_pipeline_add_line(pipeline, line, &stage, error);
}

static void a_stage_is_copied_to_the_last_byte(void)
{
    char program[] = "sort", option[] = "-u", variable[] = "A=1", passed[] = "PATH";
    char cwd[] = "/tmp", charset[] = "latin1", name[] = "order";
    unsigned char ok_exit[] = {0, 1};
    const char *argv[] = {program, option, NULL}, *env[] = {variable, NULL};
    const char *env_pass[] = {passed, NULL};
    weir_pipeline_t *pipeline = weir_pipeline_new();
    const struct weir_stage *kept;
    struct weir_command command;
    struct weir_stage stage;

    weir_command_init(&command);
    weir_stage_init(&stage);
    stage.name = name;
    stage.command = &command;
    command.argv = argv;
    command.env = env;
    command.env_pass = env_pass;
    command.cwd = cwd;
    command.nice = 3;
    command.limits[WEIR_LIMIT_FILES] = 64;
    stage.charset = charset;
    stage.ok_exit = ok_exit;
    stage.ok_exit_count = 2;
    stage.timeout_ms = 1234;
    CU_ASSERT_EQUAL_FATAL(weir_pipeline_add(pipeline, &stage, NULL), 0);

    memset(program, 'x', sizeof program - 1);
    memset(option, 'x', sizeof option - 1);
    memset(variable, 'x', sizeof variable - 1);
    memset(passed, 'x', sizeof passed - 1);
    memset(cwd, 'x', sizeof cwd - 1);
    memset(charset, 'x', sizeof charset - 1);
    memset(name, 'x', sizeof name - 1);
    ok_exit[1] = 9;
    argv[0] = env[0] = env_pass[0] = NULL;

    kept = &pipeline->stages[0].view;
    CU_ASSERT_STRING_EQUAL(kept->name, "order");
    CU_ASSERT_STRING_EQUAL(pipeline->stages[0].command.argv[0], "sort");
    CU_ASSERT_STRING_EQUAL(pipeline->stages[0].command.argv[1], "-u");
    CU_ASSERT_PTR_NULL(pipeline->stages[0].command.argv[2]);
    CU_ASSERT_STRING_EQUAL(pipeline->stages[0].command.env[0], "A=1");
    CU_ASSERT_STRING_EQUAL(pipeline->stages[0].command.env_pass[0], "PATH");
    CU_ASSERT_STRING_EQUAL(pipeline->stages[0].command.cwd, "/tmp");
    CU_ASSERT_STRING_EQUAL(kept->charset, "latin1");
    CU_ASSERT_EQUAL(kept->ok_exit[1], 1);
    CU_ASSERT_EQUAL(kept->ok_exit_count, 2);
    CU_ASSERT_EQUAL(pipeline->stages[0].command.nice, 3);
    CU_ASSERT_EQUAL(pipeline->stages[0].command.limits[WEIR_LIMIT_FILES], 64);
    CU_ASSERT_EQUAL(kept->timeout_ms, 1234);
    CU_ASSERT_EQUAL(kept->grace_ms, 5000);
    weir_pipeline_free(pipeline);
}

static void a_line_is_split_into_words_without_a_shell(void)
{
    const char *const lines[] = {"grep -e 'a b' \"$HOME\" *", NULL};
    weir_pipeline_t *pipeline = pipeline_of(lines);
    const char *const *argv = pipeline->stages[0].command.argv;

    CU_ASSERT_STRING_EQUAL(argv[2], "a b");
    CU_ASSERT_STRING_EQUAL(argv[3], "$HOME");
    CU_ASSERT_STRING_EQUAL(argv[4], "*");
    CU_ASSERT_PTR_NULL(argv[5]);
    weir_pipeline_free(pipeline);
}

static void a_stage_is_named_by_its_program_and_numbered_where_doubled(void)
{
    const char *const lines[] = {"/usr/bin/sort", "cat", "sort -u", "./x/sort", "cat", NULL};
    weir_pipeline_t *pipeline = pipeline_of(lines);

    CU_ASSERT_EQUAL(weir_pipeline_count(pipeline), 5);
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 0), "sort");
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 1), "cat");
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 2), "sort#2");
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 3), "sort#3");
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 4), "cat#2");
    CU_ASSERT_PTR_NULL(weir_pipeline_stage_name(pipeline, 5));
    weir_pipeline_free(pipeline);
}

static void a_given_name_stands_and_a_derived_one_makes_way(void)
{
    const char *const lines[] = {"cat", NULL};
    weir_pipeline_t *pipeline = pipeline_of(lines);

    CU_ASSERT_EQUAL(add_named(pipeline, "tac", "cat", NULL), 0);
    CU_ASSERT_EQUAL(add_named(pipeline, "tac", "cat#2", NULL), 0);
    CU_ASSERT_EQUAL(weir_pipeline_add_line(pipeline, "cat", NULL, NULL), 0);
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 0), "cat#3");
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 1), "cat");
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 2), "cat#2");
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 3), "cat#4");
    CU_ASSERT_STRING_EQUAL(pipeline->stages[0].view.name, "cat#3");
    weir_pipeline_free(pipeline);
}

static void a_given_name_twice_is_refused(void)
{
    const char *const lines[] = {"cat", NULL};
    weir_pipeline_t *pipeline = pipeline_of(lines);
    struct weir_error error = {0};

    CU_ASSERT_EQUAL(add_named(pipeline, "tac", "rev", NULL), 0);
    CU_ASSERT_EQUAL(add_named(pipeline, "tac", "rev", &error), WEIR_ERR_INVALID);
    CU_ASSERT_STRING_EQUAL(error.text,
                           "stages 2 and 3 are both named \"rev\": give one another name");
    CU_ASSERT_EQUAL(weir_pipeline_count(pipeline), 2);
    weir_pipeline_free(pipeline);
}

static void a_blank_line_is_an_empty_stage(void)
{
    const char *const lines[] = {"cat", NULL};
    weir_pipeline_t *pipeline = pipeline_of(lines);
    struct weir_error error = {0};

    CU_ASSERT_EQUAL(weir_pipeline_add_line(pipeline, " \t ", NULL, &error), WEIR_ERR_INVALID);
    CU_ASSERT_STRING_EQUAL(error.text, "stage 2 is empty: give a program");
    CU_ASSERT_EQUAL(weir_pipeline_add_line(pipeline, "''", NULL, &error), WEIR_ERR_INVALID);
    CU_ASSERT_STRING_EQUAL(error.text, "stage 2 is empty: give a program");
    CU_ASSERT_EQUAL(weir_pipeline_add_line(pipeline, "tr 'a", NULL, &error), WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "stage 2: the ' at character 4 is not closed"));
    CU_ASSERT_EQUAL(weir_pipeline_count(pipeline), 1);
    weir_pipeline_free(pipeline);
}

static void expect_refused(const struct weir_stage *stage, const char *words)
{
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_error error = {0};

    CU_ASSERT_EQUAL(weir_pipeline_add(pipeline, stage, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(error.status, WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, words));
    CU_ASSERT_EQUAL(weir_pipeline_count(pipeline), 0);
    weir_pipeline_free(pipeline);
}

static void what_cannot_mean_anything_is_refused(void)
{
    static const char *const argv[] = {"cat", NULL}, *const no_program[] = {NULL};
    static const char *const no_variable[] = {"A", NULL};
    struct weir_command command;
    struct weir_stage good, stage;

    weir_stage_init(&good);
    weir_command_init(&command);
    command.argv = argv;
    good.command = &command;
    stage = good, stage.size = 0;
    expect_refused(&stage, "weir_stage_init");
    stage = good, command.argv = NULL;
    expect_refused(&stage, "stage 1 is empty");
    command.argv = no_program;
    expect_refused(&stage, "stage 1 is empty");
    command.argv = argv;
    stage = good, stage.name = "";
    expect_refused(&stage, "name");
    stage = good, stage.timeout_ms = -2;
    expect_refused(&stage, "time");
    stage = good, stage.grace_ms = WEIR_FOREVER;
    expect_refused(&stage, "time");
    stage = good, stage.idle_ms = INT64_MAX;
    expect_refused(&stage, "time");
    stage = good, stage.err = (enum weir_stage_stderr)9;
    expect_refused(&stage, "err");
    stage = good, command.env = no_variable;
    expect_refused(&stage, "NAME=VALUE");
    command.env = NULL;
    stage = good, stage.charset = "klingon";
    expect_refused(&stage, "klingon");
    stage = good, stage.charset = "auto";
    expect_refused(&stage, "auto");
    stage = good, stage.charset = "binary";
    expect_refused(&stage, "binary");
}

static void a_stage_of_an_older_library_gets_the_new_defaults(void)
{
    static const char *const argv[] = {"cat", NULL};
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_command command;
    struct weir_stage stage;

    weir_command_init(&command);
    weir_stage_init(&stage);
    stage.command = &command;
    command.argv = argv;
    stage.charset = "no such thing";
    stage.size = offsetof(struct weir_stage, charset);
    CU_ASSERT_EQUAL(weir_pipeline_add(pipeline, &stage, NULL), 0);
    CU_ASSERT_PTR_NULL(pipeline->stages[0].view.charset);
    CU_ASSERT_EQUAL(pipeline->stages[0].view.size, sizeof stage);
    weir_pipeline_free(pipeline);
}

static void a_pipeline_has_no_more_stages_than_one_start_can_hold(void)
{
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_error error = {0};

    for (int i = 0; i < WEIR__STAGES_MAX; i++)
        CU_ASSERT_EQUAL(weir_pipeline_add_line(pipeline, "cat", NULL, NULL), 0);
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, WEIR__STAGES_MAX - 1), "cat#62");
    CU_ASSERT_EQUAL(weir_pipeline_add_line(pipeline, "cat", NULL, &error), WEIR_ERR_INVALID);
    CU_ASSERT_STRING_EQUAL(error.text, "a pipeline can have at most 62 stages");
    weir_pipeline_free(pipeline);
}

static void settings_have_defaults_and_are_copied(void)
{
    char input[] = "in.txt";
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_pipeline_settings settings;

    weir_pipeline_get(pipeline, &settings);
    CU_ASSERT_EQUAL(settings.pipefail, WEIR_PIPEFAIL_SMART);
    CU_ASSERT_EQUAL(settings.timeout_ms, WEIR_FOREVER);
    CU_ASSERT_EQUAL(settings.grace_ms, 5000);
    CU_ASSERT_EQUAL(settings.drain_ms, 1000);
    CU_ASSERT_EQUAL(settings.input_fd, 0);
    CU_ASSERT_EQUAL(settings.output_fd, 1);
    CU_ASSERT_EQUAL(settings.stderr_fd, 2);
    CU_ASSERT_EQUAL(settings.terminal_fd, -1);
    CU_ASSERT_EQUAL(settings.max_stderr, 65536);
    settings.input = input;
    CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, NULL), 0);
    input[0] = 'X';
    weir_pipeline_get(pipeline, &settings);
    CU_ASSERT_STRING_EQUAL(settings.input, "in.txt");
    /* What get gave may be set again, as it is. */
    CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, NULL), 0);
    weir_pipeline_get(pipeline, &settings);
    CU_ASSERT_STRING_EQUAL(settings.input, "in.txt");
    weir_pipeline_free(pipeline);
}

static void settings_that_cannot_mean_anything_change_nothing(void)
{
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_pipeline_settings good, settings;
    struct weir_error error;

    weir_pipeline_get(pipeline, &good);
    settings = good, settings.size = 0;
    CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, &error), WEIR_ERR_INVALID);
    settings = good, settings.timeout_ms = -5;
    CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, &error), WEIR_ERR_INVALID);
    settings = good, settings.drain_ms = WEIR_FOREVER;
    CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, &error), WEIR_ERR_INVALID);
    settings = good, settings.output = "";
    CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, &error), WEIR_ERR_INVALID);
    settings = good, settings.pipefail = (enum weir_pipefail)7, settings.grace_ms = 1;
    CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, &error), WEIR_ERR_INVALID);
    weir_pipeline_get(pipeline, &settings);
    CU_ASSERT_EQUAL(settings.grace_ms, 5000);
    weir_pipeline_free(pipeline);
    weir_pipeline_free(NULL);
}

int main(void)
{
#define TEST(name) {#name, name}
    CU_TestInfo tests[] = {
        TEST(a_stage_is_copied_to_the_last_byte),
        TEST(a_line_is_split_into_words_without_a_shell),
        TEST(a_stage_is_named_by_its_program_and_numbered_where_doubled),
        TEST(a_given_name_stands_and_a_derived_one_makes_way),
        TEST(a_given_name_twice_is_refused),
        TEST(a_blank_line_is_an_empty_stage),
        TEST(what_cannot_mean_anything_is_refused),
        TEST(a_stage_of_an_older_library_gets_the_new_defaults),
        TEST(a_pipeline_has_no_more_stages_than_one_start_can_hold),
        TEST(settings_have_defaults_and_are_copied),
        TEST(settings_that_cannot_mean_anything_change_nothing),
        CU_TEST_INFO_NULL,
    };

    return run_suite("pipeline_data", tests);
}
