/* The report of a pipeline as a document. */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <weir/pipeline.h>

#include "support/harness.h"

static char **argv_of(const char *program)
{
    char **argv = calloc(2, sizeof *argv);

    argv[0] = strdup(program);
    return argv;
}

/* A report as a run would fill it in: `tap | nosuch`. */
static struct weir_pipeline_report report_of_two(void)
{
    struct weir_pipeline_report report = {
        .status = 127,
        .decided_by = 1,
        .reason = "cannot execute nosuch: no such program on PATH",
        .started_at_ns = INT64_C(1767323045678000000),
        .wall_ns = 120500000,
        .stages = calloc(2, sizeof *report.stages),
        .stage_count = 2,
    };

    report.stages[0] = (struct weir_stage_report){
        .name = strdup("tap"),
        .result = {.argv = argv_of("./tap"),
                   .cwd = strdup("/tmp"),
                   .pid = 4711,
                   .end = WEIR_SIGNALED,
                   .why = WEIR_STOP_PEER_FAILED,
                   .signal = SIGTERM,
                   .err = {.bytes = strdup("hm\n"),
                           .text = strdup("hm\n"),
                           .text_length = 3,
                           .kept = 3,
                           .head = 3,
                           .total = 3,
                           .invalid_at = -1,
                           .charset = "utf-8"},
                   .wall_ns = 1500000,
                   .user_us = 250,
                   .system_us = 500,
                   .max_rss_kb = 2048,
                   .stopped_with = {SIGTERM},
                   .stopped_with_count = 1},
        .bytes_out = 12,
    };
    report.stages[1] = (struct weir_stage_report){
        .name = strdup("nosuch"),
        .result = {.argv = argv_of("nosuch"),
                   .end = WEIR_NOT_STARTED,
                   .step = WEIR_STEP_EXEC,
                   .sys_errno = ENOENT},
        .bytes_out = -1,
    };
    return report;
}

static json_t *document_of(const struct weir_pipeline_report *report)
{
    char *text = weir_pipeline_report_json(report);
    json_t *document;

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_EQUAL(strchr(text, '\n'), text + strlen(text) - 1);
    document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(document);
    free(text);
    return document;
}

/* The document has at least these keys, with these values. */
static void expect_members(json_t *document, const char *members)
{
    json_t *wanted = json_loads(members, 0, NULL), *value;
    const char *key;

    CU_ASSERT_PTR_NOT_NULL_FATAL(wanted);
    json_object_foreach(wanted, key, value)
    {
        json_t *found = json_object_get(document, key);

        if (!json_equal(found, value)) {
            char *reported = json_dumps(found, JSON_ENCODE_ANY);

            printf("# %s: %s\n", key, reported != NULL ? reported : "missing");
            free(reported);
            CU_FAIL("a member has another value");
        }
    }
    json_decref(wanted);
}

static void a_failed_pipeline_is_reported_with_each_stage(void)
{
    struct weir_pipeline_report report = report_of_two();
    json_t *document = document_of(&report);
    json_t *stages = json_object_get(document, "stages");

    expect_members(document,
                   "{\"weir\":1,\"kind\":\"pipe\",\"ok\":false,\"status\":127,\"decided_by\":"
                   "{\"stage\":\"nosuch\",\"reason\":\"cannot execute nosuch: no such program on "
                   "PATH\"},\"why\":\"none\",\"started_at\":\"2026-01-02T03:04:05.678Z\","
                   "\"wall_ms\":120.5}");
    CU_ASSERT_EQUAL(json_array_size(stages), 2);
    expect_members(json_array_get(stages, 0),
                   "{\"name\":\"tap\",\"argv\":[\"./tap\"],\"pid\":4711,\"end\":\"signaled\","
                   "\"why\":\"peer_failed\",\"code\":null,\"signal\":\"SIGTERM\",\"step\":null,"
                   "\"errno\":null,\"forgiven\":false,\"bytes_out\":12,\"wall_ms\":1.5,"
                   "\"user_ms\":0.25,\"system_ms\":0.5,\"max_rss_kb\":2048,"
                   "\"stopped_with\":[\"SIGTERM\"],\"stderr\":{\"text\":\"hm\\n\",\"bytes\":3,"
                   "\"kept\":3,\"truncated\":false,\"replaced\":0,\"charset\":\"utf-8\","
                   "\"abandoned\":false}}");
    /* Its stderr was not kept, nor its bytes counted. */
    expect_members(json_array_get(stages, 1),
                   "{\"name\":\"nosuch\",\"argv\":[\"nosuch\"],\"pid\":null,\"end\":"
                   "\"not_started\",\"why\":\"none\",\"code\":null,\"signal\":null,"
                   "\"step\":\"exec\",\"errno\":\"ENOENT\",\"forgiven\":false,\"stderr\":null,"
                   "\"bytes_out\":null}");
    json_decref(document);
    weir_pipeline_report_clear(&report);
    CU_ASSERT_PTR_NULL(report.stages);
    weir_pipeline_report_clear(&report);
    weir_pipeline_report_clear(NULL);
}

static void success_is_decided_by_nobody(void)
{
    struct weir_pipeline_report report = report_of_two();
    json_t *document;

    report.ok = 1;
    report.status = 0;
    report.decided_by = -1;
    report.stages[0].forgiven = 1;
    document = document_of(&report);
    expect_members(document, "{\"ok\":true,\"status\":0,\"decided_by\":null}");
    expect_members(json_array_get(json_object_get(document, "stages"), 0), "{\"forgiven\":true}");
    json_decref(document);
    weir_pipeline_report_clear(&report);
}

static void what_no_stage_did_is_decided_by_a_stage_of_null(void)
{
    struct weir_pipeline_report report = report_of_two();
    json_t *document;

    report.decided_by = -1;
    report.status = 125;
    strcpy(report.reason, "cannot write out.txt");
    report.why = WEIR_STOP_CANCELLED;
    document = document_of(&report);
    expect_members(document, "{\"why\":\"cancelled\",\"decided_by\":{\"stage\":null,\"reason\":"
                             "\"cannot write out.txt\"}}");
    json_decref(document);
    weir_pipeline_report_clear(&report);
}

static void a_name_that_is_no_utf8_does_not_lose_the_report(void)
{
    struct weir_pipeline_report report = report_of_two();
    json_t *document;

    free(report.stages[1].name);
    report.stages[1].name = strdup("caf\xE9");
    strcpy(report.reason, "cannot execute caf\xE9");
    document = document_of(&report);
    expect_members(document, "{\"decided_by\":{\"stage\":\"caf\\ufffd\",\"reason\":\"cannot "
                             "execute caf\\ufffd\"}}");
    expect_members(json_array_get(json_object_get(document, "stages"), 1),
                   "{\"name\":\"caf\\ufffd\"}");
    json_decref(document);
    weir_pipeline_report_clear(&report);
}

int main(void)
{
#define TEST(name) {#name, name}
    CU_TestInfo tests[] = {
        TEST(a_failed_pipeline_is_reported_with_each_stage),
        TEST(success_is_decided_by_nobody),
        TEST(what_no_stage_did_is_decided_by_a_stage_of_null),
        TEST(a_name_that_is_no_utf8_does_not_lose_the_report),
        CU_TEST_INFO_NULL,
    };

    return run_suite("pipe_report", tests);
}
