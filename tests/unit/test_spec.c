/* Specs: what a good one becomes, and where each fault of a bad one is reported. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/text.h>

#include "pipeline/pipeline.h"
#include "text/json_positions.h"
#include "support/harness.h"

/* All faults of one spec, a line each. */
struct reported {
    char lines[16 * 1024];
    int count;
};

static void gather(const struct weir_error *fault, void *context)
{
    struct reported *reported = context;

    CU_ASSERT_EQUAL(fault->status, WEIR_ERR_SPEC);
    snprintf(reported->lines + strlen(reported->lines),
             sizeof reported->lines - strlen(reported->lines), "%s\n", fault->text);
    reported->count++;
}

static weir_pipeline_t *parse(const char *text, struct reported *reported, struct weir_error *error)
{
    *reported = (struct reported){0};
    return weir_pipeline_parse(text, strlen(text), "p.json", gather, reported, error);
}

/* The spec has exactly these errors, in this order. */
static void expect(const char *text, const char *faults)
{
    struct weir_error error = {0};
    struct reported reported;
    weir_pipeline_t *pipeline = parse(text, &reported, &error);

    CU_ASSERT_PTR_NULL(pipeline);
    CU_ASSERT_EQUAL(error.status, WEIR_ERR_SPEC);
    CU_ASSERT_STRING_EQUAL(reported.lines, faults);
    if (strcmp(reported.lines, faults) != 0)
        printf("# reported:\n%s# expected:\n%s", reported.lines, faults);
    weir_pipeline_free(pipeline);
}

/* The same, where the spec is good but for what stands in its only stage. */
static void expect_in_stage(const char *members, const char *fault)
{
    char text[1024], faults[1024];

    snprintf(text, sizeof text, "{\"weir\":1,\"stages\":[\n{\"cmd\":[\"a\"],\n%s}]}", members);
    snprintf(faults, sizeof faults, "p.json:3:%s\n", fault);
    expect(text, faults);
}

static weir_pipeline_t *expect_good(const char *text)
{
    struct weir_error error = {0};
    struct reported reported;
    weir_pipeline_t *pipeline = parse(text, &reported, &error);

    CU_ASSERT_STRING_EQUAL(reported.lines, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(pipeline);
    return pipeline;
}

/* --- Good ------------------------------------------------------------------ */

static void a_full_spec_is_read_to_the_last_key(void)
{
    static const char text[] =
        "{\"weir\": 1, \"in\": {\"path\": \"in.txt\"},\n"
        " \"stages\": [\n"
        "  {\"name\": \"tap\", \"cmd\": [\"python3\", \"tap.py\", \"\"],\n"
        "   \"env\": {\"B\": \"2=2\", \"A\": \"\"}, \"env_clear\": true,\n"
        "   \"env_pass\": [\"PATH\", \"HOME\"], \"cwd\": \"/tmp\", \"encoding\": \"latin1\",\n"
        "   \"stderr\": \"discard\", \"timeout_s\": 2, \"idle_s\": 0.5, \"grace_s\": 1.25,\n"
        "   \"limits\": {\"memory\": \"64M\", \"cpu\": 10, \"core\": 0}, \"ok_exit\": [0, 2],\n"
        "   \"early_close\": \"ok\", \"meter\": true, \"nice\": 5, \"map\": null},\n"
        "  {\"cmd\": \"sort -k '2 3'\", \"stop\": \"INT:2s,TERM:5s,KILL\"}],\n"
        " \"out\": {\"path\": \"out.txt\"}, \"pipefail\": \"last\", \"deadline_s\": 60,\n"
        " \"grace_s\": 3, \"drain_s\": 0.1, \"checkpoint\": null, \"report\": \"r.json\"}\n";
    weir_pipeline_t *pipeline = expect_good(text);
    const struct weir_stage *stage = &pipeline->stages[0].view;
    const struct weir_command *command = &pipeline->stages[0].command;
    struct weir_pipeline_settings settings;

    CU_ASSERT_EQUAL(weir_pipeline_count(pipeline), 2);
    CU_ASSERT_STRING_EQUAL(stage->name, "tap");
    CU_ASSERT_STRING_EQUAL(command->argv[1], "tap.py");
    CU_ASSERT_STRING_EQUAL(command->argv[2], "");
    CU_ASSERT_PTR_NULL(command->argv[3]);
    CU_ASSERT_STRING_EQUAL(command->env[0], "B=2=2");
    CU_ASSERT_STRING_EQUAL(command->env[1], "A=");
    CU_ASSERT_PTR_NULL(command->env[2]);
    CU_ASSERT(command->env_clear);
    CU_ASSERT_STRING_EQUAL(command->env_pass[1], "HOME");
    CU_ASSERT_STRING_EQUAL(command->cwd, "/tmp");
    CU_ASSERT_STRING_EQUAL(stage->charset, "latin1");
    CU_ASSERT_EQUAL(stage->err, WEIR_STDERR_DISCARD);
    CU_ASSERT_EQUAL(stage->timeout_ms, 2000);
    CU_ASSERT_EQUAL(stage->idle_ms, 500);
    CU_ASSERT_EQUAL(stage->grace_ms, 1250);
    CU_ASSERT_EQUAL(command->limits[WEIR_LIMIT_MEMORY], 64 << 20);
    CU_ASSERT_EQUAL(command->limits[WEIR_LIMIT_CPU], 10);
    CU_ASSERT_EQUAL(command->limits[WEIR_LIMIT_CORE], 0);
    CU_ASSERT_EQUAL(command->limits[WEIR_LIMIT_FILES], WEIR_NO_LIMIT);
    CU_ASSERT_EQUAL(stage->ok_exit_count, 2);
    CU_ASSERT_EQUAL(stage->ok_exit[1], 2);
    CU_ASSERT(stage->early_close_ok);
    CU_ASSERT(stage->meter);
    CU_ASSERT_EQUAL(command->nice, 5);
    CU_ASSERT_STRING_EQUAL(pipeline->stages[1].command.argv[2], "2 3");
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 1), "sort");
    CU_ASSERT_EQUAL(pipeline->stages[0].stop.count, 0);
    CU_ASSERT_EQUAL(pipeline->stages[1].stop.count, 2);
    CU_ASSERT_EQUAL(pipeline->stages[1].stop.steps[1].signal, SIGTERM);
    CU_ASSERT_EQUAL(pipeline->stages[1].view.grace_ms, 7000);

    weir_pipeline_get(pipeline, &settings);
    CU_ASSERT_STRING_EQUAL(settings.input, "in.txt");
    CU_ASSERT_STRING_EQUAL(settings.output, "out.txt");
    CU_ASSERT_EQUAL(settings.pipefail, WEIR_PIPEFAIL_LAST);
    CU_ASSERT_EQUAL(settings.timeout_ms, 60000);
    CU_ASSERT_EQUAL(settings.grace_ms, 3000);
    CU_ASSERT_EQUAL(settings.drain_ms, 100);
    CU_ASSERT_STRING_EQUAL(settings.report, "r.json");
    weir_pipeline_free(pipeline);
}

