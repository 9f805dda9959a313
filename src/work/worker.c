#include "config.h"

#include "work/worker.h"

#include <errno.h>
#include <signal.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/printable.h"
#include "proc/command.h"
#include "proc/result.h"
#include "work/worker_input.h"
#include "work/worker_pipes.h"

enum {
    READ_SIZE = 64 * 1024,
    READS_A_TURN = 4,
    HELD_MOST = 64 * 1024, /* the default capacity of a pipe */
    LOOKS_MOST = 16,       /* at an output that has more: who writes without end is not heard out */
};

static void watch_output(struct weir__worker *worker)
{
    if (worker->out_watch != NULL)
        weir__watch_set(
            worker->out_watch,
            worker->paused || worker->is_coalescing || worker->is_lent ? 0 : WEIR__READABLE);
}

static void close_output(struct weir__worker *worker)
{
    weir__watch_close(&worker->out_watch);
    weir__close(&worker->out_fd);
}

/* Adds a report of the stop command to the worker's stderr. fault: NULL if none. */
static void report_stop(struct weir__worker *worker, const char *fault)
{
    const struct weir__stop_command *stop_command = &worker->stop_command;
    size_t said = stop_command->said_length;
    char text[3000], shown[2000] = "";
    int length;

    while (said > 0 && strchr(" \t\r\n", stop_command->said[said - 1]) != NULL)
        said--;
    if (said == 0 && fault == NULL)
        return;
    weir__printable(shown, sizeof shown, stop_command->said, said, WEIR__ONE_LINE);
    length = snprintf(text, sizeof text, "weir: the launcher's stop command %.200s: %s%s%s\n",
                      worker->stop->argv[0], fault != NULL ? fault : "",
                      fault == NULL   ? "stderr: "
                      : shown[0] != 0 ? "; stderr: "
                                      : "",
                      shown);
    if (length > 0 && (size_t)length < sizeof text)
        weir__stderr_source_take(&worker->stderr_source, text, (size_t)length);
}

static int is_open(const struct weir__worker *worker)
{
    return worker->out_fd >= 0 || weir__capture_is_open(&worker->errors);
}

/* Whether the launched worker may still live, and no stop was tried. */
static int may_be_left(const struct weir__worker *worker)
{
    return worker->stop != NULL && !worker->stop_command.was_started && worker->result.pid > 0;
}

static int run_stop(struct weir__worker *worker)
{
    struct weir__stop_target target = {worker->job.tag, worker->slot, worker->far_pid,
                                       worker->far_node};
    struct weir_error error;

    if (weir__stop_command_start(&worker->stop_command, worker->weir, worker->stop, &target,
                                 worker->grace_ms, &error)
        == 0)
        return 1;
    report_stop(worker, error.text);
    return 0;
}

/* Must be the last call of a callback: the owner may free the worker in it. */
static void notify_if_over(struct weir__worker *worker)
{
    if (worker->has_reported_over || !worker->job_over || is_open(worker)
        || worker->stop_command.is_running)
        return;
    if (may_be_left(worker) && worker->ops->owes(worker->owner) && run_stop(worker))
        return;
    worker->has_reported_over = 1;
    weir__stderr_source_end(&worker->stderr_source);
    weir__worker_drop_input(worker);
    weir__close(&worker->peek_fd);
    weir__timer_close(&worker->drain);
    worker->ops->on_over(worker->owner);
}

static void stop_is_over(void *owner, const char *fault)
{
    struct weir__worker *worker = owner;

    if (worker->stop != NULL)
        report_stop(worker, fault);
    if (!worker->job_over)
        weir__job_stop(&worker->weir->client, &worker->job, worker->stop_grace_ms);
    notify_if_over(worker);
}

static void stop_rest(struct weir__worker *worker)
{
    if (worker->exited && !worker->job_over && !is_open(worker))
        weir__job_stop(&worker->weir->client, &worker->job, worker->grace_ms);
}

/* --- Its outputs ---------------------------------------------------------- */

