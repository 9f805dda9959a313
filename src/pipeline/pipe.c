/* Starts a pipeline; the functions its owner calls. */
#include "config.h"

#include "pipeline/pipe.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "proc/result.h"

/* --- The start ------------------------------------------------------------ */

static int open_timer(struct weir_pipeline_run *pipe, int64_t ms, void (*callback)(void *),
                      void *data, weir__timer **timer)
{
    int status;

    if (ms == WEIR_FOREVER)
        return 0;
    status =
        weir__timer_new(pipe->operation.weir->loop, callback, data, timer, &pipe->operation.error);
    if (status == 0)
        weir__timer_start(*timer, ms);
    return status;
}

static int open_stage(struct weir__pipe_stage *stage, const struct weir_stage *view,
                      struct weir__ends *ends)
{
    struct weir_pipeline_run *pipe = stage->pipe;
    int status = weir__pipe_open_outputs(stage, view, ends);

    if (status == 0)
        status = open_timer(pipe, stage->timeout_ms, weir__pipe_stage_timed_out, stage,
                            &stage->deadline);
    if (status == 0)
        status = open_timer(pipe, stage->idle_ms, weir__pipe_check_idle, stage, &stage->idle);
    return status;
}

/* Copies what the run needs from the pipeline, which may be freed first. */
static int copy_stage(struct weir_pipeline_run *pipe, struct weir__pipe_stage *stage,
                      const struct weir__stage *given)
{
    const struct weir_stage *view = &given->view;

    stage->pipe = pipe;
    stage->relay.from = stage->relay.to = stage->errors.fd = -1;
    stage->timeout_ms = view->timeout_ms;
    stage->idle_ms = view->idle_ms;
    stage->stop = given->has_stop ? given->stop : pipe->stop;
    stage->grace_ms =
        !given->has_stop && pipe->stop.count > 0 ? pipe->settings.grace_ms : view->grace_ms;
    stage->early_close_ok = view->early_close_ok;
    stage->passes_errors = view->err == WEIR_STDERR_PREFIX;
    stage->report.bytes_out = -1;
    stage->report.name = strdup(view->name);
    memcpy(stage->limits, given->command.limits, sizeof stage->limits);
    if (stage->report.name == NULL)
        return weir__fail(&pipe->operation.error, WEIR_ERR_NOMEM, 0, "no memory for a stage");
    if (view->ok_exit != NULL) {
        stage->ok_exit = malloc(view->ok_exit_count + 1);
        if (stage->ok_exit == NULL)
            return weir__fail(&pipe->operation.error, WEIR_ERR_NOMEM, 0, "no memory for a stage");
        memcpy(stage->ok_exit, view->ok_exit, view->ok_exit_count);
        stage->ok_exit_count = view->ok_exit_count;
    }
    return weir__result_begin(&stage->report.result, &given->command, &pipe->operation.error);
}

static int start_job(struct weir_pipeline_run *pipe, const weir_pipeline_t *pipeline,
                     struct weir__ends *ends)
{
    struct weir__stage_start starts[WEIR__STAGES_MAX];

    for (size_t nth = 0; nth < pipe->plain_count; nth++) {
        size_t i = pipe->plain[nth];

        ends[i].cwd =
            weir__client_open_cwd(&pipe->operation.weir->client, &pipeline->stages[i].command);
        if (ends[i].cwd < WEIR__CWD_INHERITED) { /* cannot enter the directory: start nothing */
            weir__pipe_job_failed(pipe, nth, "chdir", -ends[i].cwd, "");
            ends[i].cwd = -1;
            for (size_t other = 0; other < pipe->count; other++)
                if (!pipe->stages[other].exited)
                    weir__pipe_never_began(&pipe->stages[other], weir__clock_ns());
            pipe->job_over = 1;
            return 0;
        }
        starts[nth] =
            (struct weir__stage_start){.command = &pipeline->stages[i].command, .cwd = ends[i].cwd};
        memcpy(starts[nth].stdio, ends[i].stdio, sizeof starts[nth].stdio);
    }
    if (pipe->plain_count == 0) { /* only maps: each worker is its own job */
        pipe->job_over = 1;
        weir__pipe_begin_events(pipe);
        return 0;
    }
    pipe->job.ops = &weir__pipe_job_ops;
    pipe->job.owner = pipe;
    pipe->job.stop = &pipe->stop;
    pipe->job.in_background = pipe->settings.terminal_background;
    pipe->job.descriptors = pipe->settings.descriptors;
    pipe->job.descriptor_count = pipe->settings.descriptor_count;
    return weir__job_start(&pipe->operation.weir->client, &pipe->job, starts, pipe->plain_count,
                           pipe->settings.grace_ms, pipe->settings.terminal_fd,
                           &pipe->operation.error);
}