static void a_map_has_a_key_for_each_option(void)
{
    static const char text[] =
        "{\"weir\": 1, \"stages\": [{\"cmd\": [\"enrich\"], \"map\": {\n"
        "  \"workers\": 3, \"protocol\": \"lines\", \"call\": \"f\", \"order\": \"any\",\n"
        "  \"drop_null\": true, \"check\": \"syntax\", \"encoding\": \"replace\",\n"
        "  \"max_record\": \"2M\", \"record_timeout_s\": 1.5, \"retries\": 0,\n"
        "  \"on_error\": \"dead-letter\", \"dead_letter\": \"dead.ndjson\",\n"
        "  \"launcher\": [\"ssh\", \"node1\"], \"launcher_stop\": [\"ssh\", \"node1\", \"kill\"],\n"
        "  \"start_timeout_s\": 20, \"window\": 7, \"window_bytes\": \"64K\",\n"
        "  \"reorder_bytes\": 1024}}]}";
    weir_pipeline_t *pipeline = expect_good(text);
    const struct weir_map_options *map = weir__stage_map(&pipeline->stages[0]);

    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    CU_ASSERT_EQUAL(map->workers, 3);
    CU_ASSERT_STRING_EQUAL(map->call, "f");
    CU_ASSERT(map->unordered);
    CU_ASSERT(map->drop_null);
    CU_ASSERT(!map->unchecked);
    CU_ASSERT_EQUAL(map->encoding, WEIR_MAP_REPLACE);
    CU_ASSERT_EQUAL(map->max_record, 2 << 20);
    CU_ASSERT_EQUAL(map->record_timeout_ms, 1500);
    CU_ASSERT_EQUAL(map->retries, 0);
    CU_ASSERT_EQUAL(map->on_error, WEIR_MAP_DEAD_LETTER);
    CU_ASSERT_STRING_EQUAL(map->dead_letter, "dead.ndjson");
    CU_ASSERT_STRING_EQUAL(map->launcher[1], "node1");
    CU_ASSERT_PTR_NULL(map->launcher[2]);
    CU_ASSERT_STRING_EQUAL(map->launcher_stop[2], "kill");
    CU_ASSERT_PTR_NULL(map->launcher_stop[3]);
    CU_ASSERT_EQUAL(map->start_timeout_ms, 20000);
    CU_ASSERT_EQUAL(map->window, 7);
    CU_ASSERT_EQUAL(map->window_bytes, 64 << 10);
    CU_ASSERT_EQUAL(map->reorder_bytes, 1024);
    weir_pipeline_free(pipeline);
}

static void what_a_map_leaves_out_is_as_weir_map_has_it(void)
{
    weir_pipeline_t *pipeline =
        expect_good("{\"weir\": 1, \"stages\": [{\"cmd\": \"a\", \"map\": {\"launcher\": null,"
                    " \"launcher_stop\": null, \"start_timeout_s\": null}}]}");
    const struct weir_map_options *map = weir__stage_map(&pipeline->stages[0]);
    struct weir_map_options defaults;

    weir_map_options_init(&defaults);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    CU_ASSERT_PTR_NULL(map->launcher);
    CU_ASSERT_PTR_NULL(map->launcher_stop);
    CU_ASSERT_EQUAL(map->start_timeout_ms, defaults.start_timeout_ms);
    CU_ASSERT_EQUAL(map->max_record, defaults.max_record);
    CU_ASSERT_EQUAL(map->unchecked, defaults.unchecked);
    CU_ASSERT_EQUAL(map->encoding, defaults.encoding);
    CU_ASSERT_EQUAL(map->drop_null, defaults.drop_null);
    CU_ASSERT_EQUAL(map->window, defaults.window);
    CU_ASSERT_EQUAL(map->window_bytes, defaults.window_bytes);
    CU_ASSERT_EQUAL(map->reorder_bytes, defaults.reorder_bytes);
    weir_pipeline_free(pipeline);
}

