/* A running pipeline: timers, exits and the end. */
#include "config.h"

#include "pipeline/pipe.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "map/map.h"
#include "pipeline/verdict.h"
#include "proc/result.h"
#include "proc/result_json.h"

enum { LOOKS_MOST = 16 }; /* at stderr that has more: who writes without end is not heard out */

/* --- The end -------------------------------------------------------------- */

void weir__pipe_close(struct weir_pipeline_run *pipe)
{
    weir__timer_close(&pipe->deadline);
    weir__timer_close(&pipe->drain);
    for (size_t i = 0; i < pipe->count; i++) {
        struct weir__pipe_stage *stage = &pipe->stages[i];

        weir_map_free(stage->map);
        stage->map = NULL;
        weir__timer_close(&stage->deadline);
        weir__timer_close(&stage->idle);
        weir__relay_abandon(&stage->relay);
        weir__stderr_source_remove(&stage->stderr_source);
        weir__capture_clear(&stage->errors);
    }
    weir__stderr_forwarder_close(&pipe->forwarder);
    weir__atomic_file_discard(&pipe->output);
}

static void take_errors(struct weir_pipeline_run *pipe, struct weir__pipe_stage *stage)
{
    struct weir_output *output = &stage->report.result.err;
    struct weir_error error;
    int status;

    if (stage->errors.owner == NULL)
        return;
    status = weir__capture_finish(&stage->errors, output, &error);
    if (status == 0)
        status = weir__output_decode(output, NULL, WEIR_REPLACE, NULL, &error);
    if (status < 0)
        weir__operation_fail(&pipe->operation, &error);
}

static void judge(struct weir_pipeline_run *pipe)
{
    struct weir__verdict_stage *views = calloc(pipe->count, sizeof *views);
    struct weir_pipeline_report *report = &pipe->report;
    struct weir__verdict verdict;
    struct weir_error error;

    report->stages = calloc(pipe->count, sizeof *report->stages);
    if (views == NULL || report->stages == NULL) {
        weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory for a report");
        weir__operation_fail(&pipe->operation, &error);
        free(views);
        return;
    }
    for (size_t i = 0; i < pipe->count; i++) {
        struct weir__pipe_stage *stage = &pipe->stages[i];

        views[i] = (struct weir__verdict_stage){
            .result = &stage->report.result,
            .ended_ns = stage->ended_ns,
            .ok_exit = stage->ok_exit,
            .ok_exit_count = stage->ok_exit_count,
            .early_close_ok = stage->early_close_ok,
        };
    }
    weir__verdict(views, pipe->count, pipe->settings.pipefail, &verdict);
    report->ok = verdict.ok;
    report->status = verdict.status;
    report->decided_by = verdict.decided_by;
    report->why = verdict.why;
    memcpy(report->reason, verdict.reason, sizeof report->reason);
    if (report->ok && pipe->is_cut) {
        report->ok = 0;
        report->status = pipe->cancelled ? 128 + SIGTERM : 124;
        report->why = pipe->cancelled ? WEIR_STOP_CANCELLED : WEIR_STOP_TIMEOUT;
        snprintf(report->reason, sizeof report->reason, "its output was not read in time");
    }
    report->started_at_ns = pipe->started_at_ns;
    report->wall_ns = weir__clock_ns() - pipe->started_ns;
    report->stage_count = pipe->count;
    for (size_t i = 0; i < pipe->count; i++) {
        struct weir__pipe_stage *stage = &pipe->stages[i];

        stage->report.forgiven = views[i].forgiven;
        stage->report.start_ns = stage->report.result.started_ns - pipe->started_ns;
        if (stage->relay.owner != NULL)
            stage->report.bytes_out = (int64_t)stage->relay.total;
        report->stages[i] = stage->report;
        stage->report = (struct weir_stage_report){0};
    }
    free(views);
}

int weir__pipe_is_busy(const struct weir_pipeline_run *pipe)
{
    for (size_t i = 0; i < pipe->count; i++)
        if (weir__relay_is_open(&pipe->stages[i].relay)
            || weir__capture_is_open(&pipe->stages[i].errors))
            return 1;
    return 0;
}

void weir__pipe_finish(struct weir_pipeline_run *pipe)
{
    struct weir_error error;

    if (pipe->operation.over || !pipe->job_over || pipe->living > 0 || weir__pipe_is_busy(pipe)
        || !weir__stderr_forwarder_is_empty(&pipe->forwarder))
        return;
    for (size_t i = 0; i < pipe->count; i++)
        take_errors(pipe, &pipe->stages[i]);
    if (pipe->operation.failed == 0)
        judge(pipe);
    if (pipe->operation.failed == 0 && pipe->report.ok && pipe->output.fd >= 0
        && weir__atomic_file_commit(&pipe->output, &error) < 0)
        weir__operation_fail(&pipe->operation, &error);
    weir__pipe_close(pipe);
    weir__operation_end(&pipe->operation);
}

