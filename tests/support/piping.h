/* support/piping.h - building and running pipelines. */
#ifndef WEIR_TESTS_PIPING_H
#define WEIR_TESTS_PIPING_H

#include <weir/weir.h>

/* A pipeline whose input is /dev/null and whose output and live stderr go
 * nowhere, until something else is said. */
weir_pipeline_t *quiet_pipeline(void);

/* A stage with everything else at its default. */
struct weir_stage stage_of(const char *const *argv);

/* Adds it to the pipeline, or fails the test. */
void add_stage(weir_pipeline_t *pipeline, const struct weir_stage *stage);

/* Adds a stage that runs argv. */
void add_command(weir_pipeline_t *pipeline, const char *const *argv);

/* Runs it and frees it; a failure of weir itself fails the test. */
struct weir_pipeline_report run_pipeline(weir_t *weir, weir_pipeline_t *pipeline);

/* The same with the last stage's output in text, NUL-terminated. */
struct weir_pipeline_report run_into(weir_t *weir, weir_pipeline_t *pipeline, char *text,
                                     size_t size);

/* The result of one stage, or ends the test. */
const struct weir_result *result_of(const struct weir_pipeline_report *report, size_t stage);

#endif