static void can_read(void *data, int bits)
{
    struct weir__worker *worker = data;

    (void)bits;
    for (int turn = 0; turn < READS_A_TURN; turn++) {
        ssize_t count = read(worker->out_fd, worker->chunk, READ_SIZE);

        if (count > 0) {
            if (worker->state != WEIR__WORKER_DYING)
                worker->ops->on_bytes(worker->owner, worker->chunk, (size_t)count);
            worker->received += (uint64_t)count;
            if (worker->out_fd < 0)
                return; /* its owner has stopped reading */
            if (count < READ_SIZE)
                return; /* probably empty: the loop reports more */
        } else if (count < 0 && errno == EAGAIN) {
            return;
        } else if (count == 0 || errno != EINTR) {
            close_output(worker);
            if (worker->ops->on_cut_off != NULL)
                worker->ops->on_cut_off(worker->owner);
            stop_rest(worker);
            notify_if_over(worker);
            return;
        }
    }
}

int weir__worker_is_cut_off(const struct weir__worker *worker)
{
    if (worker->exited || worker->result.pid == 0)
        return 0;
    return worker->out_fd < 0 || worker->has_refused || weir__worker_is_deaf(worker);
}

void weir__worker_pause(struct weir__worker *worker, int pause)
{
    worker->paused = pause;
    watch_output(worker);
}

void weir__worker_coalesce(struct weir__worker *worker, int coalesce)
{
    if (worker->is_coalescing == coalesce)
        return;
    worker->is_coalescing = coalesce;
    weir__worker_watch_input(worker);
    watch_output(worker);
}

void weir__worker_lend(struct weir__worker *worker, int lend)
{
    worker->is_lent = lend;
    watch_output(worker);
}

void weir__worker_read(struct weir__worker *worker)
{
    if (worker->out_fd >= 0 && !worker->paused)
        can_read(worker, WEIR__READABLE);
}

int weir__worker_has_output(const struct weir__worker *worker)
{
    struct pollfd output = {.fd = worker->out_fd, .events = POLLIN};

    return poll(&output, 1, 0) > 0 && (output.revents & POLLIN) != 0;
}

static void errors_came(void *owner, const char *bytes, size_t length)
{
    struct weir__worker *worker = owner;

    if (worker->ops->on_stderr != NULL)
        worker->ops->on_stderr(worker->owner, bytes, length);
    else
        weir__stderr_source_take(&worker->stderr_source, bytes, length);
}

static void errors_ended(void *owner)
{
    stop_rest(owner);
    notify_if_over(owner);
}

/* Reads what a full forwarder has held back: at most a pipe of it.  Its reader is slow, not the
 * worker, and what the worker has written is not lost for that. */
static void take_held_errors(struct weir__worker *worker)
{
    char bytes[4096];
    size_t taken = 0;
    ssize_t count;

    while (worker->errors.paused && weir__capture_is_open(&worker->errors) && taken < HELD_MOST
           && (count = read(worker->errors.fd, bytes, sizeof bytes)) > 0) {
        errors_came(worker, bytes, (size_t)count);
        taken += (size_t)count;
    }
}

static void drain_is_over(void *data)
{
    struct weir__worker *worker = data;

    if (worker->paused && weir__worker_has_output(worker)) { /* output to be read later */
        weir__timer_start(worker->drain, worker->drain_ms);
        return;
    }
    if (((worker->out_fd >= 0 && weir__worker_has_output(worker))
         || weir__capture_has_more(&worker->errors))
        && worker->looks++ < LOOKS_MOST) { /* what has come is read first */
        weir__timer_start(worker->drain, 1);
        return;
    }
    if (worker->out_fd >= 0 && !worker->is_pair)
        weir__result_holder(&worker->result, worker->out_fd);
    close_output(worker);
    take_held_errors(worker);
    weir__capture_abandon(&worker->errors);
    stop_rest(worker);
    notify_if_over(worker);
}

static void drain(struct weir__worker *worker)
{
    if (worker->draining || !is_open(worker))
        return;
    weir__timer_start(worker->drain, worker->drain_ms);
    worker->draining = 1;
}

