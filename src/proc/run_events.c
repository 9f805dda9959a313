#include "config.h"

#include "proc/run_events.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "proc/context.h"
#include "proc/result.h"
#include "proc/result_json.h"

enum {
    MOMENT_MS = 1000, /* for a reader of ours to go on, once the time is up */
    LOOKS_MOST = 16,  /* at an output that has more: who writes without end is not heard out */
};

/* --- The end -------------------------------------------------------------- */

static void close_output(struct weir__run_output *output)
{
    weir__capture_abandon(&output->capture);
    weir__relay_abandon(&output->relay);
}

static int is_open(const struct weir__run_output *output)
{
    return weir__capture_is_open(&output->capture) || weir__relay_is_open(&output->relay);
}

void weir__run_close_stdin(struct weir_run *run)
{
    if (run->exited)
        weir__stdin_writer_close(&run->stdin_writer);
    else
        weir__stdin_writer_end(&run->stdin_writer);
    if (run->options.input == WEIR_INPUT_WRITE)
        weir__context_done(run->operation.weir, &run->wakeup);
}

void weir__run_has_room(void *owner)
{
    struct weir_run *run = owner;

    weir__context_done(run->operation.weir, &run->wakeup);
    if (run->options.on_room == NULL)
        return;
    weir__operation_hold(&run->operation);
    run->options.on_room(run, run->options.sink_context);
    weir__operation_release(&run->operation);
}

void weir__run_close(struct weir_run *run)
{
    weir__timer_close(&run->deadline);
    weir__timer_close(&run->idle);
    weir__timer_close(&run->drain);
    weir__stdin_writer_close(&run->stdin_writer);
    weir__run_close_stdin(run);
    weir__run_terminal_close(&run->terminal);
    for (int i = 0; i < OUTPUTS; i++) {
        close_output(&run->outputs[i]);
        weir__capture_clear(&run->outputs[i].capture);
    }
}

/* Moves what an output captured into the result. */
static void take_output(struct weir_run *run, struct weir__run_output *output,
                        struct weir_output *to)
{
    struct weir_error error;
    int status;

    if (output->capture.owner == NULL)
        return;
    if (output->capture.spool_errno != 0) {
        weir__fail(&error, WEIR_ERR_SYSTEM, output->capture.spool_errno,
                   "cannot spool the output to a file: free space in $TMPDIR");
        weir__operation_fail(&run->operation, &error);
    }
    if (output->capture.read_errno == ENOMEM) {
        weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory to capture the output");
        weir__operation_fail(&run->operation, &error);
    } else if (output->capture.read_errno != 0) {
        weir__fail(&error, WEIR_ERR_SYSTEM, output->capture.read_errno, "cannot read the output");
        weir__operation_fail(&run->operation, &error);
    }
    status = weir__capture_finish(&output->capture, to, &error);
    if (status == 0)
        status =
            weir__output_decode(to, run->charset, run->options.on_error, run->fallback, &error);
    if (status < 0)
        weir__operation_fail(&run->operation, &error);
}

/* Calls an output's sink; bytes NULL: the end.  Returns 1 when the run has ended: it may be gone.
 */
static int call_sink(struct weir__run_output *output, const char *bytes, size_t length)
{
    struct weir_run *run = output->run;
    weir_run_sink sink = output->sink;
    int wants_more;

    if (sink == NULL)
        return 0;
    if (bytes == NULL)
        output->sink = NULL;
    weir__operation_hold(&run->operation);
    wants_more = sink(run, output->which, bytes, length, run->options.sink_context) >= 0;
    if (!wants_more && !run->operation.over) {
        output->sink = NULL;
        if (bytes != NULL)
            weir__run_stop(run, WEIR_STOP_CANCELLED, run->options.grace_ms);
    }
    return weir__operation_release(&run->operation);
}

/* The last thing that a callback does: the owner may free the run here. */
static void finish_if_over(struct weir_run *run)
{
    if (run->operation.over || !run->job_over || is_open(&run->outputs[OUT])
        || is_open(&run->outputs[ERR]))
        return;
    for (int i = 0; i < OUTPUTS; i++)
        if (call_sink(&run->outputs[i], NULL, 0)) /* one that was given up */
            return;
    take_output(run, &run->outputs[OUT], &run->result.out);
    take_output(run, &run->outputs[ERR], &run->result.err);
    weir__run_close(run);
    weir__operation_end(&run->operation);
}

