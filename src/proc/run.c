/* A run's start, and what its owner may ask of it; run_events.h draws what lies between. */
#include "config.h"

#include <weir/run.h>

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/options.h"
#include "proc/command.h"
#include "proc/context.h"
#include "proc/result.h"
#include "proc/run_events.h"

void weir_run_options_init_sized(struct weir_run_options *options, size_t size)
{
    struct weir_run_options defaults = {
        .size = sizeof defaults,
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

    weir__options_init(options, size, &defaults, sizeof defaults);
}

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

/* Opens what there is to open for its stdin. */
static int open_stdin(struct weir_run *run, int *child_end)
{
    int pipe_ends[2];

    if (run->options.input == WEIR_INPUT_PATH) {
        *child_end =
            weir__fd_open_for_child(run->options.input_path, O_RDONLY, &run->operation.error);
        return *child_end >= 0 ? 0 : WEIR_ERR_SYSTEM;
    }
    if (run->options.input != WEIR_INPUT_BYTES && run->options.input != WEIR_INPUT_WRITE)
        return 0;
    if (weir__pipe(pipe_ends, &run->operation.error) < 0)
        return WEIR_ERR_SYSTEM;
    *child_end = pipe_ends[FD_READ_END];
    weir__fd_set_nonblocking(pipe_ends[FD_WRITE_END]);
    if (run->options.input == WEIR_INPUT_WRITE)
        run->stdin_writer.on_room = weir__run_has_room;
    run->stdin_writer.owner = run;
    return weir__stdin_writer_start(&run->stdin_writer, run->operation.weir->loop,
                                    pipe_ends[FD_WRITE_END], run->options.input_bytes,
                                    run->options.input_length, &run->operation.error);
}

static int input_end(const struct weir_run_options *options, int ours)
{
    switch (options->input) {
    case WEIR_INPUT_FD:
        return options->input_fd;
    case WEIR_INPUT_INHERIT:
        return STDIN_FILENO;
    default:
        return ours;
    }
}

static int output_end(enum weir_redirect mode, int ours, int given, int inherited)
{
    switch (mode) {
    case WEIR_REDIRECT_FD:
        return given;
    case WEIR_REDIRECT_INHERIT:
        return inherited;
    default:
        return ours;
    }
}

static int open_terminal(struct weir_run *run, struct ends *ends)
{
    const struct weir_run_options *options = &run->options;
    enum weir_redirect mode = options->out_fd >= 0 ? WEIR_REDIRECT_RELAY : WEIR_REDIRECT_CAPTURE;
    int for_output, status = 0;

    if (options->input == WEIR_INPUT_PATH)
        status = open_stdin(run, &ends->in);
    if (status < 0)
        return status;
    if (options->input == WEIR_INPUT_WRITE)
        run->stdin_writer.on_room = weir__run_has_room;
    run->stdin_writer.owner = run;
    run->terminal =
        weir__run_terminal_open(run->operation.weir->loop, options, &run->stdin_writer,
                                input_end(options, ends->in), &for_output, &run->operation.error);
    if (run->terminal == NULL)
        return run->operation.error.status;
    return weir__run_read_output(run, OUT, mode, for_output, options->out_fd);
}

static int open_stdio(struct weir_run *run, struct ends *ends, struct weir__stage_start *stage)
{
    const struct weir_run_options *options = &run->options;
    int status;

    if (options->out == WEIR_REDIRECT_PTY) {
        status = open_terminal(run, ends);
        stage->pty = run->result.pty = 1;
        stage->stdio[0] = run->terminal != NULL ? weir__run_terminal_master(run->terminal) : -1;
        stage->stdio[1] = stage->stdio[2] = -1;
        return status;
    }
    status = open_stdin(run, &ends->in);
    if (status == 0)
        status = weir__run_open_output(run, OUT, &ends->out);
    if (status == 0 && !options->merge_stderr)
        status = weir__run_open_output(run, ERR, &ends->err);
    stage->stdio[0] = input_end(options, ends->in);
    stage->stdio[1] = output_end(options->out, ends->out, options->out_fd, STDOUT_FILENO);
    stage->stdio[2] = options->merge_stderr
                          ? stage->stdio[1]
                          : output_end(options->err, ends->err, options->err_fd, STDERR_FILENO);
    return status;
}

/* Everything that may touch the loop. */
static int begin(struct weir_run *run, const struct weir_command *command)
{
    const struct weir_run_options *options = &run->options;
    struct weir__stage_start stage = {.command = command};
    struct ends ends = {-1, -1, -1, -1};
    int status = weir__result_begin(&run->result, command, &run->operation.error);

    if (status == 0)
        status = weir__run_open_timers(run);
    if (status < 0)
        return status;
    ends.cwd = weir__client_open_cwd(&run->operation.weir->client, command);
    if (ends.cwd < WEIR__CWD_INHERITED) {
        weir__run_job_ops.failed(run, 0, "chdir", -ends.cwd, "");
        run->job_over = 1;
        ends.cwd = -1;
        return 0;
    }
    status = open_stdio(run, &ends, &stage);
    if (status == 0) {
        stage.cwd = ends.cwd;
        run->job.ops = &weir__run_job_ops;
        run->job.owner = run;
        run->job.quiet = run->operation.weir->on_event == NULL && options->terminal_fd < 0;
        run->job.stop = &run->stop;
        run->job.in_background = options->terminal_background;
        run->job.descriptors = options->descriptors;
        run->job.descriptor_count = options->descriptor_count;
        status =
            weir__job_start(&run->operation.weir->client, &run->job, &stage, 1, options->grace_ms,
                            stage.pty ? -1 : options->terminal_fd, &run->operation.error);
    }
    close_ends(&ends);
    return status;
}

static int begin_or_close(struct weir__operation *operation, const void *given)
{
    struct weir_run *run = (struct weir_run *)operation;
    int status = begin(run, given);

    if (status < 0)
        weir__run_close(run);
    /* What never started is over; its owner learns so from the loop, not from here. */
    else if (run->job_over)
        weir__timer_start(run->drain, 0);
    return status;
}

static void abandon(struct weir__operation *operation)
{
    struct weir_run *run = (struct weir_run *)operation;

    if (!run->job_over)
        weir__job_abandon(&run->operation.weir->client, &run->job);
    weir__run_close(run);
}

static void notify_owner(struct weir__operation *operation)
{
    struct weir_run *run = (struct weir_run *)operation;

    if (run->done != NULL)
        run->done(run, operation->failed == 0 ? &run->result : NULL,
                  operation->failed == 0 ? NULL : &operation->error, run->context);
}

static void destroy(struct weir__operation *operation)
{
    struct weir_run *run = (struct weir_run *)operation;

    weir_result_clear(&run->result);
    free(run->charset);
    free(run->fallback);
    free(run);
}

static const struct weir__operation_ops operation_ops = {
    .noun = "the run",
    .result_at = offsetof(struct weir_run, result),
    .result_size = sizeof(struct weir_result),
    .begin = begin_or_close,
    .abandon = abandon,
    .report = notify_owner,
    .destroy = destroy,
};

static char *copy_or_null(const char *text, int *status)
{
    char *copy = text != NULL ? strdup(text) : NULL;

    if (text != NULL && copy == NULL)
        *status = WEIR_ERR_NOMEM;
    return copy;
}

static int lacks_place(enum weir_redirect mode, const char *path, weir_run_sink sink)
{
    return ((mode == WEIR_REDIRECT_PATH || mode == WEIR_REDIRECT_APPEND) && path == NULL)
           || (mode == WEIR_REDIRECT_SINK && sink == NULL);
}

static int check_options(const struct weir_run_options *options, struct weir_error *error)
{
    weir_decoder_t *decoder;

    if ((options->input == WEIR_INPUT_PATH && options->input_path == NULL)
        || lacks_place(options->out, options->out_path, options->out_sink)
        || (!options->merge_stderr
            && lacks_place(options->err, options->err_path, options->err_sink)))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a redirect lacks its path or sink: set it in the options");
    if (options->err == WEIR_REDIRECT_PTY && options->out != WEIR_REDIRECT_PTY)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "standard error alone cannot be a terminal: set out to "
                          "WEIR_REDIRECT_PTY, which is for all three descriptors");
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
static weir_run_t *start(weir_t *weir, const struct weir_command *given_command,
                         const struct weir_run_options *given, weir_run_done done, void *context,
                         int waits, struct weir_error *error)
{
    struct weir_command command;
    struct weir_run_options options;
    struct weir__stop_sequence stop;
    struct weir_run *run;
    int status = 0;

    weir_run_options_init(&options);
    if (weir__options_take(&options, sizeof options, given, "weir_run_options", error) < 0
        || weir__command_take(&command, given_command, error) < 0
        || weir__stop_sequence_take(&stop, options.stop, options.stop_count, &options.grace_ms,
                                    error)
               < 0
        || check_options(&options, error) < 0)
        return NULL;
    run = calloc(1, sizeof *run);
    if (run == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a run");
        return NULL;
    }
    run->operation.weir = weir;
    run->operation.ops = &operation_ops;
    run->options = options;
    run->stop = stop;
    if (options.out == WEIR_REDIRECT_RELAY && options.err == WEIR_REDIRECT_RELAY
        && weir__fd_is_same(options.out_fd, options.err_fd))
        run->options.merge_stderr = 1; /* two relays would not keep the order of what they move */
    memcpy(run->limits, command.limits, sizeof run->limits);
    run->done = done;
    run->context = context;
    run->charset = copy_or_null(options.charset, &status);
    run->fallback = copy_or_null(options.charset_fallback, &status);
    for (int i = 0; i < OUTPUTS; i++) {
        run->outputs[i].run = run;
        run->outputs[i].capture.fd = -1;
        run->outputs[i].relay.from = -1;
        run->outputs[i].relay.to = -1;
    }
    run->stdin_writer.fd = -1;
    if (status < 0) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a run");
        destroy(&run->operation);
        return NULL;
    }
    if (weir__operation_begin(&run->operation, &command, waits, error) < 0)
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
    return weir__operation_take(&run->operation, result, error);
}