/* What a worker that is read late has printed so far. */
static void read_both(struct weir__worker *worker)
{
    weir__worker_read(worker);
    weir__capture_read(&worker->errors);
}

static int watch_stdout(struct weir__worker *worker, struct weir_error *error)
{
    return weir__watch_new(worker->weir->loop, worker->out_fd, WEIR__READABLE, can_read, worker,
                           &worker->out_watch, error);
}

void weir__worker_watch(struct weir__worker *worker)
{
    struct weir_error error;

    if (!worker->is_unwatched)
        return;
    if ((worker->out_fd >= 0 && worker->out_watch == NULL && watch_stdout(worker, &error) < 0)
        || weir__capture_watch(&worker->errors, worker->weir->loop, &error) < 0) {
        if (!worker->job_over) /* there is no memory now: the owner calls again */
            read_both(worker);
        return;
    }
    worker->is_unwatched = 0;
    watch_output(worker);
}

/* It has exited: nearly always its outputs have ended, too. */
static void read_the_end(struct weir__worker *worker)
{
    if (!worker->is_unwatched)
        return;
    read_both(worker);
    read_both(worker); /* after what it printed, its end */
    if (is_open(worker))
        weir__worker_watch(worker);
}

void weir__worker_tail(const struct weir__worker *worker, char *tail, size_t size)
{
    char *kept = worker->errors.bytes != NULL ? malloc(worker->errors.max) : NULL;
    size_t length = kept != NULL ? weir__capture_look(&worker->errors, kept) : 0;
    size_t from;

    while (length > 0 && kept[length - 1] == '\n')
        length--;
    from = length > size - 1 ? length - (size - 1) : 0;
    if (from > 0 && kept[from - 1] != '\n') { /* whole lines are reported where possible */
        const char *next = memchr(kept + from, '\n', length - from);

        from = next != NULL ? (size_t)(next + 1 - kept) : from;
    }
    for (size_t i = from; i < length; i++)
        tail[i - from] = (char)(kept[i] != '\n' ? kept[i] : ' ');
    tail[length - from] = '\0';
    free(kept);
}

/* --- Its job -------------------------------------------------------------- */

/* A parent forks in the order of the requests. */
static void fork_is_over(struct weir__worker *worker, int was_made)
{
    struct weir__forks *forks = worker->forks;

    if (forks == NULL)
        return;
    worker->forks = NULL;
    forks->waiting--;
    forks->made += was_made != 0;
    if (!was_made && worker->state == WEIR__WORKER_DYING && forks->made > 0
        && forks->made == worker->forks_before)
        forks->is_stuck = 1;
}

static void job_started(void *owner, const pid_t *pids, size_t count)
{
    struct weir__worker *worker = owner;

    worker->result.pid = count > 0 ? pids[0] : 0;
    fork_is_over(worker, count > 0);
    if (worker->ops->on_started != NULL)
        worker->ops->on_started(worker->owner);
}

static void job_failed(void *owner, size_t stage, const char *step, int sys_errno,
                       const char *detail)
{
    struct weir__worker *worker = owner;

    (void)stage;
    weir__result_not_started(&worker->result, weir__step_find(step), sys_errno, detail);
    fork_is_over(worker, 0);
    worker->exited = 1;
}

static void job_exited(void *owner, size_t stage, const struct weir__exit *how)
{
    struct weir__worker *worker = owner;

    (void)stage;
    worker->exited = 1;
    worker->result.pid = how->pid;
    weir__result_exited(&worker->result, how, worker->limits);
    weir__worker_end_input(worker);
    if (worker->is_lent)
        close_output(worker); /* the borrower reads it */
    read_the_end(worker);
    drain(worker);
    stop_rest(worker);
}

static void job_sent(void *owner, int signal)
{
    struct weir__worker *worker = owner;

    if (signal != SIGCONT) /* the launcher only dies with others */
        weir__result_sent(&worker->result, signal);
}

static void job_unsent(void *owner, int signal)
{
    struct weir__worker *worker = owner;

    if (signal != SIGCONT)
        weir__result_unsent(&worker->result, signal);
}