static void what_is_left_out_or_null_has_its_default(void)
{
    weir_pipeline_t *pipeline = expect_good(
        "\xEF\xBB\xBF{\"weir\":1,\"in\":{\"path\":\"-\"},\"out\":{\"path\":\"-\"},"
        "\"deadline_s\":null,\"report\":null,\"stages\":[{\"cmd\":[\"/bin/cat\"],\"cwd\":null,"
        "\"timeout_s\":null,\"idle_s\":null,\"grace_s\":null,\"encoding\":\"raw\",\"env_pass\":[]}]"
        "}");
    const struct weir_stage *stage = &pipeline->stages[0].view;
    const struct weir_command *command = &pipeline->stages[0].command;
    struct weir_pipeline_settings settings;

    CU_ASSERT_STRING_EQUAL(stage->name, "cat");
    CU_ASSERT_PTR_NULL(command->cwd);
    CU_ASSERT_PTR_NULL(stage->charset);
    CU_ASSERT_PTR_NULL(stage->ok_exit);
    CU_ASSERT_EQUAL(stage->timeout_ms, WEIR_FOREVER);
    CU_ASSERT_EQUAL(stage->idle_ms, WEIR_FOREVER);
    CU_ASSERT_EQUAL(stage->grace_ms, 5000);
    /* An empty list of names to pass is a list: nothing passes. */
    CU_ASSERT_PTR_NOT_NULL_FATAL(command->env_pass);
    CU_ASSERT_PTR_NULL(command->env_pass[0]);
    weir_pipeline_get(pipeline, &settings);
    CU_ASSERT_PTR_NULL(settings.input);
    CU_ASSERT_EQUAL(settings.input_fd, 0);
    CU_ASSERT_PTR_NULL(settings.output);
    CU_ASSERT_EQUAL(settings.output_fd, 1);
    CU_ASSERT_PTR_NULL(settings.report);
    CU_ASSERT_EQUAL(settings.timeout_ms, WEIR_FOREVER);
    weir_pipeline_free(pipeline);
}

static void a_given_name_may_be_what_another_would_be_called(void)
{
    weir_pipeline_t *pipeline = expect_good(
        "{\"weir\":1,\"stages\":[{\"cmd\":\"cat\"},{\"cmd\":\"tac\",\"name\":\"cat\"}]}");

    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 0), "cat#2");
    CU_ASSERT_STRING_EQUAL(weir_pipeline_stage_name(pipeline, 1), "cat");
    weir_pipeline_free(pipeline);
}

/* --- Not JSON -------------------------------------------------------------- */

static void bad_json_is_reported_by_line_and_column(void)
{
    expect("{\"weir\": 1,\n  \"st\": tru}", "p.json:2:11: not JSON: invalid token near 'tru'\n");
    expect("{\"weir\": 1,\n \"\xC3\xA4\" 2}", "p.json:2:6: not JSON: ':' expected near '2'\n");
    expect("", "p.json:1:1: not JSON: unexpected token near end of file\n");
    expect("{\"weir\":1\n", "p.json:2:1: not JSON: '}' expected near end of file\n");
    expect("{} x", "p.json:1:4: not JSON: end of file expected near 'x'\n");
    expect("{\"a\":\"\x1b[2J\"}", "p.json:1:6: not JSON: control character 0x1b near '\"'\n");
}

/* --- The document ---------------------------------------------------------- */

static void the_document_is_an_object_with_a_version_and_stages(void)
{
    expect("3", "p.json:1:1: is a number: give an object\n");
    expect("\n []", "p.json:2:2: is an array: give an object\n");
    expect(" {}", "p.json:1:2: \"weir\" is missing: begin with \"weir\": 1\n"
                  "p.json:1:2: \"stages\" is missing: give at least one, such as "
                  "[{\"cmd\": [\"sort\", \"-u\"]}]\n");
    expect("{\"weir\":2,\"stages\":[{\"cmd\":\"a\"}]}",
           "p.json:1:9: /weir: must be 1, the only spec version\n");
    expect("{\"weir\":\"1\",\"stages\":[{\"cmd\":\"a\"}]}",
           "p.json:1:9: /weir: must be 1, the only spec version\n");
    expect("{\"weir\":1,\"stages\":[]}",
           "p.json:1:20: /stages: is empty: give at least one stage, such as "
           "[{\"cmd\": [\"sort\", \"-u\"]}]\n");
    expect("{\"weir\":1,\"stages\":{}}",
           "p.json:1:20: /stages: is an object: give an array, such as "
           "[{\"cmd\": [\"sort\", \"-u\"]}]\n");
    expect("{\"weir\":1,\"stages\":[\"sort\"]}",
           "p.json:1:21: /stages/0: is a string: give an object\n");
}