void weir__pipe_emit(struct weir_pipeline_run *pipe, int which, enum weir_event_kind kind,
                     int64_t number, const char *text, size_t length)
{
    const struct weir__pipe_stage *stage = which >= 0 ? &pipe->stages[which] : NULL;

    weir__context_tell(pipe->operation.weir,
                       (struct weir_event){
                           .kind = kind,
                           .job = pipe->job.id,
                           .stage = which,
                           .name = stage != NULL ? stage->report.name : NULL,
                           .pid = stage != NULL ? stage->report.result.pid : 0,
                           .number = number,
                           .bytes = stage != NULL ? stage->relay.total : 0,
                           .text = text,
                           .length = length,
                       });
}

/* of_stage: for the limit of a stage, whose time does not cut short the sequences of maps. */
static void stop_maps(struct weir_pipeline_run *pipe, int status, int of_stage, int64_t grace_ms)
{
    for (size_t i = 0; i < pipe->count; i++) {
        const struct weir__pipe_stage *stage = &pipe->stages[i];

        if (stage->map != NULL)
            weir__map_stop(stage->map, status, stage->stopping,
                           of_stage && stage->stop.count > 0 ? stage->grace_ms : grace_ms);
    }
}

/* stop NULL: the sequence of the pipeline. */
static void stop_with(struct weir_pipeline_run *pipe, int cause, enum weir_stop_reason why,
                      const struct weir__stop_sequence *stop, int64_t grace_ms)
{
    for (size_t i = 0; i < pipe->count; i++)
        if (pipe->stages[i].stopping == WEIR_STOP_NONE)
            pipe->stages[i].stopping =
                cause < 0 || (size_t)cause == i ? why : WEIR_STOP_PEER_FAILED;
    weir__job_stop_with(&pipe->operation.weir->client, &pipe->job, stop, grace_ms);
    stop_maps(pipe, why == WEIR_STOP_TIMEOUT || why == WEIR_STOP_IDLE ? 124 : 128 + SIGTERM,
              stop != NULL, grace_ms);
}

void weir__pipe_stop(struct weir_pipeline_run *pipe, int cause, enum weir_stop_reason why,
                     int64_t grace_ms)
{
    stop_with(pipe, cause, why, NULL, grace_ms);
}

void weir__pipe_stop_rest(struct weir_pipeline_run *pipe)
{
    if (pipe->living == 0 && !pipe->job_over && !weir__pipe_is_busy(pipe))
        weir__job_stop(&pipe->operation.weir->client, &pipe->job, pipe->settings.grace_ms);
}

static void drain(struct weir_pipeline_run *pipe)
{
    if (!pipe->draining)
        weir__timer_start(pipe->drain, pipe->settings.drain_ms);
    pipe->draining = 1;
}

static int errors_have_more(const struct weir_pipeline_run *pipe)
{
    for (size_t i = 0; i < pipe->count; i++)
        if (weir__capture_has_more(&pipe->stages[i].errors))
            return 1;
    return 0;
}

/* The drain time is over for other processes that hold a pipe open. A relay that waits for this
 * process's reader, or for a held terminal, is not their fault and continues, unless the whole
 * pipeline was stopped. */
void weir__pipe_drained(void *data)
{
    struct weir_pipeline_run *pipe = data;

    if (errors_have_more(pipe) && pipe->looks++ < LOOKS_MOST) { /* what has come is read first */
        weir__timer_start(pipe->drain, 1);
        return;
    }
    for (size_t i = 0; i < pipe->count; i++) {
        struct weir__pipe_stage *stage = &pipe->stages[i];

        if (weir__relay_is_open(&stage->relay) && weir__relay_is_starved(&stage->relay)) {
            weir__result_holder(&stage->report.result, stage->relay.from);
            weir__relay_abandon(&stage->relay);
        } else if (weir__relay_is_open(&stage->relay) && pipe->hurried
                   && stage->moved == stage->relay.moved) {
            pipe->is_cut = 1; /* our reader has stalled */
            weir__relay_abandon(&stage->relay);
        }
        stage->moved = stage->relay.moved;
        if (weir__capture_is_open(&stage->errors)
            && (pipe->hurried || !weir__stderr_forwarder_is_full(&pipe->forwarder))) {
            weir__result_holder(&stage->report.result, stage->errors.fd);
            weir__capture_abandon(&stage->errors);
        }
    }
    if (pipe->hurried)
        weir__stderr_forwarder_close(&pipe->forwarder);
    if (weir__pipe_is_busy(pipe) || !weir__stderr_forwarder_is_empty(&pipe->forwarder))
        weir__timer_start(pipe->drain, pipe->settings.drain_ms);
    weir__pipe_stop_rest(pipe);
    weir__pipe_finish(pipe);
}

