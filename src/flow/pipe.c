/* A pipeline that runs, from start to verdict.
 *
 *   start --> RUNNING --last exit--> DRAINING --outputs closed, nothing left--> over
 *                |                      ^
 *                +-- time up, cancelled, a stage that cannot start: the ladder
 *
 * The stages are one job: one process group, one ladder.  Over means: the job
 * has ended, every relay and every stderr of ours is closed, and what was to be
 * passed on has been.
 */
#include "config.h"

#include <weir/lines.h>
#include <weir/pipeline.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "flow/map.h"
#include "flow/passer.h"
#include "flow/pipeline.h"
#include "flow/plumbing.h"
#include "flow/verdict.h"
#include "proc/capture.h"
#include "proc/command.h"
#include "proc/context.h"
#include "proc/life.h"
#include "proc/relay.h"
#include "proc/result.h"

enum { LONGEST_ERROR_LINE = 64 * 1024 };

struct stage {
    struct weir_pipe *pipe;
    weir_map_t *map; /* of a map stage that runs */
    struct weir_stage_report report; /* handed over at the end */
    uint64_t limits[WEIR_LIMIT_COUNT];
    unsigned char *ok_exit;
    size_t ok_exit_count;
    int early_close_ok, passes_errors;
    int64_t timeout_ms, idle_ms, grace_ms;

    struct weir__relay relay;
    struct weir__capture errors;
    weir_lines *lines; /* of its stderr, where somebody wants lines */
    weir__timer *deadline, *idle;
    int64_t last_output_ns, ended_ns;
    int exited;
    enum weir_why stopping;
};

struct weir_pipe {
    struct weir__life life; /* first */
    struct weir_pipeline_settings settings; /* its strings are not ours: not used */
    struct stage *stages;
    size_t count, living;
    size_t plain[WEIR__STAGES_MAX]; /* the job's stages, by their place in the pipeline */
    size_t plain_count;

    struct weir__job job;
    struct weir__outfile output;
    struct weir__passer passer;
    weir__timer *deadline, *drain;
    int job_over, draining;
    int cancelled;
    int hurried; /* it was stopped as a whole: nobody's reader is waited for beyond the drain time */
    int64_t started_at_ns, started_ns;

    struct weir_pipe_report report;
    weir_pipe_done done;
    void *context;
};

/* --- The end -------------------------------------------------------------- */

static void close_everything(struct weir_pipe *pipe)
{
    weir__timer_close(&pipe->deadline);
    weir__timer_close(&pipe->drain);
    for (size_t i = 0; i < pipe->count; i++) {
        struct stage *stage = &pipe->stages[i];

        weir_map_free(stage->map);
        stage->map = NULL;
        weir__timer_close(&stage->deadline);
        weir__timer_close(&stage->idle);
        weir__relay_abandon(&stage->relay);
        weir__capture_clear(&stage->errors);
        weir_lines_free(stage->lines);
        stage->lines = NULL;
    }
    weir__passer_close(&pipe->passer);
    weir__outfile_discard(&pipe->output);
}

static void take_errors(struct weir_pipe *pipe, struct stage *stage)
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
        weir__life_fail(&pipe->life, &error);
}