static int begin(struct weir_pipeline_run *pipe, const weir_pipeline_t *pipeline)
{
    struct weir__ends ends[WEIR__STAGES_MAX];
    int status = weir__pipe_fds_open(pipeline, ends, &pipe->output, &pipe->operation.error);

    if (status < 0)
        return status;
    status = weir__pipe_open_forwarder(pipe);
    if (status == 0)
        status = weir__timer_new(pipe->operation.weir->loop, weir__pipe_drained, pipe, &pipe->drain,
                                 &pipe->operation.error);
    for (size_t i = 0; i < pipe->count && status == 0; i++)
        status = open_stage(&pipe->stages[i], &pipeline->stages[i].view, &ends[i]);
    if (status == 0)
        status = open_timer(pipe, pipe->settings.timeout_ms, weir__pipe_timed_out, pipe,
                            &pipe->deadline);
    for (size_t i = 0; i < pipe->count; i++)
        if (!pipeline->stages[i].is_map)
            pipe->plain[pipe->plain_count++] = i;
    if (status == 0)
        status = start_job(pipe, pipeline, ends);
    if (status == 0)
        status = weir__pipe_start_maps(pipe, pipeline, ends);
    if (status < 0 && !pipe->job_over && pipe->job.owner != NULL && pipe->plain_count > 0)
        weir__job_abandon(&pipe->operation.weir->client, &pipe->job);
    weir__pipe_fds_close(ends, pipe->count);
    return status;
}

static int begin_or_close(struct weir__operation *operation, const void *given)
{
    struct weir_pipeline_run *pipe = (struct weir_pipeline_run *)operation;
    int status = begin(pipe, given);

    if (status < 0)
        weir__pipe_close(pipe);
    /* Nothing was started: its owner learns so from the loop, when the outputs end, or where there
     * are none, at once. */
    else if (pipe->job_over && !weir__pipe_is_busy(pipe) && pipe->living == 0)
        weir__timer_start(pipe->drain, 0);
    return status;
}

static void abandon(struct weir__operation *operation)
{
    struct weir_pipeline_run *pipe = (struct weir_pipeline_run *)operation;

    if (!pipe->job_over)
        weir__job_abandon(&pipe->operation.weir->client, &pipe->job);
    weir__pipe_close(pipe);
}

static void notify_owner(struct weir__operation *operation)
{
    struct weir_pipeline_run *pipe = (struct weir_pipeline_run *)operation;

    if (pipe->done != NULL)
        pipe->done(pipe, operation->failed == 0 ? &pipe->report : NULL,
                   operation->failed == 0 ? NULL : &operation->error, pipe->context);
}

static void destroy(struct weir__operation *operation)
{
    struct weir_pipeline_run *pipe = (struct weir_pipeline_run *)operation;

    for (size_t i = 0; i < pipe->count; i++) {
        free(pipe->stages[i].report.name);
        weir_result_clear(&pipe->stages[i].report.result);
        weir_map_report_clear(pipe->stages[i].report.map);
        free(pipe->stages[i].report.map);
        free(pipe->stages[i].ok_exit);
    }
    weir_pipeline_report_clear(&pipe->report);
    free(pipe->stages);
    free(pipe);
}

static const struct weir__operation_ops operation_ops = {
    .noun = "the pipeline",
    .result_at = offsetof(struct weir_pipeline_run, report),
    .result_size = sizeof(struct weir_pipeline_report),
    .begin = begin_or_close,
    .abandon = abandon,
    .report = notify_owner,
    .destroy = destroy,
};

