/* What tools print becomes facts; environments are read and reported; JSON is found where it is. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#include "probe/activation.h"
#include "probe/environment.h"
#include "probe/probe.h"
#include "support/harness.h"
#include "support/running.h"
#include "probe/json_values.h"

/* --- JSON among other text ---------------------------------------------------- */

static void found_in(const char *text, json_type type, const char *wanted)
{
    json_t *found = weir__json_find(text, strlen(text), type);
    char *printed = found != NULL ? json_dumps(found, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    if (wanted == NULL) {
        CU_ASSERT_PTR_NULL(printed);
    } else {
        CU_ASSERT_PTR_NOT_NULL_FATAL(printed);
        CU_ASSERT_STRING_EQUAL(printed, wanted);
    }
    free(printed);
    json_decref(found);
}

static void json_is_found_behind_a_banner(void)
{
    found_in("{\"a\":1}", JSON_OBJECT, "{\"a\":1}");
    found_in("Welcome to {conda}!\n{no\n{\"a\":\n1}\nbye {\n", JSON_OBJECT, "{\"a\":1}");
    found_in("[1] waiting for a lock\n[{\"a\":1}]\n", JSON_ARRAY, "[{\"a\":1}]");
    found_in("[{\"a\":1}]\n", JSON_OBJECT, NULL);
    found_in("{\"a\":1", JSON_OBJECT, NULL);
    found_in("x{\"a\":1}", JSON_OBJECT, NULL);
    found_in("", JSON_OBJECT, NULL);
}

static void a_later_answer_goes_before_a_progress_report(void)
{
    found_in("{\"progress\":0.5}\n{\"a\":1}\n", JSON_OBJECT, "{\"a\":1}");
}

static void a_flood_of_braces_is_not_tried_for_ever(void)
{
    enum { LINES = 200000 };
    char *text = malloc(LINES * 4);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    for (size_t i = 0; i < LINES; i++)
        memcpy(text + i * 4, "{\"\"\n", 4);
    CU_ASSERT_PTR_NULL(weir__json_find(text, LINES * 4, JSON_OBJECT));
    for (size_t i = 0; i < LINES * 4; i++)
        text[i] = '[';
    CU_ASSERT_PTR_NULL(weir__json_find(text, LINES * 4, JSON_ARRAY));
    free(text);
}

/* --- Environments --------------------------------------------------------------- */

static void what_env_prints_is_read(void)
{
    static const char printed[] = "A=1\0_=/bin/env\0SHLVL=2\0B=x\ny=z\0nothing\0C=cut";
    char **environment = weir__environment_read(printed, sizeof printed - 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(environment);
    CU_ASSERT_STRING_EQUAL(weir__environment_get(environment, "A"), "1");
    CU_ASSERT_STRING_EQUAL(weir__environment_get(environment, "B"), "x\ny=z");
    CU_ASSERT_PTR_NULL(weir__environment_get(environment, "SHLVL"));
    CU_ASSERT_PTR_NULL(weir__environment_get(environment, "C"));
    weir__environment_free(environment);
}

static void what_matters_is_reported_and_masked(void)
{
    char *environment[] = {
        "GOPROXY=https://ana:hunter2@x.org,direct", "GOOGLE_KEY=1",   "EDITOR=vi",
        "OTEL_EXPORTER_OTLP_HEADERS=a=b",           "VIRTUAL_ENV=/v", NULL};
    json_t *reported = weir__environment_json(environment);
    char *text = json_dumps(reported, JSON_COMPACT);

    CU_ASSERT_STRING_EQUAL(text, "{\"GOPROXY\":\"https://***@x.org,direct\","
                                 "\"OTEL_EXPORTER_OTLP_HEADERS\":\"***\",\"VIRTUAL_ENV\":\"/v\"}");
    free(text);
    json_decref(reported);
}

static void secrets_in_the_names_of_facts_are_masked(void)
{
    static const char token_a[] = "ghp_"
                                  "0123456789abcdefghijklmnopqrstuvwxyzAB";
    static const char token_b[] = "ghp_"
                                  "zyxwvutsrqponmlkjihgfedcba9876543210AB";
    json_t *printed =
        json_pack("{s:{s:i,s:i,s:s}, s:[{s:i}], s:s}", "hosts", token_a, 1, token_b, 2, "other",
                  "x", "list", "https://ana:hunter2@x.org/", 3, "path", "/v");
    struct weir__run_output output = {.facts = json_object()};
    char *text;

    weir__output_add_fact(&output, "f", printed);
    text = json_dumps(output.facts, JSON_COMPACT);
    CU_ASSERT_STRING_EQUAL(text, "{\"f\":{\"hosts\":{\"***\":1,\"*** 2\":2,\"other\":\"x\"},"
                                 "\"list\":[{\"https://***@x.org/\":3}],\"path\":\"/v\"}}");
    free(text);
    json_decref(output.facts);
    json_decref(printed);
}

static void changes_are_reported_both_ways(void)
{
    char *before[] = {"A=1", "B=1", "PWD=/", NULL}, *after[] = {"B=2", "C=3", "PWD=/x", NULL};
    json_t *changes = weir__environment_changes(before, after);
    char *text = json_dumps(changes, JSON_COMPACT);

    CU_ASSERT_STRING_EQUAL(text, "[{\"name\":\"B\",\"before\":\"1\",\"after\":\"2\"},"
                                 "{\"name\":\"C\",\"before\":null,\"after\":\"3\"},"
                                 "{\"name\":\"A\",\"before\":\"1\",\"after\":null}]");
    free(text);
    json_decref(changes);
}

static void an_environment_stands_between_marks(void)
{
    struct weir__activation activation;
    char bytes[300];
    struct weir_result result = {.end = WEIR_EXITED, .out.bytes = bytes};

    CU_ASSERT_EQUAL_FATAL(weir__activation_begin(&activation, "it's"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(activation.script, "eval 'it'\\''s' || exit"));
    memcpy(bytes, "EVIL=1", 7);
    memcpy(bytes + 7, activation.mark, 33);
    memcpy(bytes + 40, "A=1\0B=2", 8);
    memcpy(bytes + 48, activation.mark, 33);
    memcpy(bytes + 81, "C=3", 4);
    result.out.kept = 85;
    weir__activation_read(&activation, &result);
    CU_ASSERT_PTR_NOT_NULL_FATAL(activation.after);
    CU_ASSERT_PTR_NULL(weir__environment_get(activation.after, "EVIL"));
    CU_ASSERT_STRING_EQUAL(weir__environment_get(activation.after, "B"), "2");
    CU_ASSERT_PTR_NULL(weir__environment_get(activation.after, "C"));
    weir__activation_clear(&activation);
}

/* --- Readers --------------------------------------------------------------------- */

/* Reads text as the run of a built-in detector; the facts are the caller's. */
static struct weir__run_output read_as(const char *name, size_t run, const char *text)
{
    const struct weir__detector *detector = weir__detector_find(name);
    struct weir_result *result = calloc(1, sizeof *result);
    struct weir__run_output output = {.detector = detector,
                                      .run = &detector->runs[run],
                                      .result = result,
                                      .text = text,
                                      .length = strlen(text),
                                      .facts = json_object()};
    json_t *json = NULL;

    if (output.run->format != WEIR__OUTPUT_TEXT)
        json =
            weir__json_find(text, strlen(text),
                            output.run->format == WEIR__OUTPUT_OBJECT ? JSON_OBJECT : JSON_ARRAY);
    output.json = json;
    output.run->parse(&output);
    json_decref(json);
    free(result);
    output.json = NULL;
    return output;
}

static void versions_are_found(void)
{
    static const struct {
        const char *name, *text, *version;
    } cases[] = {
        {"go", "go version go1.22.3 linux/amd64\n", "1.22.3"},
        {"go", "go version go1.23rc2 linux/arm64\n", "1.23.0-rc2"},
        {"pip", "pip 23.2.1 from /usr/lib/python3/dist-packages/pip (python 3.11)\n", "23.2.1"},
        {"uv", "uv 0.4.18 (7b55e9790 2024-10-01)\n", "0.4.18"},
        {"cc", "cc (Debian 12.2.0-14) 12.2.0\nCopyright (C) 2022\n", "12.2.0"},
        {"cc", "Apple clang version 15.0.0 (clang-1500.3.9.4)\n", "15.0.0"},
        {"make", "GNU Make 4.3\nBuilt for x86_64-pc-linux-gnu\n", "4.3.0"},
        {"pkg-config", "1.8.1\n", "1.8.1"},
        {"libc", "musl libc (x86_64)\nVersion 1.2.4\nDynamic Program Loader\n", "1.2.4"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__run_output output = read_as(cases[i].name, 0, cases[i].text);

        CU_ASSERT_EQUAL(strncmp(output.version, cases[i].version, strlen(cases[i].version)), 0);
        CU_ASSERT_STRING_EQUAL(output.problem, "");
        json_decref(output.facts);
    }
}

static void no_version_is_a_problem(void)
{
    struct weir__run_output output = read_as("make", 0, "hello\n");

    CU_ASSERT_STRING_EQUAL(output.version, "");
    CU_ASSERT_STRING_EQUAL(output.problem, "it prints no version");
    json_decref(output.facts);
}

static void packages_are_sorted_and_the_nameless_reported(void)
{
    struct weir__run_output output =
        read_as("conda", 2,
                "[{\"name\":\"b\",\"version\":\"2\",\"x\":1},{\"version\":\"3\"},7,"
                "{\"name\":\"a\",\"version\":\"1\"}]");
    char *text = json_dumps(output.facts, JSON_COMPACT);

    CU_ASSERT_STRING_EQUAL(text, "{\"packages\":[{\"name\":\"a\",\"version\":\"1\"},"
                                 "{\"name\":\"b\",\"version\":\"2\"}]}");
    CU_ASSERT_PTR_NOT_NULL(strstr(output.problem, "2 of 4 packages"));
    free(text);
    json_decref(output.facts);
}

static void a_failure_of_conda_reported_as_json_is_no_fact(void)
{
    struct weir__run_output output =
        read_as("conda", 0, "{\"error\":\"no lock\",\"exception_name\":\"LockError\"}");

    CU_ASSERT_EQUAL(json_object_size(output.facts), 0);
    CU_ASSERT_STRING_EQUAL(output.problem, "it reported LockError: no lock");
    json_decref(output.facts);
}

/* --- Detectors from files ---------------------------------------------------------- */

static void bad_files_are_refused_at_their_place(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"name\":\"x\",\n \"argv\":[\"\"]}", "f:2:10: /argv/0: "},
        {"{\"name\":\"x y\",\"argv\":[\"x\"]}", "f:1:9: /name: "},
        {"{\"name\":\"x\",\"argv\":[\"x\"],\"timeout_s\":0}", "/timeout_s: "},
        {"{\"name\":\"x\",\"name\":\"y\"}", "f:1:"},
        {"{\"weir\":2}", "/weir: "},
        {"", "f:1:"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_error error = {0};

        CU_ASSERT_PTR_NULL(weir__detector_parse(cases[i].text, strlen(cases[i].text), "f", &error));
        CU_ASSERT_EQUAL(error.status, WEIR_ERR_SPEC);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, cases[i].message));
    }
}

static void the_beginning_of_a_long_name_is_not_the_name(void)
{
    char name[300], text[400], said[400];
    struct weir_result result = {.end = WEIR_EXITED};
    struct weir__run_output output = {.result = &result, .facts = json_object()};
    struct weir__detector *detector;
    json_t *json;

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "{\"name\":\"x\",\"argv\":[\"x\"],\"json\":{\"fact\":\"/%s\"}}",
             name);
    snprintf(said, sizeof said, "{\"%.255s\":1}", name);
    detector = weir__detector_parse(text, strlen(text), "f", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(detector);
    json = json_loads(said, 0, NULL);
    output.detector = detector;
    output.run = &detector->runs[0];
    output.json = json;
    output.run->parse(&output);
    CU_ASSERT_PTR_NULL(json_object_get(output.facts, "fact"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output.problem, "no value at"));
    json_decref(json);
    json_decref(output.facts);
    weir__detector_free(detector);
}

/* --- Probes -------------------------------------------------------------------------- */

/* A detector that runs a child of the tests. */
static struct weir__detector *detector_of(const char *name, const char *child)
{
    json_t *document = json_pack("{s:s,s:[s,s]}", "name", name, "argv", child_path(child), "1.2.3");
    char *text = json_dumps(document, 0);
    struct weir__detector *detector = weir__detector_parse(text, strlen(text), "f", NULL);

    free(text);
    json_decref(document);
    CU_ASSERT_PTR_NOT_NULL_FATAL(detector);
    return detector;
}

extern char **environ;

static void one_that_never_ends_holds_up_no_other(void)
{
    weir_t *weir = open_weir();
    struct weir__detector *hangs = detector_of("hangs", "ignores_term");
    struct weir__detector *answers = detector_of("answers", "shows_itself");
    const struct weir__detector *list[] = {hangs, answers};
    struct weir__probe_options options = {
        .detectors = list, .count = 2, .timeout_ms = 300, .environment = environ};
    struct weir__probe *probe = weir__probe_start(weir, &options, NULL, NULL, NULL);
    json_t *report, *tools;

    CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
    CU_ASSERT_PTR_NULL(weir__probe_report(probe));
    CU_ASSERT_EQUAL(weir__probe_wait(probe, NULL), 0);
    report = weir__probe_report(probe);
    CU_ASSERT_PTR_NOT_NULL_FATAL(report);
    tools = json_object_get(report, "tools");
    CU_ASSERT_EQUAL(json_object_size(tools), 2);
    CU_ASSERT_STRING_EQUAL(
        json_string_value(json_object_get(json_object_get(tools, "hangs"), "state")), "failed");
    json_decref(report);
    weir__probe_free(probe);
    weir__detector_free(hangs);
    weir__detector_free(answers);
    weir_close(weir);
}

static void a_probe_that_is_dropped_leaves_nothing(void)
{
    weir_t *weir = open_weir();
    struct weir__detector *hangs = detector_of("hangs", "ignores_term");
    const struct weir__detector *list[] = {hangs};
    struct weir__probe_options options = {
        .detectors = list, .count = 1, .timeout_ms = 60000, .environment = environ};

    weir__probe_free(weir__probe_start(weir, &options, NULL, NULL, NULL));
    weir__detector_free(hangs);
    weir_close(weir);
    check_nothing_left(test_marker());
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"json_is_found_behind_a_banner", json_is_found_behind_a_banner},
        {"a_later_answer_goes_before_a_progress_report",
         a_later_answer_goes_before_a_progress_report},
        {"a_flood_of_braces_is_not_tried_for_ever", a_flood_of_braces_is_not_tried_for_ever},
        {"what_env_prints_is_read", what_env_prints_is_read},
        {"what_matters_is_reported_and_masked", what_matters_is_reported_and_masked},
        {"secrets_in_the_names_of_facts_are_masked", secrets_in_the_names_of_facts_are_masked},
        {"changes_are_reported_both_ways", changes_are_reported_both_ways},
        {"an_environment_stands_between_marks", an_environment_stands_between_marks},
        {"versions_are_found", versions_are_found},
        {"no_version_is_a_problem", no_version_is_a_problem},
        {"packages_are_sorted_and_the_nameless_reported",
         packages_are_sorted_and_the_nameless_reported},
        {"a_failure_of_conda_reported_as_json_is_no_fact",
         a_failure_of_conda_reported_as_json_is_no_fact},
        {"bad_files_are_refused_at_their_place", bad_files_are_refused_at_their_place},
        {"the_beginning_of_a_long_name_is_not_the_name",
         the_beginning_of_a_long_name_is_not_the_name},
        {"one_that_never_ends_holds_up_no_other", one_that_never_ends_holds_up_no_other},
        {"a_probe_that_is_dropped_leaves_nothing", a_probe_that_is_dropped_leaves_nothing},
        CU_TEST_INFO_NULL,
    };

    return run_suite("probe", tests);
}
