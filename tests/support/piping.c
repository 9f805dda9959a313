#include "config.h"

#include "support/piping.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/harness.h"
#include "support/running.h"

weir_pipeline_t *quiet_pipeline(void)
{
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_pipeline_settings settings;

    CU_ASSERT_PTR_NOT_NULL_FATAL(pipeline);
    weir_pipeline_settings_init(&settings);
    settings.input_fd = settings.output_fd = settings.stderr_fd = -1;
    CU_ASSERT_EQUAL(weir_pipeline_set(pipeline, &settings, NULL), 0);
    return pipeline;
}

struct weir_stage stage_of(const char *const *argv)
{
    static struct weir_command commands[8];
    static unsigned number;
    struct weir_command *command = &commands[number++ % 8];
    struct weir_stage stage;

    *command = command_of(argv);
    weir_stage_init(&stage);
    stage.command = command;
    return stage;
}

void add_stage(weir_pipeline_t *pipeline, const struct weir_stage *stage)
{
    CU_ASSERT_EQUAL(weir_pipeline_add(pipeline, stage, NULL), 0);
}

void add_command(weir_pipeline_t *pipeline, const char *const *argv)
{
    struct weir_stage stage = stage_of(argv);

    add_stage(pipeline, &stage);
}

struct weir_pipeline_report run_pipeline(weir_t *weir, weir_pipeline_t *pipeline)
{
    struct weir_pipeline_report report = {0};
    struct weir_error error = {0};
    int status = weir_pipeline_run(weir, pipeline, &report, &error);

    if (status < 0)
        printf("# %s: %s\n", weir_status_name(error.status), error.text);
    CU_ASSERT_EQUAL(status, 0);
    weir_pipeline_free(pipeline);
    if (status == 0 && !report.ok && getenv("WEIR_TEST") != NULL)
        printf("# %d: %s\n", report.status, report.reason);
    return report;
}

struct weir_pipeline_report run_into(weir_t *weir, weir_pipeline_t *pipeline, char *text,
                                     size_t size)
{
    struct weir_pipeline_settings settings;
    struct weir_pipeline_report report;
    int fd = weir__fd_of_bytes_portable("", 0, NULL);
    ssize_t length;

    weir_pipeline_get(pipeline, &settings);
    settings.output_fd = fd;
    weir_pipeline_set(pipeline, &settings, NULL);
    report = run_pipeline(weir, pipeline);
    length = pread(fd, text, size - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    close(fd);
    return report;
}

const struct weir_result *result_of(const struct weir_pipeline_report *report, size_t stage)
{
    CU_ASSERT_FATAL(stage < report->stage_count);
    return &report->stages[stage].result;
}