int weir_run_wait(weir_run_t *run, struct weir_result *result, struct weir_error *error)
{
    return weir__operation_wait(&run->operation, result, error);
}

int weir_run_wait_interruptible(weir_run_t *run, struct weir_result *result,
                                struct weir_error *error)
{
    return weir__operation_wait_interruptible(&run->operation, result, error);
}

int weir_run(weir_t *weir, const struct weir_command *command,
             const struct weir_run_options *options, struct weir_result *result,
             struct weir_error *error)
{
    struct weir_error why;
    weir_run_t *run = start(weir, command, options, NULL, NULL, 1, &why);

    return weir__operation_finish(run != NULL ? &run->operation : NULL, result, &why, error);
}

static void cancel(struct weir__operation *operation, int number)
{
    struct weir_run *run = (struct weir_run *)operation;
    int64_t grace_ms = run->cancelled ? 0 : run->options.grace_ms;

    (void)number;
    run->cancelled = run->hurried = 1;
    if (!run->exited) {
        weir__run_stop(run, WEIR_STOP_CANCELLED, grace_ms);
        return;
    }
    weir__job_stop(&operation->weir->client, &run->job, grace_ms);
    weir__run_drained(run);
}

void weir_run_cancel(weir_run_t *run)
{
    weir__operation_ask(&run->operation, cancel, 0);
}