static void the_settings_are_checked(void)
{
#define REST ",\"stages\":[{\"cmd\":\"a\"}]}"
    expect("{\"weir\":1,\"in\":\"x\"" REST,
           "p.json:1:16: /in: is a string: give an object, such as {\"path\": \"-\"}\n");
    expect("{\"weir\":1,\"in\":{}" REST,
           "p.json:1:16: /in: \"path\" is missing: give a file path, or \"-\"\n");
    expect("{\"weir\":1,\"out\":{\"path\":\"\"}" REST,
           "p.json:1:25: /out/path: is empty: give a file path, or \"-\"\n");
    expect("{\"weir\":1,\"out\":{\"path\":null}" REST,
           "p.json:1:25: /out/path: is null: give a file path, or \"-\"\n");
    expect("{\"weir\":1,\"out\":{\"paht\":\"-\",\"path\":\"-\"}" REST,
           "p.json:1:18: /out/paht: unknown key \"paht\": did you mean \"path\"?\n");
    expect("{\"weir\":1,\"pipefail\":\"none\"" REST,
           "p.json:1:22: /pipefail: is \"none\": give \"smart\", \"strict\" or \"last\"\n");
    expect("{\"weir\":1,\"pipefail\":\"smart\\u0000\"" REST,
           "p.json:1:22: /pipefail: is \"smart\": give \"smart\", \"strict\" or \"last\"\n");
    expect("{\"weir\":1,\"deadline_s\":0" REST,
           "p.json:1:24: /deadline_s: is 0: give more than 0 seconds, or null for the default\n");
    expect("{\"weir\":1,\"grace_s\":-1.5" REST,
           "p.json:1:21: /grace_s: is -1.5: give more than 0 seconds, or null for the default\n");
    expect("{\"weir\":1,\"drain_s\":\"1s\"" REST,
           "p.json:1:21: /drain_s: is a string: give seconds as a number, such as 10 or 0.5\n");
    expect(
        "{\"weir\":1,\"checkpoint\":\"c\"" REST,
        "p.json:1:24: /checkpoint: a pipeline cannot be resumed, only weir map can: remove it\n");
    expect("{\"weir\":1,\"report\":\"\"" REST,
           "p.json:1:20: /report: is empty: give a file path, or null for no report\n");
#undef REST
}

static void unknown_and_doubled_keys_are_reported_where_the_key_stands(void)
{
    expect_in_stage(
        "\"timeuot_s\": 1",
        "1: /stages/0/timeuot_s: unknown key \"timeuot_s\": did you mean \"timeout_s\"?");
    expect_in_stage(
        "\"itmeuot_s\": 1",
        "1: /stages/0/itmeuot_s: unknown key \"itmeuot_s\": did you mean \"timeout_s\"?");
    expect_in_stage(
        "\"CWD\": 1",
        "1: /stages/0/CWD: unknown key \"CWD\": remove it, or use one of "
        "name, cmd, env, env_clear, env_pass, cwd, encoding, stderr, timeout_s, "
        "idle_s, grace_s, stop, limits, ok_exit, early_close, meter, pty_output, nice, map, each");
    expect_in_stage("\"nice\": \"x\", \"nice\": 1",
                    "14: /stages/0/nice: duplicate key \"nice\": keep one of them");
    expect_in_stage("\"nice\": 1, \"ni\\u0063e\": \"x\"",
                    "12: /stages/0/nice: duplicate key \"nice\": keep one of them\n"
                    "p.json:3:25: /stages/0/nice: is a string: give a whole number from -20 to 19");
    expect_in_stage("\"env\": {\"A\": \"1\", \"A\": \"2\"}",
                    "19: /stages/0/env/A: duplicate key \"A\": keep one of them");
    expect_in_stage(
        "\"a/b~c\": 1",
        "1: /stages/0/a~1b~0c: unknown key \"a/b~c\": remove it, or use "
        "one of name, cmd, env, env_clear, env_pass, cwd, encoding, stderr, "
        "timeout_s, idle_s, grace_s, stop, limits, ok_exit, early_close, meter, pty_output, "
        "nice, map, each");
}

/* --- Stages ---------------------------------------------------------------- */