static void judge(struct weir_pipe *pipe)
{
    struct weir__verdict_stage *views = calloc(pipe->count, sizeof *views);
    struct weir_pipe_report *report = &pipe->report;
    struct weir__verdict verdict;
    struct weir_error error;

    report->stages = calloc(pipe->count, sizeof *report->stages);
    if (views == NULL || report->stages == NULL) {
        weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory for a report");
        weir__life_fail(&pipe->life, &error);
        free(views);
        return;
    }
    for (size_t i = 0; i < pipe->count; i++) {
        struct stage *stage = &pipe->stages[i];

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
    report->started_at_ns = pipe->started_at_ns;
    report->wall_ns = weir__clock_ns() - pipe->started_ns;
    report->stage_count = pipe->count;
    for (size_t i = 0; i < pipe->count; i++) {
        struct stage *stage = &pipe->stages[i];

        stage->report.forgiven = views[i].forgiven;
        if (stage->relay.owner != NULL)
            stage->report.bytes_out = (int64_t)stage->relay.total;
        report->stages[i] = stage->report;
        stage->report = (struct weir_stage_report){0};
    }
    free(views);
}

static int is_busy(const struct weir_pipe *pipe)
{
    for (size_t i = 0; i < pipe->count; i++)
        if (weir__relay_is_open(&pipe->stages[i].relay)
            || weir__capture_is_open(&pipe->stages[i].errors))
            return 1;
    return 0;
}

/* The last thing that a callback does: the owner may free the pipe here. */
static void finish_if_over(struct weir_pipe *pipe)
{
    struct weir_error error;

    if (pipe->life.over || !pipe->job_over || pipe->living > 0 || is_busy(pipe) || !weir__passer_is_empty(&pipe->passer))
        return;
    for (size_t i = 0; i < pipe->count; i++)
        take_errors(pipe, &pipe->stages[i]);
    if (pipe->life.failed == 0)
        judge(pipe);
    if (pipe->life.failed == 0 && pipe->report.ok && pipe->output.fd >= 0
        && weir__outfile_commit(&pipe->output, &error) < 0)
        weir__life_fail(&pipe->life, &error);
    close_everything(pipe);
    weir__life_end(&pipe->life);
}

static void tell(struct weir_pipe *pipe, int which, enum weir_event_kind kind, int64_t number,
                 const char *text, size_t length)
{
    const struct stage *stage = which >= 0 ? &pipe->stages[which] : NULL;

    weir__context_tell(pipe->life.weir,
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

static void stop_maps(struct weir_pipe *pipe, int status, int64_t grace_ms)
{
    for (size_t i = 0; i < pipe->count; i++)
        if (pipe->stages[i].map != NULL)
            weir__map_stop(pipe->stages[i].map, status, pipe->stages[i].stopping, grace_ms);
}

/* Sends all of it down the ladder: the stage that is the cause (-1: all are),
 * and the others because of it. */
static void stop(struct weir_pipe *pipe, int cause, enum weir_why why, int64_t grace_ms)
{
    for (size_t i = 0; i < pipe->count; i++)
        if (pipe->stages[i].stopping == WEIR_WHY_NONE)
            pipe->stages[i].stopping =
                cause < 0 || (size_t)cause == i ? why : WEIR_WHY_PEER_FAILED;
    weir__job_stop(&pipe->life.weir->link, &pipe->job, grace_ms);
    stop_maps(pipe, why == WEIR_WHY_TIMEOUT || why == WEIR_WHY_IDLE ? 124 : 128 + SIGTERM,
              grace_ms);
}

/* Nothing reads or writes for us any more, but something still lives. */
static void stop_rest(struct weir_pipe *pipe)
{
    if (pipe->living == 0 && !pipe->job_over && !is_busy(pipe))
        weir__job_stop(&pipe->life.weir->link, &pipe->job, pipe->settings.grace_ms);
}

static void drain(struct weir_pipe *pipe)
{
    if (!pipe->draining)
        weir__timer_start(pipe->drain, pipe->settings.drain_ms);
    pipe->draining = 1;
}

/* Who still holds a pipe open has had its time.  What waits for our own reader,
 * or for a terminal that is held, is no holder's fault: it has more, unless all
 * was stopped. */
static void drain_is_over(void *data)
{
    struct weir_pipe *pipe = data;

    for (size_t i = 0; i < pipe->count; i++) {
        struct stage *stage = &pipe->stages[i];

        if (weir__relay_is_open(&stage->relay)
            && (pipe->hurried || weir__relay_is_starved(&stage->relay))) {
            weir__result_holder(&stage->report.result, stage->relay.inode);
            weir__relay_abandon(&stage->relay);
        }
        if (weir__capture_is_open(&stage->errors)
            && (pipe->hurried || !weir__passer_is_full(&pipe->passer))) {
            weir__result_holder(&stage->report.result, stage->errors.inode);
            weir__capture_abandon(&stage->errors);
        }
    }
    if (pipe->hurried)
        weir__passer_close(&pipe->passer);
    if (is_busy(pipe) || !weir__passer_is_empty(&pipe->passer))
        weir__timer_start(pipe->drain, pipe->settings.drain_ms);
    stop_rest(pipe);
    finish_if_over(pipe);
}

/* --- Time ----------------------------------------------------------------- */

static void time_is_up(void *data)
{
    struct weir_pipe *pipe = data;

    weir__life_hold(&pipe->life);
    weir__link_catch_up(&pipe->life.weir->link); /* it may have ended this very moment */
    if (weir__life_release(&pipe->life) || pipe->life.over)
        return;
    if (pipe->living == 0) {
        drain_is_over(pipe);
        return;
    }
    tell(pipe, -1, WEIR_EVENT_TIMEOUT, 0, "timeout", strlen("timeout"));
    pipe->hurried = 1;
    stop(pipe, -1, WEIR_WHY_TIMEOUT, pipe->settings.grace_ms);
}

static void stage_time_is_up(void *data)
{
    struct stage *stage = data;
    struct weir_pipe *pipe = stage->pipe;
    int which = (int)(stage - pipe->stages);

    weir__life_hold(&pipe->life);
    weir__link_catch_up(&pipe->life.weir->link);
    if (weir__life_release(&pipe->life) || pipe->life.over || stage->exited)
        return;
    tell(pipe, which, WEIR_EVENT_TIMEOUT, 0, "timeout", strlen("timeout"));
    stop(pipe, which, WEIR_WHY_TIMEOUT, stage->grace_ms);
}

static void check_idle(void *data)
{
    struct stage *stage = data;
    struct weir_pipe *pipe = stage->pipe;
    int64_t quiet_ms = (weir__clock_ns() - stage->last_output_ns) / 1000000;
    int which = (int)(stage - pipe->stages);

    if (stage->exited || pipe->life.over || stage->stopping != WEIR_WHY_NONE
        || !weir__relay_is_open(&stage->relay))
        return;
    /* A stage whose reader is slow is not idle: it is held back. */
    if (quiet_ms < stage->idle_ms || !weir__relay_is_starved(&stage->relay)) {
        weir__timer_start(stage->idle, quiet_ms < stage->idle_ms ? stage->idle_ms - quiet_ms
                                                                 : stage->idle_ms);
        return;
    }
    tell(pipe, which, WEIR_EVENT_TIMEOUT, 0, "idle", strlen("idle"));
    stop(pipe, which, WEIR_WHY_IDLE, stage->grace_ms);
}

/* --- Outputs -------------------------------------------------------------- */

static void output_passed(void *owner, size_t length)
{
    struct stage *stage = owner;

    (void)length;
    if (stage->idle != NULL)
        stage->last_output_ns = weir__clock_ns();
    tell(stage->pipe, (int)(stage - stage->pipe->stages), WEIR_EVENT_PROGRESS, 0, NULL, 0);
}

static void output_ended(void *owner, int failed)
{
    struct stage *stage = owner;
    struct weir_pipe *pipe = stage->pipe;
    struct weir_error error;

    /* EPIPE is the reader's right: the stage learns it as if it were its own. */
    if (failed != 0 && failed != EPIPE) {
        weir__fail(&error, WEIR_ERR_SYSTEM, failed, "cannot pass on the output of %s",
                   stage->report.name);
        weir__life_fail(&pipe->life, &error);
        stop(pipe, (int)(stage - pipe->stages), WEIR_WHY_CANCELLED, pipe->settings.grace_ms);
    }
    stop_rest(pipe);
    finish_if_over(pipe);
}

static void take_line(struct stage *stage, const struct weir_line *line)
{
    struct weir_pipe *pipe = stage->pipe;

    tell(pipe, (int)(stage - pipe->stages), WEIR_EVENT_STDERR_LINE, stage->passes_errors,
         line->bytes, line->length);
    if (stage->passes_errors && pipe->passer.is_terminal)
        weir__passer_add_line(&pipe->passer, stage->report.name, line->bytes, line->length);
}

static void errors_came(void *owner, const char *bytes, size_t length)
{
    struct stage *stage = owner;
    struct weir_pipe *pipe = stage->pipe;
    struct weir_line line;
    int status;

    if (stage->passes_errors && !pipe->passer.is_terminal)
        weir__passer_add(&pipe->passer, bytes, length);
    if (stage->lines != NULL && weir_lines_feed(stage->lines, bytes, length, NULL) == 0) {
        while ((status = weir_lines_next(stage->lines, &line, NULL)) == 1)
            take_line(stage, &line);
        if (status < 0) { /* no line, then: live it is left out, in the report it is kept */
            static const char left_out[] = "[... a line over 64 KiB ...]";

            weir_lines_free(stage->lines);
            stage->lines = weir_lines_new(LONGEST_ERROR_LINE);
            line = (struct weir_line){.bytes = left_out, .length = sizeof left_out - 1};
            take_line(stage, &line);
        }
    }
    if (weir__passer_is_full(&pipe->passer))
        weir__capture_pause(&stage->errors, 1);
}

static void errors_ended(void *owner)
{
    struct stage *stage = owner;
    struct weir_line line;

    if (stage->lines != NULL && weir_lines_rest(stage->lines, &line, NULL) == 1)
        take_line(stage, &line);
    stop_rest(stage->pipe);
    finish_if_over(stage->pipe);
}

static void passer_has_room(void *owner)
{
    struct weir_pipe *pipe = owner;

    for (size_t i = 0; i < pipe->count; i++)
        if (weir__capture_is_open(&pipe->stages[i].errors))
            weir__capture_pause(&pipe->stages[i].errors, 0);
}

static void passer_is_empty(void *owner)
{
    finish_if_over(owner);
}

/* --- The job -------------------------------------------------------------- */

static void job_started(void *owner, const pid_t *pids, size_t count)
{
    struct weir_pipe *pipe = owner;

    for (size_t i = 0; i < count && i < pipe->plain_count; i++) {
        pipe->stages[pipe->plain[i]].report.result.pid = pids[i];
        tell(pipe, (int)pipe->plain[i], WEIR_EVENT_STARTED, 0, NULL, 0);
    }
}

static void stage_ended(struct stage *stage, int64_t at_ns)
{
    stage->exited = 1;
    stage->ended_ns = at_ns;
    stage->pipe->living--;
}

static void never_began(struct stage *stage, int64_t now_ns)
{
    weir__result_not_started(&stage->report.result, WEIR_STEP_NONE, 0, "");
    stage->report.result.why = WEIR_WHY_PEER_FAILED;
    stage_ended(stage, now_ns);
}

/* The stages before it run and are being stopped; those after it never began. */
static void job_failed(void *owner, size_t nth, const char *step, int sys_errno,
                       const char *detail)
{
    struct weir_pipe *pipe = owner;
    int64_t now_ns = weir__clock_ns();
    size_t which;

    if (nth >= pipe->plain_count)
        return;
    which = pipe->plain[nth];
    for (size_t i = 0; i < pipe->count; i++)
        if (i != which)
            pipe->stages[i].stopping = WEIR_WHY_PEER_FAILED;
    weir__result_not_started(&pipe->stages[which].report.result, weir__step_find(step), sys_errno,
                             detail);
    stage_ended(&pipe->stages[which], now_ns);
    tell(pipe, (int)which, WEIR_EVENT_NOT_STARTED, sys_errno, step, strlen(step));
    for (size_t i = nth + 1; i < pipe->plain_count; i++)
        never_began(&pipe->stages[pipe->plain[i]], now_ns);
    stop_maps(pipe, 128 + SIGTERM, pipe->settings.grace_ms);
}

static void after_exit(struct weir_pipe *pipe)
{
    if (pipe->living > 0)
        return;
    drain(pipe);
    stop_rest(pipe);
}

static void job_exited(void *owner, size_t nth, const struct weir__exit *how)
{
    struct weir_pipe *pipe = owner;
    size_t which = nth < pipe->plain_count ? pipe->plain[nth] : pipe->count;
    struct stage *stage = which < pipe->count ? &pipe->stages[which] : NULL;

    if (stage == NULL || stage->exited)
        return;
    /* A stop that no signal followed came too late: it ended by itself. */
    if (stage->report.result.stopped_with_count > 0)
        stage->report.result.why = stage->stopping;
    weir__result_exited(&stage->report.result, how, stage->limits);
    stage_ended(stage, how->at_ns);
    tell(pipe, (int)which, how->signal != 0 ? WEIR_EVENT_SIGNALED : WEIR_EVENT_EXITED,
         how->signal != 0 ? how->signal : how->code, NULL, 0);
    after_exit(pipe);
}

static void job_sent(void *owner, int signal)
{
    struct weir_pipe *pipe = owner;

    for (size_t i = 0; i < pipe->count; i++)
        if (!pipe->stages[i].exited && pipe->stages[i].map == NULL
            && pipe->stages[i].stopping != WEIR_WHY_NONE)
            weir__result_sent(&pipe->stages[i].report.result, signal);
    tell(pipe, -1, WEIR_EVENT_SIGNAL_SENT, signal, NULL, 0);
}

static void job_paused(void *owner, size_t nth, int signal)
{
    struct weir_pipe *pipe = owner;

    if (nth < pipe->plain_count)
        tell(pipe, (int)pipe->plain[nth], WEIR_EVENT_PAUSED, signal, NULL, 0);
}

/* The job is over, and these stages' ends were never told. */
static void lose_rest(struct weir_pipe *pipe, enum weir_why why)
{
    for (size_t i = 0; i < pipe->count; i++) {
        struct stage *stage = &pipe->stages[i];

        if (stage->exited || stage->map != NULL)
            continue;
        weir__result_lost(&stage->report.result);
        stage->report.result.why = stage->stopping != WEIR_WHY_NONE ? stage->stopping : why;
        stage_ended(stage, weir__clock_ns());
        tell(pipe, (int)i, WEIR_EVENT_STATUS_LOST, 0, NULL, 0);
    }
    pipe->job_over = 1;
    if (pipe->living == 0)
        drain(pipe);
    finish_if_over(pipe);
}

static void job_ended(void *owner)
{
    lose_rest(owner, WEIR_WHY_NONE);
}

static void job_lost(void *owner)
{
    lose_rest(owner, WEIR_WHY_HOST_GONE);
}

static const struct weir__job_ops job_ops = {
    .started = job_started,
    .failed = job_failed,
    .exited = job_exited,
    .sent = job_sent,
    .paused = job_paused,
    .ended = job_ended,
    .lost = job_lost,
};

/* --- The start ------------------------------------------------------------ */

static int open_timer(struct weir_pipe *pipe, int64_t ms, void (*callback)(void *), void *data,
                      weir__timer **timer)
{
    int status;

    if (ms == WEIR_FOREVER)
        return 0;
    status = weir__timer_new(pipe->life.weir->loop, callback, data, timer, &pipe->life.error);
    if (status == 0)
        weir__timer_start(*timer, ms);
    return status;
}

static int open_stage(struct weir_pipe *pipe, struct stage *stage, const struct weir_stage *view,
                      struct weir__ends *ends)
{
    weir_decoder *decoder = NULL;
    int status = 0, from = ends->relay_from, to = ends->relay_to, errors = ends->errors;

    ends->relay_from = ends->relay_to = ends->errors = -1; /* from here on they are taken */
    if (errors >= 0) {
        stage->errors.owner = stage;
        stage->errors.on_bytes = errors_came;
        stage->errors.on_end = errors_ended;
        status = weir__capture_start(&stage->errors, pipe->life.weir->loop, errors,
                                     pipe->settings.max_stderr, 0, &pipe->life.error);
        if (pipe->life.weir->on_event != NULL || pipe->passer.is_terminal)
            stage->lines = weir_lines_new(LONGEST_ERROR_LINE);
    }
    if (from >= 0 && view->charset != NULL) {
        decoder = weir_decoder_new(view->charset, WEIR_REPLACE, NULL, &pipe->life.error);
        if (decoder == NULL && status == 0)
            status = WEIR_ERR_CHARSET;
    }
    if (from >= 0 && status == 0) {
        stage->relay.owner = stage;
        stage->relay.on_bytes = output_passed;
        stage->relay.on_end = output_ended;
        stage->last_output_ns = weir__clock_ns();
        status = weir__relay_start(&stage->relay, pipe->life.weir->loop, from, to,
                                   ends->relay_to_is_ours, decoder, &pipe->life.error);
    } else if (from >= 0) {
        weir__close(&from);
        if (ends->relay_to_is_ours)
            weir__close(&to);
        weir_decoder_free(decoder);
    }
    if (status == 0)
        status = open_timer(pipe, stage->timeout_ms, stage_time_is_up, stage, &stage->deadline);
    if (status == 0)
        status = open_timer(pipe, stage->idle_ms, check_idle, stage, &stage->idle);
    return status;
}

/* Copies what is needed of the pipeline, which may go before we do. */
static int copy_stage(struct weir_pipe *pipe, struct stage *stage, const struct weir_stage *view)
{
    stage->pipe = pipe;
    stage->relay.from = stage->relay.to = stage->errors.fd = -1;
    stage->timeout_ms = view->timeout_ms;
    stage->idle_ms = view->idle_ms;
    stage->grace_ms = view->grace_ms;
    stage->early_close_ok = view->early_close_ok;
    stage->passes_errors = view->err == WEIR_STDERR_PREFIX;
    stage->report.bytes_out = -1;
    stage->report.name = strdup(view->name);
    memcpy(stage->limits, view->command.limits, sizeof stage->limits);
    if (stage->report.name == NULL)
        return weir__fail(&pipe->life.error, WEIR_ERR_NOMEM, 0, "no memory for a stage");
    if (view->ok_exit != NULL) {
        stage->ok_exit = malloc(view->ok_exit_count + 1);
        if (stage->ok_exit == NULL)
            return weir__fail(&pipe->life.error, WEIR_ERR_NOMEM, 0, "no memory for a stage");
        memcpy(stage->ok_exit, view->ok_exit, view->ok_exit_count);
        stage->ok_exit_count = view->ok_exit_count;
    }
    return weir__result_begin(&stage->report.result, &view->command, &pipe->life.error);
}

static int start_job(struct weir_pipe *pipe, const weir_pipeline_t *pipeline,
                     struct weir__ends *ends)
{
    struct weir__stage_start starts[WEIR__STAGES_MAX];

    for (size_t nth = 0; nth < pipe->plain_count; nth++) {
        size_t i = pipe->plain[nth];

        if (ends[i].cwd < 0) { /* its directory cannot be entered: nothing is started */
            job_failed(pipe, nth, "chdir", -ends[i].cwd, "");
            ends[i].cwd = -1;
            for (size_t other = 0; other < pipe->count; other++)
                if (!pipe->stages[other].exited)
                    never_began(&pipe->stages[other], weir__clock_ns());
            pipe->job_over = 1;
            return 0;
        }
        starts[nth].command = &pipeline->stages[i].view.command;
        starts[nth].cwd = ends[i].cwd;
        memcpy(starts[nth].stdio, ends[i].stdio, sizeof starts[nth].stdio);
    }
    if (pipe->plain_count == 0) { /* maps alone: each worker is a job of its own */
        pipe->job_over = 1;
        return 0;
    }
    pipe->job.ops = &job_ops;
    pipe->job.owner = pipe;
    pipe->job.in_background = pipe->settings.terminal_background;
    return weir__job_start(&pipe->life.weir->link, &pipe->job, starts, pipe->plain_count,
                           pipe->settings.grace_ms, pipe->settings.terminal_fd, &pipe->life.error);
}

/* --- Map stages ----------------------------------------------------------- */

static void map_ended(weir_map_t *map, const struct weir_map_report *report,
                      const struct weir_error *error, void *context)
{
    struct stage *stage = context;
    struct weir_pipe *pipe = stage->pipe;
    struct weir_result *result = &stage->report.result;
    struct weir__exit how = {.at_ns = weir__clock_ns()};

    if (error != NULL)
        weir__life_fail(&pipe->life, error);
    if (report != NULL) {
        how.code = report->status;
        for (size_t i = 0; i < report->worker_count; i++) {
            how.user_us += report->workers[i].result.user_us;
            how.system_us += report->workers[i].result.system_us;
            if (report->workers[i].result.max_rss_kb > how.max_rss_kb)
                how.max_rss_kb = report->workers[i].result.max_rss_kb;
        }
        if (report->status != 0 && report->status != 141 && stage->stopping == WEIR_WHY_NONE) {
            weir__passer_add(&pipe->passer, stage->report.name, strlen(stage->report.name));
            weir__passer_add(&pipe->passer, ": ", 2);
            weir__passer_add(&pipe->passer, report->reason, strlen(report->reason));
            weir__passer_add(&pipe->passer, "\n", 1);
        }
        stage->report.map = malloc(sizeof *stage->report.map);
        if (stage->report.map != NULL && weir_map_take(map, stage->report.map, NULL) < 0) {
            free(stage->report.map);
            stage->report.map = NULL;
        }
        if (stage->report.map != NULL)
            stage->report.bytes_out = (int64_t)stage->report.map->bytes_out;
    }
    stage->map = NULL;
    weir_map_free(map);
    result->why = stage->stopping;
    weir__result_exited(result, &how, stage->limits);
    stage_ended(stage, how.at_ns);
    tell(pipe, (int)(stage - pipe->stages), WEIR_EVENT_EXITED, how.code, NULL, 0);
    after_exit(pipe);
    finish_if_over(pipe);
}

static int start_map(struct weir_pipe *pipe, size_t i, const struct weir__stage *given,
                     const struct weir__ends *ends)
{
    struct weir_map_options options = *weir__stage_map(given);
    struct stage *stage = &pipe->stages[i];

    options.command = given->view.command;
    options.input_fd = ends->stdio[0];
    options.input = ends->stdio[0] < 0 ? "/dev/null" : NULL;
    options.output_fd = ends->stdio[1];
    options.output = ends->stdio[1] < 0 ? "/dev/null" : NULL;
    options.grace_ms = stage->grace_ms;
    options.stderr_fd = stage->passes_errors ? pipe->settings.stderr_fd : -1;
    stage->map = weir_map_start(pipe->life.weir, &options, map_ended, stage, &pipe->life.error);
    if (stage->map == NULL)
        return pipe->life.error.status;
    stage->map->stage = (int)i;
    stage->map->name = stage->report.name;
    stage->map->is_quiet = !stage->passes_errors;
    return 0;
}

static int start_maps(struct weir_pipe *pipe, const weir_pipeline_t *pipeline,
                      const struct weir__ends *ends)
{
    int status = 0;

    for (size_t i = 0; i < pipe->count && status == 0; i++)
        if (pipeline->stages[i].is_map && !pipe->stages[i].exited)
            status = start_map(pipe, i, &pipeline->stages[i], &ends[i]);
    return status;
}

static int begin(struct weir_pipe *pipe, const weir_pipeline_t *pipeline)
{
    struct weir__ends ends[WEIR__STAGES_MAX];
    int status = weir__plumbing_open(pipeline, ends, &pipe->output, &pipe->life.error);

    if (status < 0)
        return status;
    pipe->passer.owner = pipe;
    pipe->passer.on_room = passer_has_room;
    pipe->passer.on_empty = passer_is_empty;
    status = weir__passer_start(&pipe->passer, pipe->life.weir->loop, pipe->settings.stderr_fd,
                                &pipe->life.error);
    if (status == 0)
        status = weir__timer_new(pipe->life.weir->loop, drain_is_over, pipe, &pipe->drain,
                                 &pipe->life.error);
    for (size_t i = 0; i < pipe->count && status == 0; i++)
        status = open_stage(pipe, &pipe->stages[i], &pipeline->stages[i].view, &ends[i]);
    if (status == 0)
        status = open_timer(pipe, pipe->settings.timeout_ms, time_is_up, pipe, &pipe->deadline);
    for (size_t i = 0; i < pipe->count; i++)
        if (!pipeline->stages[i].is_map)
            pipe->plain[pipe->plain_count++] = i;
    if (status == 0)
        status = start_job(pipe, pipeline, ends);
    if (status == 0)
        status = start_maps(pipe, pipeline, ends);
    if (status < 0 && !pipe->job_over && pipe->job.owner != NULL && pipe->plain_count > 0)
        weir__job_abandon(&pipe->life.weir->link, &pipe->job);
    weir__plumbing_close(ends, pipe->count);
    return status;
}

struct beginning {
    struct weir_pipe *pipe;
    const weir_pipeline_t *pipeline;
};

static int begin_or_close(void *data)
{
    struct beginning *beginning = data;
    struct weir_pipe *pipe = beginning->pipe;
    int status = begin(pipe, beginning->pipeline);

    if (status < 0)
        close_everything(pipe);
    /* Nothing was started: its owner hears so from the loop, when the ends of the
     * outputs come, or where there are none, at once. */
    else if (pipe->job_over && !is_busy(pipe) && pipe->living == 0)
        weir__timer_start(pipe->drain, 0);
    return status;
}

static void abandon(struct weir__life *life)
{
    struct weir_pipe *pipe = (struct weir_pipe *)life;

    if (!pipe->job_over)
        weir__job_abandon(&pipe->life.weir->link, &pipe->job);
    close_everything(pipe);
}

static void tell_owner(struct weir__life *life)
{
    struct weir_pipe *pipe = (struct weir_pipe *)life;

    if (pipe->done != NULL)
        pipe->done(pipe, life->failed == 0 ? &pipe->report : NULL,
                   life->failed == 0 ? NULL : &life->error, pipe->context);
}

static void destroy(struct weir__life *life)
{
    struct weir_pipe *pipe = (struct weir_pipe *)life;

    for (size_t i = 0; i < pipe->count; i++) {
        free(pipe->stages[i].report.name);
        weir_result_clear(&pipe->stages[i].report.result);
        weir_map_report_clear(pipe->stages[i].report.map);
        free(pipe->stages[i].report.map);
        free(pipe->stages[i].ok_exit);
    }
    weir_pipe_report_clear(&pipe->report);
    free(pipe->stages);
    free(pipe);
}

static const struct weir__life_ops life_ops = {"the pipeline", abandon, tell_owner, destroy};

weir_pipe_t *weir_pipe_start(weir_t *weir, const weir_pipeline_t *pipeline, weir_pipe_done done,
                             void *context, struct weir_error *error)
{
    struct weir_pipe *pipe;
    struct beginning beginning = {.pipeline = pipeline};
    int status = 0;

    if (pipeline->count == 0) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "the pipeline is empty: give it a stage");
        return NULL;
    }
    if (pipeline->count > WEIR__STAGES_MAX) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "%zu stages are too many: up to %d",
                   pipeline->count, WEIR__STAGES_MAX);
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
    pipe->life.weir = weir;
    pipe->life.ops = &life_ops;
    pipe->settings = pipeline->settings;
    pipe->count = pipe->living = pipeline->count;
    pipe->output.fd = pipe->passer.fd = -1;
    pipe->done = done;
    pipe->context = context;
    pipe->started_at_ns = weir__clock_wall_ns();
    pipe->started_ns = weir__clock_ns();
    for (size_t i = 0; i < pipe->count && status == 0; i++)
        status = weir__command_check(&pipeline->stages[i].view.command, &pipe->life.error);
    for (size_t i = 0; i < pipe->count && status == 0; i++)
        status = copy_stage(pipe, &pipe->stages[i], &pipeline->stages[i].view);
    if (status < 0) {
        if (error != NULL)
            *error = pipe->life.error;
        destroy(&pipe->life);
        return NULL;
    }
    beginning.pipe = pipe;
    if (weir__life_begin(&pipe->life, begin_or_close, &beginning, 0, error) < 0)
        return NULL;
    return pipe;
}

