/* One run, from start to result.
 *
 *   start --> RUNNING --exit--> DRAINING --outputs closed, nothing left--> over
 *                |                  ^
 *                +-- time up, cancelled, overflow: the ladder; the exit follows
 *
 * A run is over when three things hold: the job has ended (nothing of it is
 * left), both outputs are closed, and the program's exit is known or never
 * will be.
 */
#include "config.h"

#include <weir/run.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "proc/capture.h"
#include "proc/command.h"
#include "proc/context.h"
#include "proc/feed.h"
#include "proc/life.h"
#include "proc/relay.h"
#include "proc/result.h"

enum { OUT, ERR, OUTPUTS };

struct output {
    struct weir_run *run;
    struct weir__capture capture;
    struct weir__relay relay;
};

struct weir_run {
    struct weir__life life; /* first */
    struct weir_run_options options;
    uint64_t limits[WEIR_LIMIT_COUNT];
    char *charset, *fallback;

    struct weir__job job;
    struct weir__feed feed;
    struct output outputs[OUTPUTS];
    weir__timer *deadline, *idle, *drain;
    int64_t last_output_ns;

    int job_over, exited, draining, cancelled;
    enum weir_why stopping; /* why a stop was asked for; the result's only once it took effect */
    struct weir_result result;

    weir_run_done done;
    void *context;
};

void weir_run_options_init(struct weir_run_options *options)
{
    *options = (struct weir_run_options){
        .size = sizeof *options,
        .timeout_ms = WEIR_FOREVER,
        .idle_ms = WEIR_FOREVER,
        .grace_ms = 5000,
        .drain_ms = 1000,
        .input_fd = -1,
        .out_fd = -1,
        .err_fd = -1,
        .max_output = WEIR_DEFAULT_MAX_OUTPUT,
        .terminal_fd = -1,
    };
}

/* --- The end -------------------------------------------------------------- */

static void close_output(struct output *output)
{
    weir__capture_abandon(&output->capture);
    weir__relay_abandon(&output->relay);
}

static int is_open(const struct output *output)
{
    return weir__capture_is_open(&output->capture) || weir__relay_is_open(&output->relay);
}

static void close_everything(struct weir_run *run)
{
    weir__timer_close(&run->deadline);
    weir__timer_close(&run->idle);
    weir__timer_close(&run->drain);
    weir__feed_close(&run->feed);
    for (int i = 0; i < OUTPUTS; i++) {
        close_output(&run->outputs[i]);
        weir__capture_clear(&run->outputs[i].capture);
    }
}

/* Moves what an output captured into the result. */
static void take_output(struct weir_run *run, struct output *output, struct weir_output *to)
{
    struct weir_error error;
    int status;

    if (output->capture.owner == NULL)
        return;
    if (output->capture.spool_errno != 0) {
        weir__fail(&error, WEIR_ERR_SYSTEM, output->capture.spool_errno,
                   "cannot spool the output to a file: free space in $TMPDIR");
        weir__life_fail(&run->life, &error);
    }
    status = weir__capture_finish(&output->capture, to, &error);
    if (status == 0)
        status =
            weir__output_decode(to, run->charset, run->options.on_error, run->fallback, &error);
    if (status < 0)
        weir__life_fail(&run->life, &error);
}

/* The last thing that a callback does: the owner may free the run here. */
static void finish_if_over(struct weir_run *run)
{
    if (run->life.over || !run->job_over || is_open(&run->outputs[OUT])
        || is_open(&run->outputs[ERR]))
        return;
    take_output(run, &run->outputs[OUT], &run->result.out);
    take_output(run, &run->outputs[ERR], &run->result.err);
    close_everything(run);
    weir__life_end(&run->life);
}

static void tell(struct weir_run *run, enum weir_event_kind kind, int64_t number, const char *text)
{
    weir__context_tell(run->life.weir, (struct weir_event){
                                           .kind = kind,
                                           .job = run->job.id,
                                           .name = run->result.argv[0],
                                           .pid = run->result.pid,
                                           .number = number,
                                           .text = text,
                                           .length = text != NULL ? strlen(text) : 0,
                                       });
}