weir_pipeline_run_t *weir_pipeline_start(weir_t *weir, const weir_pipeline_t *pipeline,
                                         weir_pipeline_run_done done, void *context,
                                         struct weir_error *error)
{
    struct weir_pipeline_run *pipe;
    struct weir__file_set files = {0};
    int status = 0;

    if (pipeline->count == 0) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "the pipeline is empty: give it a stage");
        return NULL;
    }
    if (pipeline->count > WEIR__STAGES_MAX) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "%zu stages are too many: up to %d", pipeline->count,
                   WEIR__STAGES_MAX);
        return NULL;
    }
    pipe = calloc(1, sizeof *pipe);
    if (pipe != NULL)
        pipe->stages = calloc(pipeline->count, sizeof *pipe->stages);
    if (pipe == NULL || pipe->stages == NULL) {
        free(pipe);
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a pipeline");
        return NULL;
    }
    pipe->operation.weir = weir;
    pipe->operation.ops = &operation_ops;
    pipe->settings = pipeline->settings;
    pipe->stop = pipeline->stop;
    pipe->count = pipe->living = pipeline->count;
    pipe->output.fd = pipe->output.dir = pipe->forwarder.fd = -1;
    pipe->done = done;
    pipe->context = context;
    pipe->started_at_ns = weir__clock_wall_ns();
    pipe->started_ns = weir__clock_ns();
    for (size_t i = 0; i < pipe->count && status == 0; i++)
        status = copy_stage(pipe, &pipe->stages[i], &pipeline->stages[i]);
    if (status < 0) {
        if (error != NULL)
            *error = pipe->operation.error;
        destroy(&pipe->operation);
        return NULL;
    }
    weir__pipeline_files(&files, pipeline, &pipeline->settings, 7);
    if (weir__file_set_end(&files, error) < 0) {
        destroy(&pipe->operation);
        return NULL;
    }
    if (weir__operation_begin(&pipe->operation, pipeline, 0, error) < 0)
        return NULL;
    return pipe;
}

/* --- The owner's side ----------------------------------------------------- */

int weir_pipeline_run_take(weir_pipeline_run_t *pipe, struct weir_pipeline_report *report,
                           struct weir_error *error)
{
    return weir__operation_take(&pipe->operation, report, error);
}

int weir_pipeline_run_wait(weir_pipeline_run_t *pipe, struct weir_pipeline_report *report,
                           struct weir_error *error)
{
    return weir__operation_wait(&pipe->operation, report, error);
}

int weir_pipeline_run(weir_t *weir, const weir_pipeline_t *pipeline,
                      struct weir_pipeline_report *report, struct weir_error *error)
{
    struct weir_error why;
    weir_pipeline_run_t *pipe = weir_pipeline_start(weir, pipeline, NULL, NULL, &why);

    return weir__operation_finish(pipe != NULL ? &pipe->operation : NULL, report, &why, error);
}

static void cancel(struct weir__operation *operation, int number)
{
    struct weir_pipeline_run *pipe = (struct weir_pipeline_run *)operation;
    int64_t grace_ms = pipe->cancelled ? 0 : pipe->settings.grace_ms;

    (void)number;
    pipe->hurried = pipe->cancelled = 1;
    if (pipe->living > 0) {
        weir__pipe_stop(pipe, -1, WEIR_STOP_CANCELLED, grace_ms);
        return;
    }
    weir__job_stop(&operation->weir->client, &pipe->job, grace_ms);
    weir__pipe_drained(pipe);
}

void weir_pipeline_run_cancel(weir_pipeline_run_t *pipe)
{
    weir__operation_ask(&pipe->operation, cancel, 0);
}

static void send_signal(struct weir__operation *operation, int number)
{
    weir__job_signal(&operation->weir->client, &((struct weir_pipeline_run *)operation)->job,
                     number);
}

void weir_pipeline_run_signal(weir_pipeline_run_t *pipe, int number)
{
    weir__operation_ask(&pipe->operation, send_signal, number);
}

int64_t weir_pipeline_run_job(const weir_pipeline_run_t *pipe)
{
    return pipe->job.id;
}

void weir_pipeline_run_free(weir_pipeline_run_t *pipe)
{
    if (pipe != NULL)
        weir__operation_free(&pipe->operation);
}