static void emit_event(struct weir_run *run, enum weir_event_kind kind, int64_t number,
                       const char *text)
{
    weir__context_tell(run->operation.weir, (struct weir_event){
                                                .kind = kind,
                                                .job = run->job.id,
                                                .name = run->result.argv[0],
                                                .pid = run->result.pid,
                                                .number = number,
                                                .text = text,
                                                .length = text != NULL ? strlen(text) : 0,
                                            });
}

void weir__run_stop(struct weir_run *run, enum weir_stop_reason why, int64_t grace_ms)
{
    if (run->stopping == WEIR_STOP_NONE)
        run->stopping = why;
    weir__run_close_stdin(run);
    weir__job_stop(&run->operation.weir->client, &run->job, grace_ms);
}

/* The program is gone; what it left behind has the drain time, no more. */
static void drain(struct weir_run *run)
{
    if (run->draining)
        return;
    run->draining = 1;
    weir__timer_start(run->drain, run->options.drain_ms);
}

/* Nothing reads or writes for us any more, but something still lives. */
static void stop_rest(struct weir_run *run)
{
    struct weir__client *client = &run->operation.weir->client;

    if (!run->exited || run->job_over || is_open(&run->outputs[OUT]) || is_open(&run->outputs[ERR]))
        return;
    if (run->options.leave_running && run->stopping == WEIR_STOP_NONE && !run->hurried)
        weir__job_release(client, &run->job);
    else
        weir__job_stop(client, &run->job, run->options.grace_ms);
}

void weir__run_drained(void *data)
{
    struct weir_run *run = data;
    int64_t patience_ms = run->options.drain_ms;
    int has_more = weir__capture_has_more(&run->outputs[OUT].capture)
                   || weir__capture_has_more(&run->outputs[ERR].capture);

    if (has_more && run->looks++ < LOOKS_MOST) { /* what has come is read first */
        weir__timer_start(run->drain, 1);
        return;
    }
    if (run->hurried && patience_ms > MOMENT_MS)
        patience_ms = MOMENT_MS;
    for (int i = 0; i < OUTPUTS; i++) {
        struct weir__run_output *output = &run->outputs[i];

        if (!is_open(output))
            continue;
        if (output->capture.paused && !run->hurried) { /* its reader reads on later */
            weir__timer_start(run->drain, patience_ms);
            continue;
        }
        if (weir__relay_is_open(&output->relay) && !weir__relay_is_starved(&output->relay)) {
            int is_slow = output->relay.moved != output->moved || !run->hurried;

            output->moved = output->relay.moved;
            if (is_slow) {
                weir__timer_start(run->drain, patience_ms); /* our reader is */
                continue;
            }
            run->result.why = run->cancelled ? WEIR_STOP_CANCELLED : WEIR_STOP_TIMEOUT;
            close_output(output); /* it stands still, and what it has not read is lost */
            continue;
        }
        weir__result_holder(&run->result, output->capture.owner != NULL ? output->capture.fd
                                                                        : output->relay.from);
        close_output(output);
    }
    stop_rest(run);
    finish_if_over(run);
}

static void time_is_up(void *data)
{
    struct weir_run *run = data;

    weir__operation_hold(&run->operation);
    weir__client_catch_up(&run->operation.weir->client); /* it may have exited this very moment */
    if (weir__operation_release(&run->operation) || run->operation.over)
        return;
    run->hurried = 1;
    if (run->exited) {
        weir__run_drained(run); /* processes that still hold an output have had their time */
        return;
    }
    if (run->job_over)
        return;
    emit_event(run, WEIR_EVENT_TIMEOUT, 0, "timeout");
    weir__run_stop(run, WEIR_STOP_TIMEOUT, run->options.grace_ms);
}

static void check_idle(void *data)
{
    struct weir_run *run = data;
    int64_t quiet_ms;

    if (run->outputs[OUT].capture.paused || run->outputs[ERR].capture.paused)
        run->last_output_ns = weir__clock_ns();
    quiet_ms = (weir__clock_ns() - run->last_output_ns) / 1000000;
    if (run->exited || run->job_over || run->stopping != WEIR_STOP_NONE)
        return;
    if (quiet_ms < run->options.idle_ms) {
        weir__timer_start(run->idle, run->options.idle_ms - quiet_ms);
        return;
    }
    emit_event(run, WEIR_EVENT_TIMEOUT, 0, "idle");
    weir__run_stop(run, WEIR_STOP_IDLE, run->options.grace_ms);
}