static void a_stage_needs_a_program(void)
{
    expect("{\"weir\":1,\"stages\":[{\"name\":\"x\"}]}",
           "p.json:1:21: /stages/0: \"cmd\" is missing: give the program and its arguments, such "
           "as [\"sort\", \"-u\"]\n");
    expect("{\"weir\":1,\"stages\":[{\"cmd\":[]}]}",
           "p.json:1:28: /stages/0/cmd: is empty: give a program\n");
    expect("{\"weir\":1,\"stages\":[{\"cmd\":[\"\",\"x\"]}]}",
           "p.json:1:29: /stages/0/cmd/0: is empty: give a program\n");
    expect("{\"weir\":1,\"stages\":[{\"cmd\":\"  \"}]}",
           "p.json:1:28: /stages/0/cmd: is empty: give a program\n");
    expect("{\"weir\":1,\"stages\":[{\"cmd\":\"'' x\"}]}",
           "p.json:1:28: /stages/0/cmd: is empty: give a program\n");
    expect("{\"weir\":1,\"stages\":[{\"cmd\":\"tr \\\"a\"}]}",
           "p.json:1:28: /stages/0/cmd: the \" at character 4 is not closed: add another \", or "
           "put a backslash before it\n");
    expect("{\"weir\":1,\"stages\":[{\"cmd\":true}]}",
           "p.json:1:28: /stages/0/cmd: is true: give the program and its arguments, as an array "
           "of strings or as one string\n");
    expect("{\"weir\":1,\"stages\":[{\"cmd\":[\"sleep\", 5]}]}",
           "p.json:1:38: /stages/0/cmd/1: is a number: give a string\n");
    expect("{\"weir\":1,\"stages\":[{\"cmd\":[\"a\",\"b\\u0000c\"]}]}",
           "p.json:1:33: /stages/0/cmd/1: contains a NUL character, which arguments, names and "
           "paths cannot: remove \\u0000\n");
    expect("{\"weir\":1,\"stages\":[{\"cmd\":\"a\\u0000\"}]}",
           "p.json:1:28: /stages/0/cmd: contains a NUL character, which arguments, names and paths "
           "cannot: remove \\u0000\n");
}

static void names_are_distinguished(void)
{
    expect("{\"weir\":1,\"stages\":[{\"cmd\":\"z\"},{\"name\":\"a\",\"cmd\":\"x\"},\n"
           "{\"name\":\"a\",\"cmd\":\"y\"}]}",
           "p.json:2:9: /stages/2/name: \"a\" is also the name of /stages/1: give each stage its "
           "own name\n");
    expect_in_stage("\"name\": \"\"",
                    "9: /stages/0/name: is empty: give a name, or leave it out for the program's");
    expect_in_stage(
        "\"name\": \"a\\u001b[2J\"",
        "9: /stages/0/name: contains a control character: give a name, or leave it out for "
        "the program's");
    expect_in_stage("\"name\": 7", "9: /stages/0/name: is a number: give a string, or leave it "
                                   "out: the program's name is the default");
}

static void the_surroundings_of_a_stage_are_checked(void)
{
    expect_in_stage("\"env\": []",
                    "8: /stages/0/env: is an array: give an object, such as {\"LANG\": \"C\"}");
    expect_in_stage("\"env\": {\"A\": 1}",
                    "14: /stages/0/env/A: is a number: give a string: variables hold text");
    expect_in_stage(
        "\"env\": {\"A=\": \"\"}",
        "9: /stages/0/env/A=: invalid variable name \"A=\": it must not be empty or contain =");
    expect_in_stage("\"env\": {\"A\": \"x\\u0000\"}",
                    "14: /stages/0/env/A: contains a NUL character, which arguments, names and "
                    "paths cannot: remove \\u0000");
    expect_in_stage("\"env_clear\": 1", "14: /stages/0/env_clear: is a number: give true or false");
    expect_in_stage("\"env_pass\": \"PATH\"", "13: /stages/0/env_pass: is a string: give an array, "
                                              "such as [\"PATH\", \"HOME\"]");
    expect_in_stage(
        "\"env_pass\": [\"\"]",
        "14: /stages/0/env_pass/0: invalid variable name \"\": it must not be empty or contain =");
    expect_in_stage("\"cwd\": \"\"",
                    "8: /stages/0/cwd: is empty: give a directory path, or null for weir's own");
    expect_in_stage("\"cwd\": false",
                    "8: /stages/0/cwd: is false: give a directory path, or null for weir's own");
    expect_in_stage("\"nice\": 20", "9: /stages/0/nice: is 20: give a whole number from -20 to 19");
    expect_in_stage("\"nice\": 1.5",
                    "9: /stages/0/nice: is not a whole number: give a whole number from -20 to 19");
}

static void streams_of_a_stage_are_checked(void)
{
    expect_in_stage("\"encoding\": \"auto\"",
                    "13: /stages/0/encoding: is \"auto\", but the encoding of a stream is only "
                    "known at its end: name its character set, or \"raw\"");
    expect_in_stage(
        "\"encoding\": \"binary\"",
        "13: /stages/0/encoding: is \"binary\", but binary data needs no decoding: give \"raw\"");
    expect_in_stage("\"encoding\": null",
                    "13: /stages/0/encoding: is null: give a character set, or \"raw\"");
    expect_in_stage("\"stderr\": \"none\"", "11: /stages/0/stderr: is \"none\": give \"prefix\", "
                                            "\"keep\", \"discard\" or \"stdout\"");
    expect_in_stage("\"early_close\": true",
                    "16: /stages/0/early_close: is true: give \"fail\" or \"ok\"");
    expect_in_stage("\"stop\": \"HUP\"",
                    "9: /stages/0/stop: invalid stop sequence \"HUP\": a signal other than KILL "
                    "needs the time to wait after it: use SIGNAL:DURATION, separated by commas, "
                    "and KILL at the end: INT:2s,TERM:5s,KILL");
    expect_in_stage("\"meter\": null", "10: /stages/0/meter: is null: give true or false");
    expect_in_stage("\"map\": 4", "8: /stages/0/map: is a number: give an object");
    expect_in_stage("\"map\": {\"workers\": 0}",
                    "20: /stages/0/map/workers: is 0: give a whole number from 1 to 1024");
    expect_in_stage(
        "\"map\": {\"call\": \"\"}",
        "17: /stages/0/map/call: is not a function name: name a function of the worker, or null");
    expect_in_stage("\"map\": {\"on_error\": \"dead-letter\"}",
                    "8: /stages/0/map: has on_error \"dead-letter\", but no dead_letter: name the "
                    "file");
    expect_in_stage("\"map\": {\"launcher_stop\": [\"kill\"]}",
                    "8: /stages/0/map: has launcher_stop, but no launcher: give both");
    expect_in_stage("\"map\": {\"launcher\": [\"\"]}",
                    "22: /stages/0/map/launcher/0: is empty: give a program");
    expect_in_stage("\"map\": {\"call\": \"f\", \"check\": \"none\"}",
                    "8: /stages/0/map: has call, so records must be JSON in UTF-8: remove check "
                    "\"none\"");
    expect_in_stage("\"map\": {\"window_bytes\": \"1MB\"}",
                    "25: /stages/0/map/window_bytes: is \"1MB\": give bytes, or a number with K, "
                    "M, G or T (powers of 1024): 4096, 64K, 16M, 1G");
}