static void job_ended(void *owner)
{
    struct weir__worker *worker = owner;

    fork_is_over(worker, 0);
    read_the_end(worker);
    worker->job_over = 1;
    weir__result_survivors(&worker->result, &worker->job);
    if (!worker->exited) {
        worker->exited = 1;
        weir__result_lost(&worker->result);
    }
    drain(worker);
    notify_if_over(worker);
}

static const struct weir__job_ops job_ops = {
    .started = job_started,
    .failed = job_failed,
    .exited = job_exited,
    .sent = job_sent,
    .unsent = job_unsent,
    .ended = job_ended,
    .lost = job_ended,
};

/* --- Start and end -------------------------------------------------------- */

static int open_stderr(struct weir__worker *worker, const struct weir__worker_options *options,
                       int fd, struct weir_error *error)
{
    worker->errors.owner = worker;
    worker->errors.on_bytes = errors_came;
    worker->errors.on_end = errors_ended;
    weir__capture_take(&worker->errors, fd, options->stderr_kept, 0);
    return worker->is_unwatched ? 0
                                : weir__capture_watch(&worker->errors, worker->weir->loop, error);
}

/* child: as weir__worker_open_pipes() has it. */
static int open_ends(struct weir__worker *worker, const struct weir__worker_options *options,
                     int child[3], struct weir_error *error)
{
    weir__loop *loop = worker->weir->loop;
    int err = -1, status = weir__worker_open_pipes(worker, options, child, &err, error);

    if (status < 0)
        return status;
    if (err >= 0)
        status = open_stderr(worker, options, err, error);
    worker->stderr_source = (struct weir__stderr_source){
        .capture = &worker->errors,
        .name = options->label,
        .is_always_named = options->label != NULL,
        .on_line = worker->ops->on_stderr_line,
        .owner = worker->owner,
    };
    weir__stderr_source_add(&worker->stderr_source, options->forwarder);
    if (status == 0 && worker->in_fd >= 0)
        status = weir__watch_new(loop, worker->in_fd, WEIR__GONE, weir__worker_can_write, worker,
                                 &worker->in_watch, error);
    if (status == 0 && worker->out_fd >= 0 && !worker->is_unwatched)
        status = watch_stdout(worker, error);
    if (status == 0)
        status = weir__timer_new(loop, drain_is_over, worker, &worker->drain, error);
    return status;
}

int weir__worker_start(struct weir__worker *worker, weir_t *weir,
                       const struct weir__worker_options *options,
                       const struct weir__worker_ops *ops, void *owner, struct weir_error *error)
{
    struct weir_command command = *options->command;
    struct weir__stage_start stage = {.command = &command, .cwd = -1};
    char slot[sizeof "WEIR_SLOT=" + 3 * sizeof options->slot];
    const char *variables[] = {slot, NULL}, **env;
    int child[3] = {-1, -1, -1}, status;

    snprintf(slot, sizeof slot, "WEIR_SLOT=%u", options->slot);
    env = weir__argv_join(command.env, variables);
    command.env = env;

    worker->weir = weir;
    worker->ops = ops;
    worker->owner = owner;
    worker->grace_ms = worker->stop_grace_ms = options->grace_ms;
    worker->drain_ms = options->drain_ms;
    worker->in_fd = worker->peek_fd = worker->out_fd = worker->errors.fd = -1;
    worker->job.ops = &job_ops;
    worker->job.owner = worker;
    worker->job.leaders = options->is_launched;
    worker->job.stop = options->stop_sequence;
    worker->slot = options->slot;
    worker->job.quiet = options->is_quiet;
    worker->job.descriptors = options->descriptors;
    worker->job.descriptor_count = options->descriptor_count;
    stage.warm = options->warm;
    worker->is_unwatched = options->is_unwatched;
    worker->stop = options->stop;
    worker->stop_command.on_over = stop_is_over;
    worker->stop_command.owner = worker;
    memcpy(worker->limits, options->command->limits, sizeof worker->limits);
    worker->chunk = malloc(READ_SIZE);
    status = weir__result_begin(&worker->result, options->command, error);
    if ((worker->chunk == NULL || env == NULL) && status == 0)
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a worker");
    if (status == 0) {
        stage.cwd = weir__client_open_cwd(&weir->client, options->command);
        if (stage.cwd < WEIR__CWD_INHERITED)
            status = weir__fail(error, WEIR_ERR_SYSTEM, -stage.cwd, "cannot start in %s",
                                options->command->cwd != NULL ? options->command->cwd : ".");
    }
    if (status == 0)
        status = open_ends(worker, options, child, error);
    for (int i = 0; i < 3; i++)
        stage.stdio[i] = options->files[i] == 0 ? child[i] : options->files[i];
    if (status == 0)
        status =
            weir__job_start(&weir->client, &worker->job, &stage, 1, options->grace_ms, -1, error);
    free(env);
    if (status == 0 && options->forks != NULL) {
        worker->forks = options->forks;
        worker->forks_before = options->forks->made;
        worker->forks->waiting++;
    }
    if (stage.cwd >= 0)
        weir__close(&stage.cwd);
    for (int i = 0; i < 3; i++)
        weir__close(&child[i]);
    if (status < 0) {
        worker->job_over = 1;
        weir__worker_clear(worker);
    }
    return status;
}