/* --- Time ----------------------------------------------------------------- */

void weir__pipe_timed_out(void *data)
{
    struct weir_pipeline_run *pipe = data;

    weir__operation_hold(&pipe->operation);
    weir__client_catch_up(&pipe->operation.weir->client); /* it may just have ended */
    if (weir__operation_release(&pipe->operation) || pipe->operation.over)
        return;
    pipe->hurried = 1;
    if (pipe->living == 0) {
        weir__timer_start(pipe->drain, pipe->settings.drain_ms);
        return;
    }
    weir__pipe_emit(pipe, -1, WEIR_EVENT_TIMEOUT, 0, "timeout", strlen("timeout"));
    weir__pipe_stop(pipe, -1, WEIR_STOP_TIMEOUT, pipe->settings.grace_ms);
}

void weir__pipe_stage_timed_out(void *data)
{
    struct weir__pipe_stage *stage = data;
    struct weir_pipeline_run *pipe = stage->pipe;
    int which = (int)(stage - pipe->stages);

    weir__operation_hold(&pipe->operation);
    weir__client_catch_up(&pipe->operation.weir->client);
    if (weir__operation_release(&pipe->operation) || pipe->operation.over || stage->exited)
        return;
    weir__pipe_emit(pipe, which, WEIR_EVENT_TIMEOUT, 0, "timeout", strlen("timeout"));
    stop_with(pipe, which, WEIR_STOP_TIMEOUT, &stage->stop, stage->grace_ms);
}

void weir__pipe_check_idle(void *data)
{
    struct weir__pipe_stage *stage = data;
    struct weir_pipeline_run *pipe = stage->pipe;
    int64_t quiet_ms = (weir__clock_ns() - stage->last_output_ns) / 1000000;
    int which = (int)(stage - pipe->stages);

    if (stage->exited || pipe->operation.over || stage->stopping != WEIR_STOP_NONE
        || !weir__relay_is_open(&stage->relay))
        return;
    /* A stage with a slow reader is blocked, not idle. */
    if (quiet_ms < stage->idle_ms || !weir__relay_is_starved(&stage->relay)) {
        weir__timer_start(stage->idle,
                          quiet_ms < stage->idle_ms ? stage->idle_ms - quiet_ms : stage->idle_ms);
        return;
    }
    weir__pipe_emit(pipe, which, WEIR_EVENT_TIMEOUT, 0, "idle", strlen("idle"));
    stop_with(pipe, which, WEIR_STOP_IDLE, &stage->stop, stage->grace_ms);
}

/* --- The stages' output ------------------------------------------------------ */

void weir__pipe_report_progress(struct weir__pipe_stage *stage)
{
    weir__pipe_emit(stage->pipe, (int)(stage - stage->pipe->stages), WEIR_EVENT_PROGRESS, 0, NULL,
                    0);
}

void weir__pipe_begin_events(struct weir_pipeline_run *pipe)
{
    if (pipe->emits)
        return;
    pipe->emits = 1;
    weir__stderr_forwarder_release(&pipe->forwarder);
    for (size_t i = 0; i < pipe->count; i++)
        if (pipe->stages[i].relay.total > 0)
            weir__pipe_report_progress(&pipe->stages[i]);
}

/* --- The job -------------------------------------------------------------- */

static void job_started(void *owner, const pid_t *pids, size_t count)
{
    struct weir_pipeline_run *pipe = owner;

    for (size_t i = 0; i < count && i < pipe->plain_count; i++) {
        pipe->stages[pipe->plain[i]].report.result.pid = pids[i];
        weir__pipe_emit(pipe, (int)pipe->plain[i], WEIR_EVENT_STARTED, 0, NULL, 0);
    }
    weir__pipe_begin_events(pipe);
}

void weir__pipe_stage_ended(struct weir__pipe_stage *stage, int64_t at_ns)
{
    stage->exited = 1;
    stage->ended_ns = at_ns;
    stage->pipe->living--;
}

void weir__pipe_never_began(struct weir__pipe_stage *stage, int64_t now_ns)
{
    weir__result_not_started(&stage->report.result, WEIR_STEP_NONE, 0, "");
    stage->report.result.why = WEIR_STOP_PEER_FAILED;
    weir__pipe_stage_ended(stage, now_ns);
}