static void an_unknown_charset_is_named(void)
{
    struct weir_error error;
    struct reported reported;

    CU_ASSERT_PTR_NULL(parse("{\"weir\":1,\"stages\":[{\"cmd\":\"a\",\"encoding\":\"klingon\"}]}",
                             &reported, &error));
    CU_ASSERT_EQUAL(reported.count, 1);
    CU_ASSERT_EQUAL(strncmp(reported.lines, "p.json:1:43: /stages/0/encoding: ", 33), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(reported.lines, "klingon"));
}

static void times_and_codes_of_a_stage_are_checked(void)
{
    expect_in_stage("\"timeout_s\": 0", "14: /stages/0/timeout_s: is 0: give more than 0 seconds, "
                                        "or null for the default");
    expect_in_stage("\"idle_s\": -3", "11: /stages/0/idle_s: is -3: give more than 0 seconds, or "
                                      "null for the default");
    expect_in_stage("\"grace_s\": \"5s\"", "12: /stages/0/grace_s: is a string: give seconds as a "
                                           "number, such as 10 or 0.5");
    expect_in_stage(
        "\"timeout_s\": 1e12",
        "14: /stages/0/timeout_s: is 1e+12 seconds, which is too long: give null for no limit");
    expect_in_stage("\"ok_exit\": 0",
                    "12: /stages/0/ok_exit: is a number: give an array, such as [0, 1]");
    expect_in_stage(
        "\"ok_exit\": []",
        "12: /stages/0/ok_exit: is empty: give the exit codes that mean success, such as [0, 1]");
    expect_in_stage("\"ok_exit\": [0, 256]",
                    "16: /stages/0/ok_exit/1: is 256: give a whole number from 0 to 255");
    expect_in_stage("\"ok_exit\": [0, \"1\"]",
                    "16: /stages/0/ok_exit/1: is a string: give a whole number from 0 to 255");
    expect_in_stage("\"ok_exit\": [0, 0]",
                    "16: /stages/0/ok_exit/1: is a duplicate: keep one of them");
}

static void limits_of_a_stage_are_checked(void)
{
    expect_in_stage("\"limits\": []", "11: /stages/0/limits: is an array: give an object, such as "
                                      "{\"memory\": \"512M\"}");
    expect_in_stage("\"limits\": {\"ram\": 1}",
                    "12: /stages/0/limits/ram: no limit named \"ram\": there are cpu (seconds), "
                    "memory, files, file-size, processes and core");
    expect_in_stage("\"limits\": {\"memory\": \"64MB\"}",
                    "22: /stages/0/limits/memory: is \"64MB\": give bytes, or a number with K, M, "
                    "G or T (powers of 1024): 4096, 64K, 16M, 1G");
    expect_in_stage("\"limits\": {\"cpu\": -1}",
                    "19: /stages/0/limits/cpu: is negative: give a whole number, 0 or more, or a "
                    "size such as \"64M\"");
    expect_in_stage("\"limits\": {\"cpu\": 1.5}",
                    "19: /stages/0/limits/cpu: is not a whole number: give a whole number, 0 or "
                    "more, or a size such as \"64M\"");
    expect_in_stage("\"limits\": {\"cpu\": null}",
                    "19: /stages/0/limits/cpu: is null: give a whole number, 0 or more, or a size "
                    "such as \"64M\"");
}

/* --- All at once ----------------------------------------------------------- */