static void send_signal(struct weir__operation *operation, int number)
{
    weir__job_signal(&operation->weir->client, &((struct weir_run *)operation)->job, number);
}

void weir_run_signal(weir_run_t *run, int number)
{
    weir__operation_ask(&run->operation, send_signal, number);
}

struct writing {
    weir_run_t *run;
    const char *bytes;
    size_t length, written;
    int is_open;
};

static void do_write(void *data)
{
    struct writing *writing = data;
    struct weir__stdin_writer *writer = &writing->run->stdin_writer;

    if (!writing->run->operation.over && weir__stdin_writer_is_open(writer))
        writing->written += weir__stdin_writer_write(writer, writing->bytes + writing->written,
                                                     writing->length - writing->written);
    writing->is_open = weir__stdin_writer_is_open(writer);
    if (writing->is_open)
        writing->run->wakeup = 0;
}

static int check_written(const weir_run_t *run, struct weir_error *error)
{
    if (run->options.input != WEIR_INPUT_WRITE)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the run has another input: start it with WEIR_INPUT_WRITE");
    return weir__context_check(run->operation.weir, error);
}

ssize_t weir_run_write(weir_run_t *run, const void *bytes, size_t length, struct weir_error *error)
{
    struct writing writing = {.run = run, .bytes = bytes, .length = length};
    int status = check_written(run, error);

    while (status == 0) {
        weir__context_do_then_wait(run->operation.weir, do_write, &writing);
        if (!writing.is_open || writing.written == length
            || weir__context_leads(run->operation.weir))
            break;
        status = weir__context_wait(run->operation.weir, &run->wakeup, error);
    }
    return status < 0 ? status : (ssize_t)writing.written;
}