/* The stages before it run and are being stopped; those after it were never started. */
void weir__pipe_job_failed(void *owner, size_t nth, const char *step, int sys_errno,
                           const char *detail)
{
    struct weir_pipeline_run *pipe = owner;
    int64_t now_ns = weir__clock_ns();
    size_t which;

    if (nth >= pipe->plain_count)
        return;
    which = pipe->plain[nth];
    for (size_t i = 0; i < pipe->count; i++)
        if (i != which)
            pipe->stages[i].stopping = WEIR_STOP_PEER_FAILED;
    weir__result_not_started(&pipe->stages[which].report.result, weir__step_find(step), sys_errno,
                             detail);
    weir__pipe_stage_ended(&pipe->stages[which], now_ns);
    weir__pipe_emit(pipe, (int)which, WEIR_EVENT_NOT_STARTED, sys_errno, step, strlen(step));
    for (size_t i = nth + 1; i < pipe->plain_count; i++)
        weir__pipe_never_began(&pipe->stages[pipe->plain[i]], now_ns);
    stop_maps(pipe, 128 + SIGTERM, 0, pipe->settings.grace_ms);
    weir__pipe_begin_events(pipe);
}

void weir__pipe_after_exit(struct weir_pipeline_run *pipe)
{
    if (pipe->living > 0)
        return;
    drain(pipe);
    weir__pipe_stop_rest(pipe);
}

static void job_exited(void *owner, size_t nth, const struct weir__exit *how)
{
    struct weir_pipeline_run *pipe = owner;
    size_t which = nth < pipe->plain_count ? pipe->plain[nth] : pipe->count;
    struct weir__pipe_stage *stage = which < pipe->count ? &pipe->stages[which] : NULL;

    if (stage == NULL || stage->exited)
        return;
    /* A stop without a signal came too late: the stage ended by itself. */
    if (stage->report.result.stopped_with_count > 0)
        stage->report.result.why = stage->stopping;
    weir__result_exited(&stage->report.result, how, stage->limits);
    weir__pipe_stage_ended(stage, how->at_ns);
    weir__pipe_emit(pipe, (int)which, how->signal != 0 ? WEIR_EVENT_SIGNALED : WEIR_EVENT_EXITED,
                    how->signal != 0 ? how->signal : how->code, NULL, 0);
    weir__pipe_after_exit(pipe);
}

static void job_sent(void *owner, int signal)
{
    struct weir_pipeline_run *pipe = owner;

    for (size_t i = 0; i < pipe->count; i++)
        if (!pipe->stages[i].exited && pipe->stages[i].map == NULL
            && pipe->stages[i].stopping != WEIR_STOP_NONE)
            weir__result_sent(&pipe->stages[i].report.result, signal);
    weir__pipe_emit(pipe, -1, WEIR_EVENT_SIGNAL_SENT, signal, NULL, 0);
}

static void job_unsent(void *owner, int signal)
{
    struct weir_pipeline_run *pipe = owner;

    for (size_t i = 0; i < pipe->count; i++)
        if (!pipe->stages[i].exited && pipe->stages[i].map == NULL
            && pipe->stages[i].stopping != WEIR_STOP_NONE)
            weir__result_unsent(&pipe->stages[i].report.result, signal);
}

/* Reports a survivor under its stage, or under the first stage if it belongs to none. */
static void place_survivors(struct weir_pipeline_run *pipe)
{
    for (size_t n = 0; n < pipe->job.survivor_count; n++) {
        const struct weir_survivor *one = &pipe->job.survivors[n];
        struct weir_result *result = &pipe->stages[pipe->plain[0]].report.result;

        for (size_t i = 0; i < pipe->plain_count; i++)
            if (pipe->stages[pipe->plain[i]].report.result.pid == one->pid)
                result = &pipe->stages[pipe->plain[i]].report.result;
        result->survivors[result->survivor_count++] = *one;
    }
}

static void job_paused(void *owner, size_t nth, int signal)
{
    struct weir_pipeline_run *pipe = owner;

    if (nth < pipe->plain_count)
        weir__pipe_emit(pipe, (int)pipe->plain[nth], WEIR_EVENT_PAUSED, signal, NULL, 0);
}

/* The job is over; no exit was reported for these stages. */
static void lose_rest(void *owner)
{
    struct weir_pipeline_run *pipe = owner;

    place_survivors(pipe);
    for (size_t i = 0; i < pipe->count; i++) {
        struct weir__pipe_stage *stage = &pipe->stages[i];

        if (stage->exited || stage->map != NULL)
            continue;
        weir__result_lost(&stage->report.result);
        stage->report.result.why = stage->stopping;
        weir__pipe_stage_ended(stage, weir__clock_ns());
        weir__pipe_emit(pipe, (int)i, WEIR_EVENT_STATUS_LOST, 0, NULL, 0);
    }
    pipe->job_over = 1;
    weir__pipe_begin_events(pipe);
    if (pipe->living == 0)
        drain(pipe);
    weir__pipe_finish(pipe);
}

const struct weir__job_ops weir__pipe_job_ops = {
    .started = job_started,
    .failed = weir__pipe_job_failed,
    .exited = job_exited,
    .sent = job_sent,
    .unsent = job_unsent,
    .paused = job_paused,
    .ended = lose_rest,
    .lost = lose_rest,
};