/* --- Output --------------------------------------------------------------- */

static void output_came(void *owner, const char *bytes, size_t length)
{
    struct weir__run_output *output = owner;
    struct weir_run *run = output->run;

    if (call_sink(output, bytes, length))
        return;
    if (run->idle != NULL)
        run->last_output_ns = weir__clock_ns();
    if (run->options.overflow == WEIR_OVERFLOW_STOP && !output->capture.keeps_nothing
        && output->capture.total > run->options.max_output && run->stopping == WEIR_STOP_NONE)
        weir__run_stop(run, WEIR_STOP_OVERFLOW, run->options.grace_ms);
    if (output->capture.spool_errno != 0 && run->stopping == WEIR_STOP_NONE)
        weir__run_stop(run, WEIR_STOP_OVERFLOW, run->options.grace_ms);
}

static void output_passed(void *owner, size_t length)
{
    struct weir__run_output *output = owner;

    (void)length;
    output->run->last_output_ns = weir__clock_ns();
}

static void output_ended(void *owner)
{
    struct weir__run_output *output = owner;

    if (call_sink(output, NULL, 0))
        return;
    stop_rest(output->run);
    finish_if_over(output->run);
}

static void relay_ended(void *owner, int failed)
{
    struct weir__run_output *output = owner;
    struct weir_run *run = output->run;
    struct weir_error error;

    /* EPIPE: our reader went away; the program learns it at its next write. */
    if (failed != 0 && failed != EPIPE) {
        weir__fail(&error, WEIR_ERR_SYSTEM, failed, "cannot pass the output on");
        weir__operation_fail(&run->operation, &error);
    }
    output_ended(output);
}

/* --- The job -------------------------------------------------------------- */

static void job_started(void *owner, const pid_t *pids, size_t count)
{
    struct weir_run *run = owner;

    run->result.pid = count > 0 ? pids[0] : 0;
    emit_event(run, WEIR_EVENT_STARTED, 0, NULL);
}

static void job_failed(void *owner, size_t stage, const char *step, int sys_errno,
                       const char *detail)
{
    struct weir_run *run = owner;

    (void)stage;
    weir__result_not_started(&run->result, weir__step_find(step), sys_errno, detail);
    run->exited = 1;
    if (run->options.out
        == WEIR_REDIRECT_PTY) { /* nobody may ever have had it open: no end comes */
        close_output(&run->outputs[OUT]);
        run->outputs[OUT].capture.abandoned = 0;
    }
    emit_event(run, WEIR_EVENT_NOT_STARTED, sys_errno, step);
}

static void job_exited(void *owner, size_t stage, const struct weir__exit *how)
{
    struct weir_run *run = owner;

    (void)stage;
    run->exited = 1;
    run->result.pid = how->pid;
    /* A stop that no signal followed came too late: the program ended by itself. */
    if (run->result.stopped_with_count > 0)
        run->result.why = run->stopping;
    weir__result_exited(&run->result, how, run->limits);
    emit_event(run, how->signal != 0 ? WEIR_EVENT_SIGNALED : WEIR_EVENT_EXITED,
               how->signal != 0 ? how->signal : how->code, NULL);
    weir__run_close_stdin(run);
    drain(run);
    stop_rest(run);
}

static void job_sent(void *owner, int signal)
{
    struct weir_run *run = owner;

    /* A signal sent with weir_run_signal() does not count as a stop. */
    if (run->stopping != WEIR_STOP_NONE || run->exited)
        weir__result_sent(&run->result, signal);
    emit_event(run, WEIR_EVENT_SIGNAL_SENT, signal, NULL);
}

static void job_unsent(void *owner, int signal)
{
    struct weir_run *run = owner;

    if (run->stopping != WEIR_STOP_NONE || run->exited)
        weir__result_unsent(&run->result, signal);
}

static void job_paused(void *owner, size_t stage, int signal)
{
    (void)stage;
    emit_event(owner, WEIR_EVENT_PAUSED, signal, NULL);
}