static void all_faults_are_reported_in_the_order_of_the_text(void)
{
    static const char text[] = "{\n"
                               " \"stages\": [\n"
                               "  {\"nmae\": \"\xE6\xBC\xA2\xE5\xAD\x97\", \"nice\": 99},\n"
                               "  {\"name\": \"b\", \"cmd\": [1]},\n"
                               "  {\"name\": \"b\", \"cmd\": \"x\", \"timeout_s\": 0}\n"
                               " ],\n"
                               " \"weir\": 3, \"x\": 1\n"
                               "}";
    struct weir_error error;
    struct reported reported;

    expect(text,
           "p.json:3:3: /stages/0: \"cmd\" is missing: give the program and its arguments, "
           "such as [\"sort\", \"-u\"]\n"
           "p.json:3:4: /stages/0/nmae: unknown key \"nmae\": did you mean "
           "\"name\"?\n"
           "p.json:3:26: /stages/0/nice: is 99: give a whole number from -20 to 19\n"
           "p.json:4:25: /stages/1/cmd/0: is a number: give a string\n"
           "p.json:5:12: /stages/2/name: \"b\" is also the name of /stages/1: give each "
           "stage its own name\n"
           "p.json:5:42: /stages/2/timeout_s: is 0: give more than 0 seconds, or null for "
           "the default\n"
           "p.json:7:10: /weir: must be 1, the only spec version\n"
           "p.json:7:13: /x: unknown key \"x\": remove it, or use one of weir, "
           "in, stages, out, pipefail, deadline_s, grace_s, stop, drain_s, checkpoint, report\n");
    CU_ASSERT_PTR_NULL(parse(text, &reported, &error));
    CU_ASSERT_STRING_EQUAL(error.text, "p.json has 8 errors");
    CU_ASSERT_PTR_NULL(parse("{\"stages\":[{\"cmd\":\"a\"}]}", &reported, &error));
    CU_ASSERT_STRING_EQUAL(error.text, "p.json has 1 error");
}

static void with_nobody_to_tell_the_error_is_the_first_fault(void)
{
    static const char text[] = "{\"weir\":9,\"stages\":[]}";
    struct weir_error error;

    CU_ASSERT_PTR_NULL(weir_pipeline_parse(text, sizeof text - 1, NULL, NULL, NULL, &error));
    CU_ASSERT_STRING_EQUAL(error.text, "spec:1:9: /weir: must be 1, the only spec version");
    CU_ASSERT_PTR_NULL(weir_pipeline_parse("{", 1, NULL, NULL, NULL, &error));
    CU_ASSERT_EQUAL(strncmp(error.text, "spec:1:1: not JSON: ", 20), 0);
    CU_ASSERT_PTR_NULL(weir_pipeline_parse("{", 1, NULL, NULL, NULL, NULL));
}

static void count_only(const struct weir_error *fault, void *context)
{
    CU_ASSERT(strlen(fault->text) < sizeof fault->text);
    ++*(int *)context;
}

/* A message is cut between characters, names no more of a key than fits, and has
 * no control characters of the spec's in it. */
static void a_hostile_key_cannot_break_the_message(void)
{
    enum { LENGTH = 5000 };
    static char text[3 * LENGTH + 64];
    struct weir_error error;
    struct reported reported;
    char *end = text;

    end += sprintf(end, "{\"\\u001b[2J\\n\\u009b");
    for (int i = 0; i < LENGTH; i++)
        end += sprintf(end, "\xE6\xBC\xA2");
    sprintf(end, "\":1,\"weir\":1,\"stages\":[{\"cmd\":\"a\"}]}");
    CU_ASSERT_PTR_NULL(parse(text, &reported, &error));
    CU_ASSERT_EQUAL(reported.count, 1);
    CU_ASSERT_EQUAL(strncmp(reported.lines, "p.json:1:2: /\\x1b[2J\\n\\u009b\xE6\xBC\xA2", 31), 0);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(reported.lines, "\xE6\xBC\xA2...: unknown key \"\\x1b[2J\\n\\u009b\xE6"));
    CU_ASSERT_PTR_NOT_NULL(strstr(reported.lines, "\xE6\xBC\xA2...\": remove it"));
    CU_ASSERT_EQUAL(strchr(reported.lines, '\n'), reported.lines + strlen(reported.lines) - 1);
}

static void a_spec_with_a_great_many_faults_ends(void)
{
    enum { FAULTS = 100000 };
    char *text = malloc(16 * FAULTS + 64), *end = text;
    struct weir_error error;
    int reported = 0;

    end += sprintf(end, "{");
    for (int i = 0; i < FAULTS; i++)
        end += sprintf(end, "\"k%d\":1,", i);
    sprintf(end, "\"weir\":1,\"stages\":[{\"cmd\":\"a\"}]}");
    CU_ASSERT_PTR_NULL(
        weir_pipeline_parse(text, strlen(text), "p.json", count_only, &reported, &error));
    CU_ASSERT_EQUAL(reported, 1000);
    CU_ASSERT_STRING_EQUAL(error.text, "p.json has 100000 errors");
    free(text);
}

static void too_many_stages_are_one_fault(void)
{
    static char text[4096] = "{\"weir\":1,\"stages\":[";

    for (int i = 0; i < WEIR__STAGES_MAX; i++)
        strcat(text, "{\"cmd\":\"a\"},");
    strcat(text, "{\"cmd\":1}]}");
    expect(text, "p.json:1:20: /stages: has 63 stages: a pipeline can have at most 62\n");
}

/* --- Positions ------------------------------------------------------------- */