static void stop(struct weir_run *run, enum weir_why why, int64_t grace_ms)
{
    if (run->stopping == WEIR_WHY_NONE)
        run->stopping = why;
    weir__feed_close(&run->feed);
    weir__job_stop(&run->life.weir->link, &run->job, grace_ms);
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
    if (run->exited && !run->job_over && !is_open(&run->outputs[OUT])
        && !is_open(&run->outputs[ERR]))
        weir__job_stop(&run->life.weir->link, &run->job, run->options.grace_ms);
}

static void drain_is_over(void *data)
{
    struct weir_run *run = data;

    for (int i = 0; i < OUTPUTS; i++) {
        struct output *output = &run->outputs[i];

        if (!is_open(output))
            continue;
        if (weir__relay_is_open(&output->relay) && !weir__relay_is_starved(&output->relay)) {
            weir__timer_start(run->drain, run->options.drain_ms); /* our reader is slow */
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

    weir__life_hold(&run->life);
    weir__link_catch_up(&run->life.weir->link); /* it may have exited this very moment */
    if (weir__life_release(&run->life) || run->life.over)
        return;
    if (run->exited) {
        drain_is_over(run);
        return;
    }
    if (run->job_over)
        return;
    tell(run, WEIR_EVENT_TIMEOUT, 0, "timeout");
    stop(run, WEIR_WHY_TIMEOUT, run->options.grace_ms);
}

static void check_idle(void *data)
{
    struct weir_run *run = data;
    int64_t quiet_ms = (weir__clock_ns() - run->last_output_ns) / 1000000;

    if (run->exited || run->job_over || run->stopping != WEIR_WHY_NONE)
        return;
    if (quiet_ms < run->options.idle_ms) {
        weir__timer_start(run->idle, run->options.idle_ms - quiet_ms);
        return;
    }
    tell(run, WEIR_EVENT_TIMEOUT, 0, "idle");
    stop(run, WEIR_WHY_IDLE, run->options.grace_ms);
}

/* --- Output --------------------------------------------------------------- */

static void output_came(void *owner, const char *bytes, size_t length)
{
    struct output *output = owner;
    struct weir_run *run = output->run;

    (void)bytes;
    (void)length;
    if (run->idle != NULL)
        run->last_output_ns = weir__clock_ns();
    if (run->options.overflow == WEIR_OVERFLOW_STOP
        && output->capture.total > run->options.max_output && run->stopping == WEIR_WHY_NONE)
        stop(run, WEIR_WHY_OVERFLOW, run->options.grace_ms);
    if (output->capture.spool_errno != 0 && run->stopping == WEIR_WHY_NONE)
        stop(run, WEIR_WHY_OVERFLOW, run->options.grace_ms);
}

static void output_passed(void *owner, size_t length)
{
    struct output *output = owner;

    (void)length;
    output->run->last_output_ns = weir__clock_ns();
}

static void output_ended(void *owner)
{
    struct output *output = owner;

    stop_rest(output->run);
    finish_if_over(output->run);
}

static void relay_ended(void *owner, int failed)
{
    struct output *output = owner;
    struct weir_run *run = output->run;
    struct weir_error error;

    /* EPIPE: our reader went away; the program learns it at its next write. */
    if (failed != 0 && failed != EPIPE) {
        weir__fail(&error, WEIR_ERR_SYSTEM, failed, "cannot pass the output on");
        weir__life_fail(&run->life, &error);
    }
    output_ended(output);
}

/* --- The job -------------------------------------------------------------- */

static void job_started(void *owner, const pid_t *pids, size_t count)
{
    struct weir_run *run = owner;

    run->result.pid = count > 0 ? pids[0] : 0;
    tell(run, WEIR_EVENT_STARTED, 0, NULL);
}

static void job_failed(void *owner, size_t stage, const char *step, int sys_errno,
                       const char *detail)
{
    struct weir_run *run = owner;

    (void)stage;
    weir__result_not_started(&run->result, weir__step_find(step), sys_errno, detail);
    run->exited = 1;
    tell(run, WEIR_EVENT_NOT_STARTED, sys_errno, step);
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
    tell(run, how->signal != 0 ? WEIR_EVENT_SIGNALED : WEIR_EVENT_EXITED,
         how->signal != 0 ? how->signal : how->code, NULL);
    weir__feed_close(&run->feed);
    drain(run);
    stop_rest(run);
}

static void job_sent(void *owner, int signal)
{
    struct weir_run *run = owner;

    /* What the owner sends through weir_run_signal() stops nobody by itself. */
    if (run->stopping != WEIR_WHY_NONE || run->exited)
        weir__result_sent(&run->result, signal);
    tell(run, WEIR_EVENT_SIGNAL_SENT, signal, NULL);
}

static void job_paused(void *owner, size_t stage, int signal)
{
    (void)stage;
    tell(owner, WEIR_EVENT_PAUSED, signal, NULL);
}

static void job_ended(void *owner)
{
    struct weir_run *run = owner;

    run->job_over = 1;
    if (!run->exited) { /* killed, and still there: stuck in the kernel */
        run->exited = 1;
        run->result.why = run->stopping;
        weir__result_lost(&run->result);
        tell(run, WEIR_EVENT_STATUS_LOST, 0, NULL);
    }
    weir__feed_close(&run->feed);
    drain(run);
    finish_if_over(run);
}

static void job_lost(void *owner)
{
    struct weir_run *run = owner;

    run->job_over = 1;
    if (!run->exited) {
        run->exited = 1;
        run->result.why = WEIR_WHY_HOST_GONE;
        weir__result_lost(&run->result);
        tell(run, WEIR_EVENT_STATUS_LOST, 0, NULL);
    }
    weir__feed_close(&run->feed);
    drain(run);
    finish_if_over(run);
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

/* The child's ends, closed once the spawner has them. */
struct ends {
    int cwd, in, out, err;
};

static void close_ends(struct ends *ends)
{
    weir__close(&ends->cwd);
    weir__close(&ends->in);
    weir__close(&ends->out);
    weir__close(&ends->err);
}

static int open_feed(struct weir_run *run, int *child_end)
{
    int pipe_ends[2];

    if (weir__pipe(pipe_ends, &run->life.error) < 0)
        return WEIR_ERR_SYSTEM;
    *child_end = pipe_ends[FD_READ_END];
    weir__fd_set_nonblocking(pipe_ends[FD_WRITE_END]);
    return weir__feed_start(&run->feed, run->life.weir->loop, pipe_ends[FD_WRITE_END],
                            run->options.input_bytes, run->options.input_length, &run->life.error);
}

static int open_output(struct weir_run *run, int which, enum weir_output_to mode, int relay_to,
                       int *child_end)
{
    struct output *output = &run->outputs[which];
    int pipe_ends[2], from;

    if (mode != WEIR_OUTPUT_CAPTURE && mode != WEIR_OUTPUT_RELAY)
        return 0;
    if (weir__pipe(pipe_ends, &run->life.error) < 0)
        return WEIR_ERR_SYSTEM;
    from = pipe_ends[FD_READ_END];
    *child_end = pipe_ends[FD_WRITE_END];
    weir__fd_set_nonblocking(from);
    if (mode == WEIR_OUTPUT_RELAY) {
        output->relay.owner = output;
        output->relay.on_bytes = output_passed;
        output->relay.on_end = relay_ended;
        return weir__relay_start(&output->relay, run->life.weir->loop, from, relay_to, 0, NULL,
                                 &run->life.error);
    }
    output->capture.owner = output;
    output->capture.on_bytes = output_came;
    output->capture.on_end = output_ended;
    return weir__capture_start(&output->capture, run->life.weir->loop, from,
                               run->options.max_output,
                               run->options.overflow == WEIR_OVERFLOW_SPOOL, &run->life.error);
}

static int open_timers(struct weir_run *run)
{
    const struct weir_run_options *options = &run->options;
    weir__loop *loop = run->life.weir->loop;
    int status = weir__timer_new(loop, drain_is_over, run, &run->drain, &run->life.error);

    if (status == 0 && options->timeout_ms != WEIR_FOREVER) {
        status = weir__timer_new(loop, time_is_up, run, &run->deadline, &run->life.error);
        if (status == 0)
            weir__timer_start(run->deadline, options->timeout_ms);
    }
    if (status == 0 && options->idle_ms != WEIR_FOREVER) {
        run->last_output_ns = weir__clock_ns();
        status = weir__timer_new(loop, check_idle, run, &run->idle, &run->life.error);
        if (status == 0)
            weir__timer_start(run->idle, options->idle_ms);
    }
    return status;
}

static int output_end(enum weir_output_to mode, int ours, int given)
{
    return mode == WEIR_OUTPUT_FD ? given : mode == WEIR_OUTPUT_NONE ? -1 : ours;
}

/* Everything that may touch the loop. */
static int begin(struct weir_run *run, const struct weir_command *command)
{
    const struct weir_run_options *options = &run->options;
    struct weir__stage_start stage = {.command = command};
    struct ends ends = {-1, -1, -1, -1};
    int status = weir__result_begin(&run->result, command, &run->life.error);

    if (status == 0)
        status = open_timers(run);
    if (status < 0)
        return status;
    if (command->cwd != NULL || !weir__link_shares_directory(&run->life.weir->link))
        ends.cwd = weir__command_open_cwd(command);
    if (ends.cwd < -1) {
        job_failed(run, 0, "chdir", -ends.cwd, "");
        run->job_over = 1;
        ends.cwd = -1;
        return 0;
    }
    if (options->input == WEIR_INPUT_BYTES)
        status = open_feed(run, &ends.in);
    if (status == 0)
        status = open_output(run, OUT, options->out, options->out_fd, &ends.out);
    if (status == 0 && !options->merge_stderr)
        status = open_output(run, ERR, options->err, options->err_fd, &ends.err);
    if (status == 0) {
        stage.cwd = ends.cwd;
        stage.stdio[0] = options->input == WEIR_INPUT_FD ? options->input_fd : ends.in;
        stage.stdio[1] = output_end(options->out, ends.out, options->out_fd);
        stage.stdio[2] = options->merge_stderr
                             ? stage.stdio[1]
                             : output_end(options->err, ends.err, options->err_fd);
        run->job.ops = &job_ops;
        run->job.owner = run;
        run->job.quiet = run->life.weir->on_event == NULL && options->terminal_fd < 0;
        run->job.in_background = options->terminal_background;
        status = weir__job_start(&run->life.weir->link, &run->job, &stage, 1, options->grace_ms,
                                 options->terminal_fd, &run->life.error);
    }
    close_ends(&ends);
    return status;
}

struct beginning {
    struct weir_run *run;
    const struct weir_command *command;
};

static int begin_or_close(void *data)
{
    struct beginning *beginning = data;
    struct weir_run *run = beginning->run;
    int status = begin(run, beginning->command);

    if (status < 0)
        close_everything(run);
    /* What never started is over; its owner hears so from the loop, not from here. */
    else if (run->job_over)
        weir__timer_start(run->drain, 0);
    return status;
}

static void abandon(struct weir__life *life)
{
    struct weir_run *run = (struct weir_run *)life;

    if (!run->job_over)
        weir__job_abandon(&run->life.weir->link, &run->job);
    close_everything(run);
}

static void tell_owner(struct weir__life *life)
{
    struct weir_run *run = (struct weir_run *)life;

    if (run->done != NULL)
        run->done(run, life->failed == 0 ? &run->result : NULL,
                  life->failed == 0 ? NULL : &life->error, run->context);
}

static void destroy(struct weir__life *life)
{
    struct weir_run *run = (struct weir_run *)life;

    weir_result_clear(&run->result);
    free(run->charset);
    free(run->fallback);
    free(run);
}

static const struct weir__life_ops life_ops = {"the run", abandon, tell_owner, destroy};

static char *copy_or_null(const char *text, int *status)
{
    char *copy = text != NULL ? strdup(text) : NULL;

    if (text != NULL && copy == NULL)
        *status = WEIR_ERR_NOMEM;
    return copy;
}

static int check_options(const struct weir_run_options *options, struct weir_error *error)
{
    weir_decoder *decoder;

    if (options->size != sizeof *options)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the options were not made by weir_run_options_init()");
    if (options->grace_ms < 0 || options->drain_ms < 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "grace and drain cannot be negative");
    if (options->charset != NULL && strcmp(options->charset, "binary") == 0)
        return 0;
    decoder =
        weir_decoder_new(options->charset, options->on_error, options->charset_fallback, error);
    weir_decoder_free(decoder);
    return decoder != NULL ? 0 : WEIR_ERR_CHARSET;
}

/* With waits, the caller goes on to weir_run_wait(). */
static weir_run_t *start(weir_t *weir, const struct weir_command *command,
                         const struct weir_run_options *options, weir_run_done done, void *context,
                         int waits, struct weir_error *error)
{
    struct weir_run_options defaults;
    struct beginning beginning = {.command = command};
    struct weir_run *run;
    int status = 0;

    if (options == NULL) {
        weir_run_options_init(&defaults);
        options = &defaults;
    }
    if (weir__command_check(command, error) < 0 || check_options(options, error) < 0)
        return NULL;
    run = calloc(1, sizeof *run);
    if (run == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a run");
        return NULL;
    }
    run->life.weir = weir;
    run->life.ops = &life_ops;
    run->options = *options;
    memcpy(run->limits, command->limits, sizeof run->limits);
    run->done = done;
    run->context = context;
    run->charset = copy_or_null(options->charset, &status);
    run->fallback = copy_or_null(options->charset_fallback, &status);
    for (int i = 0; i < OUTPUTS; i++) {
        run->outputs[i].run = run;
        run->outputs[i].capture.fd = -1;
        run->outputs[i].relay.from = -1;
        run->outputs[i].relay.to = -1;
    }
    run->feed.fd = -1;
    if (status < 0) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a run");
        destroy(&run->life);
        return NULL;
    }
    beginning.run = run;
    if (weir__life_begin(&run->life, begin_or_close, &beginning, waits, error) < 0)
        return NULL;
    return run;
}

weir_run_t *weir_run_start(weir_t *weir, const struct weir_command *command,
                           const struct weir_run_options *options, weir_run_done done,
                           void *context, struct weir_error *error)
{
    return start(weir, command, options, done, context, 0, error);
}

/* --- The owner's side ----------------------------------------------------- */

int weir_run_take(weir_run_t *run, struct weir_result *result, struct weir_error *error)
{
    int status = weir__life_check(&run->life, error);

    if (status < 0)
        return status;
    *result = run->result;
    run->result = (struct weir_result){0};
    return 0;
}

int weir_run_wait(weir_run_t *run, struct weir_result *result, struct weir_error *error)
{
    int status = weir__life_wait(&run->life, error);

    return status < 0 ? status : weir_run_take(run, result, error);
}

int weir_run(weir_t *weir, const struct weir_command *command,
             const struct weir_run_options *options, struct weir_result *result,
             struct weir_error *error)
{
    struct weir_error why;
    weir_run_t *run = start(weir, command, options, NULL, NULL, 1, &why);
    int status = run != NULL ? weir_run_wait(run, result, &why) : (int)why.status;

    if (status < 0 && error != NULL)
        *error = why;
    weir_run_free(run);
    return status;
}

static void do_cancel(void *data)
{
    struct weir_run *run = data;
    int64_t grace_ms = run->cancelled ? 0 : run->options.grace_ms;

    run->cancelled = 1;
    if (run->life.over)
        return;
    if (!run->exited) {
        stop(run, WEIR_WHY_CANCELLED, grace_ms);
        return;
    }
    weir__job_stop(&run->life.weir->link, &run->job, grace_ms);
    drain_is_over(run);
}

void weir_run_cancel(weir_run_t *run)
{
    weir__context_do(run->life.weir, do_cancel, run);
}

struct order {
    struct weir_run *run;
    int signal;
};

static void do_signal(void *data)
{
    struct order *order = data;

    if (!order->run->life.over)
        weir__job_signal(&order->run->life.weir->link, &order->run->job, order->signal);
}

void weir_run_signal(weir_run_t *run, int number)
{
    struct order order = {run, number};

    weir__context_do(run->life.weir, do_signal, &order);
}

int64_t weir_run_job(const weir_run_t *run)
{
    return run->job.id;
}

void weir_run_free(weir_run_t *run)
{
    if (run != NULL)
        weir__life_free(&run->life);
}