/* Also where the spawner died. */
static void job_ended(void *owner)
{
    struct weir_run *run = owner;

    run->job_over = 1;
    weir__result_survivors(&run->result, &run->job);
    if (!run->exited) { /* killed, and still there: stuck in the kernel */
        run->exited = 1;
        run->result.why = run->stopping;
        weir__result_lost(&run->result);
        emit_event(run, WEIR_EVENT_STATUS_LOST, 0, NULL);
    }
    weir__run_close_stdin(run);
    drain(run);
    finish_if_over(run);
}

const struct weir__job_ops weir__run_job_ops = {
    .started = job_started,
    .failed = job_failed,
    .exited = job_exited,
    .sent = job_sent,
    .unsent = job_unsent,
    .paused = job_paused,
    .ended = job_ended,
    .lost = job_ended,
};

/* --- The beginning ----------------------------------------------------------- */

static int open_file(struct weir_run *run, const char *path, int appends, int *child_end)
{
    int flags = O_WRONLY | O_CREAT | (appends ? O_APPEND : O_TRUNC);

    *child_end = weir__fd_open_for_child(path, flags, &run->operation.error);
    return *child_end >= 0 ? 0 : WEIR_ERR_SYSTEM;
}

int weir__run_open_output(struct weir_run *run, int which, int *child_end)
{
    const struct weir_run_options *options = &run->options;
    enum weir_redirect mode = which == OUT ? options->out : options->err;
    int pipe_ends[2];

    if (mode == WEIR_REDIRECT_PATH || mode == WEIR_REDIRECT_APPEND)
        return open_file(run, which == OUT ? options->out_path : options->err_path,
                         mode == WEIR_REDIRECT_APPEND, child_end);
    if (mode != WEIR_REDIRECT_CAPTURE && mode != WEIR_REDIRECT_RELAY && mode != WEIR_REDIRECT_SINK)
        return 0;
    if (weir__pipe(pipe_ends, &run->operation.error) < 0)
        return WEIR_ERR_SYSTEM;
    *child_end = pipe_ends[FD_WRITE_END];
    weir__fd_set_nonblocking(pipe_ends[FD_READ_END]);
    return weir__run_read_output(run, which, mode, pipe_ends[FD_READ_END],
                                 which == OUT ? options->out_fd : options->err_fd);
}

int weir__run_read_output(struct weir_run *run, int which, enum weir_redirect mode, int from,
                          int to)
{
    const struct weir_run_options *options = &run->options;
    struct weir__run_output *output = &run->outputs[which];

    output->which = which == OUT ? STDOUT_FILENO : STDERR_FILENO;
    if (mode == WEIR_REDIRECT_RELAY) {
        output->relay.owner = output;
        output->relay.on_bytes = output_passed;
        output->relay.on_end = relay_ended;
        return weir__relay_start(&output->relay, run->operation.weir->loop, from, to, 0, NULL,
                                 &run->operation.error);
    }
    output->sink = which == OUT ? options->out_sink : options->err_sink;
    output->capture.keeps_nothing = mode == WEIR_REDIRECT_SINK;
    output->capture.owner = output;
    output->capture.on_bytes = output_came;
    output->capture.on_end = output_ended;
    return weir__capture_start(
        &output->capture, run->operation.weir->loop, from, options->max_output,
        mode == WEIR_REDIRECT_CAPTURE && options->overflow == WEIR_OVERFLOW_SPOOL,
        &run->operation.error);
}

int weir__run_open_timers(struct weir_run *run)
{
    const struct weir_run_options *options = &run->options;
    weir__loop *loop = run->operation.weir->loop;
    int status = weir__timer_new(loop, weir__run_drained, run, &run->drain, &run->operation.error);

    if (status == 0 && options->timeout_ms != WEIR_FOREVER) {
        status = weir__timer_new(loop, time_is_up, run, &run->deadline, &run->operation.error);
        if (status == 0)
            weir__timer_start(run->deadline, options->timeout_ms);
    }
    if (status == 0 && options->idle_ms != WEIR_FOREVER) {
        run->last_output_ns = weir__clock_ns();
        status = weir__timer_new(loop, check_idle, run, &run->idle, &run->operation.error);
        if (status == 0)
            weir__timer_start(run->idle, options->idle_ms);
    }
    return status;
}