static void close_input(struct weir__operation *operation, int number)
{
    (void)number;
    weir__run_close_stdin((struct weir_run *)operation);
}

int weir_run_close_input(weir_run_t *run, struct weir_error *error)
{
    int status = check_written(run, error);

    if (status == 0)
        weir__operation_ask(&run->operation, close_input, 0);
    return status;
}

enum { PAUSE = 4 };

static void pause_output(struct weir__operation *operation, int number)
{
    struct weir_run *run = (struct weir_run *)operation;
    int which = number & ~PAUSE;
    struct weir__capture *capture = &run->outputs[which == STDOUT_FILENO ? OUT : ERR].capture;

    if (which != STDIN_FILENO && capture->owner != NULL)
        weir__capture_pause(capture, (number & PAUSE) != 0);
    else if (which == STDIN_FILENO && run->terminal != NULL)
        weir__run_terminal_pause(run->terminal, (number & PAUSE) != 0);
}

void weir_run_pause(weir_run_t *run, int which, int pause)
{
    if (which >= STDIN_FILENO && which <= STDERR_FILENO)
        weir__operation_ask(&run->operation, pause_output, which | (pause ? PAUSE : 0));
}

static void resize(struct weir__operation *operation, int number)
{
    struct weir_run *run = (struct weir_run *)operation;

    if (run->terminal != NULL)
        weir__pty_resize(weir__run_terminal_master(run->terminal), (int)((unsigned)number >> 16),
                         number & 0xffff);
}

int weir_run_resize(weir_run_t *run, int rows, int columns, struct weir_error *error)
{
    if (run->options.out != WEIR_REDIRECT_PTY)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the run has no terminal: start it with WEIR_REDIRECT_PTY");
    if (rows < 1 || rows > USHRT_MAX || columns < 1 || columns > USHRT_MAX)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "no terminal has %d rows and %d columns",
                          rows, columns);
    weir__operation_ask(&run->operation, resize, (int)((unsigned)rows << 16 | (unsigned)columns));
    return 0;
}

int64_t weir_run_job(const weir_run_t *run)
{
    return run->job.id;
}

void weir_run_free(weir_run_t *run)
{
    if (run != NULL)
        weir__operation_free(&run->operation);
}