static void expect_place(const char *text, const char *pointer, size_t line, size_t column)
{
    struct weir__positions positions;
    size_t found[2] = {0, 0};
    struct weir__place place = {0, 1, 1};
    size_t node;

    CU_ASSERT_EQUAL(weir__positions_read(&positions, text, strlen(text), NULL), 0);
    node = weir__positions_find(&positions, pointer);
    CU_ASSERT_NOT_EQUAL(node, WEIR__NOWHERE);
    if (node != WEIR__NOWHERE) {
        char *back = weir__positions_pointer(&positions, node);

        weir__place_move(&place, text, weir__positions_node(&positions, node)->value_at);
        CU_ASSERT_EQUAL(place.line, line);
        CU_ASSERT_EQUAL(place.column, column);
        CU_ASSERT_STRING_EQUAL(back, pointer);
        free(back);
    }
    weir__positions_clear(&positions);
    CU_ASSERT_EQUAL(weir_json_place(text, strlen(text), pointer, &found[0], &found[1], NULL), 0);
    CU_ASSERT_EQUAL(found[0], line);
    CU_ASSERT_EQUAL(found[1], column);
}

static void pointers_lead_to_values(void)
{
    static const char text[] = "{\"a\": [1, \"]\\\"}\", {\"b\": null}],\r\n"
                               " \"\xC3\xA4\": {\"\": -1.5e3, \"x/y\": {}, \"~\": true},\n"
                               "\t\"k\\u0061\\n\": []}";

    expect_place(text, "", 1, 1);
    expect_place(text, "/a", 1, 7);
    expect_place(text, "/a/0", 1, 8);
    expect_place(text, "/a/1", 1, 11);
    expect_place(text, "/a/2", 1, 19);
    expect_place(text, "/a/2/b", 1, 25);
    expect_place(text, "/\xC3\xA4", 2, 7);
    expect_place(text, "/\xC3\xA4/", 2, 12);
    expect_place(text, "/\xC3\xA4/x~1y", 2, 27);
    expect_place(text, "/\xC3\xA4/~0", 2, 36);
    expect_place(text, "/ka\n", 3, 15);
}

static void pointers_to_nothing_lead_nowhere(void)
{
    static const char text[] = "{\"a\": [1, 2], \"bc\": 3}";
    static const char *const pointers[] = {"/b", "/bcd", "/a/2", "/a/0/0",
                                           "a",  "/a/",  "/",    "/a/00"};
    struct weir__positions positions;
    size_t line, column;

    CU_ASSERT_EQUAL(weir__positions_read(&positions, text, strlen(text), NULL), 0);
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++)
        CU_ASSERT_EQUAL(weir__positions_find(&positions, pointers[i]), WEIR__NOWHERE);
    weir__positions_clear(&positions);
    CU_ASSERT_EQUAL(weir__positions_find(&positions, ""), WEIR__NOWHERE);
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++)
        CU_ASSERT_EQUAL(weir_json_place(text, strlen(text), pointers[i], &line, &column, NULL),
                        WEIR_ERR_INVALID);
}

static void positions_of_deep_and_broken_texts_do_no_harm(void)
{
    enum { DEPTH = 1000000 };
    static const char *const broken[] = {"\"", "{\"a", "{\"a\\", "]]}}", "{\"a\\q\":1,\"\\u12",
                                         "",   "\xFF"};
    struct weir__positions positions;
    char *deep = malloc(DEPTH);

    memset(deep, '[', DEPTH);
    CU_ASSERT_EQUAL(weir__positions_read(&positions, deep, DEPTH, NULL), 0);
    CU_ASSERT_EQUAL(weir__positions_node(&positions, DEPTH - 1)->value_at, DEPTH - 1);
    CU_ASSERT_PTR_NULL(weir__positions_node(&positions, DEPTH));
    weir__positions_clear(&positions);
    free(deep);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        CU_ASSERT_EQUAL(weir__positions_read(&positions, broken[i], strlen(broken[i]), NULL), 0);
        weir__positions_clear(&positions);
    }
}

int main(void)
{
#define TEST(name) {#name, name}
    CU_TestInfo tests[] = {
        TEST(a_full_spec_is_read_to_the_last_key),
        TEST(a_map_has_a_key_for_each_option),
        TEST(what_a_map_leaves_out_is_as_weir_map_has_it),
        TEST(what_is_left_out_or_null_has_its_default),
        TEST(a_given_name_may_be_what_another_would_be_called),
        TEST(bad_json_is_reported_by_line_and_column),
        TEST(the_document_is_an_object_with_a_version_and_stages),
        TEST(the_settings_are_checked),
        TEST(unknown_and_doubled_keys_are_reported_where_the_key_stands),
        TEST(a_stage_needs_a_program),
        TEST(names_are_distinguished),
        TEST(the_surroundings_of_a_stage_are_checked),
        TEST(streams_of_a_stage_are_checked),
        TEST(an_unknown_charset_is_named),
        TEST(times_and_codes_of_a_stage_are_checked),
        TEST(limits_of_a_stage_are_checked),
        TEST(all_faults_are_reported_in_the_order_of_the_text),
        TEST(with_nobody_to_tell_the_error_is_the_first_fault),
        TEST(a_hostile_key_cannot_break_the_message),
        TEST(a_spec_with_a_great_many_faults_ends),
        TEST(too_many_stages_are_one_fault),
        TEST(pointers_lead_to_values),
        TEST(pointers_to_nothing_lead_nowhere),
        TEST(positions_of_deep_and_broken_texts_do_no_harm),
        CU_TEST_INFO_NULL,
    };

    return run_suite("spec", tests);
}