/* --- The owner's side ----------------------------------------------------- */

int weir_pipe_take(weir_pipe_t *pipe, struct weir_pipe_report *report, struct weir_error *error)
{
    int status = weir__life_check(&pipe->life, error);

    if (status < 0)
        return status;
    *report = pipe->report;
    pipe->report = (struct weir_pipe_report){0};
    return 0;
}

int weir_pipe_wait(weir_pipe_t *pipe, struct weir_pipe_report *report, struct weir_error *error)
{
    int status = weir__life_wait(&pipe->life, error);

    return status < 0 ? status : weir_pipe_take(pipe, report, error);
}

int weir_pipeline_run(weir_t *weir, const weir_pipeline_t *pipeline,
                      struct weir_pipe_report *report, struct weir_error *error)
{
    struct weir_error why;
    weir_pipe_t *pipe = weir_pipe_start(weir, pipeline, NULL, NULL, &why);
    int status;

    if (pipe == NULL) {
        if (error != NULL)
            *error = why;
        return why.status;
    }
    status = weir_pipe_wait(pipe, report, &why);
    if (status < 0 && error != NULL)
        *error = why;
    weir_pipe_free(pipe);
    return status;
}

static void do_cancel(void *data)
{
    struct weir_pipe *pipe = data;
    int64_t grace_ms = pipe->cancelled ? 0 : pipe->settings.grace_ms;

    if (pipe->life.over)
        return;
    pipe->hurried |= pipe->living > 0 || pipe->cancelled;
    pipe->cancelled = 1;
    if (pipe->living > 0) {
        stop(pipe, -1, WEIR_WHY_CANCELLED, grace_ms);
        return;
    }
    weir__job_stop(&pipe->life.weir->link, &pipe->job, grace_ms);
    drain_is_over(pipe);
}

void weir_pipe_cancel(weir_pipe_t *pipe)
{
    weir__context_do(pipe->life.weir, do_cancel, pipe);
}

struct order {
    struct weir_pipe *pipe;
    int signal;
};

static void do_signal(void *data)
{
    struct order *order = data;

    if (!order->pipe->life.over)
        weir__job_signal(&order->pipe->life.weir->link, &order->pipe->job, order->signal);
}

void weir_pipe_signal(weir_pipe_t *pipe, int number)
{
    struct order order = {pipe, number};

    weir__context_do(pipe->life.weir, do_signal, &order);
}

int64_t weir_pipe_job(const weir_pipe_t *pipe)
{
    return pipe->job.id;
}

void weir_pipe_free(weir_pipe_t *pipe)
{
    if (pipe != NULL)
        weir__life_free(&pipe->life);
}