int weir__worker_attach(struct weir__worker *worker, weir_t *weir, int in, int out,
                        const struct weir__worker_ops *ops, void *owner, struct weir_error *error)
{
    int status = 0;

    worker->weir = weir;
    worker->ops = ops;
    worker->owner = owner;
    worker->in_fd = out;
    worker->out_fd = in;
    worker->peek_fd = worker->errors.fd = -1;
    worker->is_pair = worker->job_over = worker->exited = 1;
    worker->is_deaf = 1; /* the end of its output says that it is gone */
    worker->chunk = malloc(READ_SIZE);
    if (worker->chunk == NULL)
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a connection");
    if (status == 0)
        status = weir__watch_new(weir->loop, out, 0, weir__worker_can_write, worker,
                                 &worker->in_watch, error);
    if (status == 0)
        status = weir__watch_new(weir->loop, in, WEIR__READABLE, can_read, worker,
                                 &worker->out_watch, error);
    if (status == 0)
        status = weir__timer_new(weir->loop, drain_is_over, worker, &worker->drain, error);
    if (status < 0)
        weir__worker_clear(worker);
    return status;
}

void weir__worker_stop(struct weir__worker *worker, int64_t grace_ms)
{
    worker->state = WEIR__WORKER_DYING;
    weir__worker_drop_input(worker);
    worker->is_coalescing = 0;
    if (worker->is_pair) { /* not from here: its owner goes on using it */
        weir__timer_start(worker->drain, 0);
        return;
    }
    weir__worker_pause(worker, 0); /* reads to the end, ignoring it */
    weir__worker_interrupt(worker, grace_ms);
}

void weir__worker_interrupt(struct weir__worker *worker, int64_t grace_ms)
{
    weir__worker_watch(worker); /* its last words may be more than a pipe takes */
    if (worker->stop_grace_ms > grace_ms)
        worker->stop_grace_ms = grace_ms;
    if (grace_ms == 0) {
        weir__stop_command_hurry(&worker->stop_command);
        worker->stop = NULL; /* there is no time for it */
    } else if (worker->stop_command.is_running || (may_be_left(worker) && run_stop(worker))) {
        return; /* the stop sequence follows */
    }
    weir__job_stop(&worker->weir->client, &worker->job, grace_ms);
}

void weir__worker_clear(struct weir__worker *worker)
{
    if (worker->weir == NULL)
        return;
    if (!worker->job_over)
        weir__job_abandon(&worker->weir->client, &worker->job);
    fork_is_over(worker, 0);
    weir__worker_drop_input(worker);
    weir__close(&worker->peek_fd);
    close_output(worker);
    weir__timer_close(&worker->drain);
    weir__stop_command_clear(&worker->stop_command);
    weir__stderr_source_remove(&worker->stderr_source);
    weir__capture_clear(&worker->errors);
    free(worker->chunk);
    weir_result_clear(&worker->result);
    *worker = (struct weir__worker){0};
}
