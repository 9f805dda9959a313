#include "config.h"

#include "work/stop_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "proc/command.h"

enum {
    VALUE_SIZE = 300,
    MOST = 3,
    LAST_READS = 256, /* 1 MiB: as much as a pipe may hold */
};

/* The command's environment with what is known of the worker. */
struct surroundings {
    const char **env;
    char values[MOST][VALUE_SIZE];
};

static int surround(struct surroundings *made, const struct weir_command *command,
                    const struct weir__stopped *whom)
{
    size_t count = 0;
    int known = 0;

    while (command->env != NULL && command->env[count] != NULL)
        count++;
    made->env = calloc(count + MOST + 1, sizeof *made->env);
    if (made->env == NULL)
        return WEIR_ERR_NOMEM;
    if (count > 0)
        memcpy(made->env, command->env, count * sizeof *made->env);
    snprintf(made->values[known++], VALUE_SIZE, "WEIR_WORKER_JOB=%s", whom->cookie);
    if (whom->pid > 0)
        snprintf(made->values[known++], VALUE_SIZE, "WEIR_WORKER_PID=%ld", whom->pid);
    if (whom->node != NULL)
        snprintf(made->values[known++], VALUE_SIZE, "WEIR_WORKER_NODE=%s", whom->node);
    for (int i = 0; i < known; i++)
        made->env[count + (size_t)i] = made->values[i];
    return 0;
}

static void patience_is_over(void *data)
{
    struct weir__stopper *stopper = data;

    snprintf(stopper->fault, sizeof stopper->fault, "it took too long");
    weir__stopper_hurry(stopper);
}

static void job_failed(void *owner, size_t stage, const char *step, int sys_errno,
                       const char *detail)
{
    struct weir__stopper *stopper = owner;

    (void)stage;
    (void)detail;
    snprintf(stopper->fault, sizeof stopper->fault, "%s: %s", step, strerror(sys_errno));
}

static void job_exited(void *owner, size_t stage, const struct weir__exit *how)
{
    struct weir__stopper *stopper = owner;

    (void)stage;
    if (stopper->fault[0] != '\0' || (how->code == 0 && how->signal == 0))
        return;
    snprintf(stopper->fault, sizeof stopper->fault,
             how->signal != 0 ? "killed by signal %d" : "exited with %d",
             how->signal != 0 ? how->signal : how->code);
}

static void close_errors(struct weir__stopper *stopper)
{
    if (stopper->errors_watch == NULL)
        return;
    weir__watch_close(&stopper->errors_watch);
    weir__close(&stopper->errors_fd);
}

/* Keeps the last bytes. */
static void keep(struct weir__stopper *stopper, const char *bytes, size_t length)
{
    size_t room = sizeof stopper->said, left;

    if (length > room) {
        bytes += length - room;
        length = room;
    }
    left = stopper->said_length;
    if (left > room - length) {
        memmove(stopper->said, stopper->said + left - (room - length), room - length);
        left = room - length;
    }
    memcpy(stopper->said + left, bytes, length);
    stopper->said_length = left + length;
}

/* Returns whether there may be more. */
static int read_errors(struct weir__stopper *stopper)
{
    char bytes[4096];
    ssize_t count = read(stopper->errors_fd, bytes, sizeof bytes);

    if (count > 0)
        keep(stopper, bytes, (size_t)count);
    else if (count == 0 || (errno != EAGAIN && errno != EINTR))
        close_errors(stopper);
    return count > 0;
}

static void errors_came(void *data, int bits)
{
    (void)bits;
    read_errors(data);
}

/* What it has written is read; what others that it left behind write is not waited for. */
static void job_ended(void *owner)
{
    struct weir__stopper *stopper = owner;

    for (int i = 0; i < LAST_READS && stopper->errors_watch != NULL && read_errors(stopper); i++)
        continue;
    close_errors(stopper);
    stopper->is_running = 0;
    weir__timer_close(&stopper->patience);
    stopper->on_over(stopper->owner, stopper->fault[0] != '\0' ? stopper->fault : NULL);
}

static const struct weir__job_ops job_ops = {
    .failed = job_failed,
    .exited = job_exited,
    .ended = job_ended,
    .lost = job_ended,
};

static int open_errors(struct weir__stopper *stopper, int ends[2], struct weir_error *error)
{
    int status = weir__pipe(ends, error);

    if (status < 0)
        return status;
    weir__fd_set_nonblocking(ends[FD_READ_END]);
    status = weir__watch_new(stopper->weir->loop, ends[FD_READ_END], WEIR__READABLE, errors_came,
                             stopper, &stopper->errors_watch, error);
    stopper->errors_fd = ends[FD_READ_END];
    if (status < 0)
        weir__close(&stopper->errors_fd);
    return status;
}

int weir__stopper_start(struct weir__stopper *stopper, weir_t *weir,
                        const struct weir_command *command, const struct weir__stopped *whom,
                        int64_t patience_ms, struct weir_error *error)
{
    struct surroundings surroundings = {0};
    struct weir_command filled = *command;
    struct weir__stage_start stage = {.command = &filled, .stdio = {-1, -1, -1}};
    int status = surround(&surroundings, command, whom), ends[2] = {-1, -1};

    stopper->weir = weir;
    stopper->was_started = 1;
    stopper->job.ops = &job_ops;
    stopper->job.owner = stopper;
    stopper->job.quiet = 1;
    filled.env = surroundings.env;
    stage.cwd = weir__client_open_cwd(&weir->client, command);
    if (status < 0)
        weir__fail(error, status, 0, "no memory for a command");
    else if (stage.cwd < WEIR__CWD_INHERITED)
        status = weir__fail(error, WEIR_ERR_SYSTEM, -stage.cwd, "cannot start in %s",
                            command->cwd != NULL ? command->cwd : ".");
    if (status == 0)
        status = weir__timer_new(weir->loop, patience_is_over, stopper, &stopper->patience, error);
    if (status == 0)
        status = open_errors(stopper, ends, error);
    stage.stdio[2] = ends[FD_WRITE_END];
    if (status == 0)
        status = weir__job_start(&weir->client, &stopper->job, &stage, 1, 0, -1, error);
    weir__close(&ends[FD_WRITE_END]);
    if (stage.cwd >= 0)
        weir__close(&stage.cwd);
    free(surroundings.env);
    if (status < 0) {
        close_errors(stopper);
        weir__timer_close(&stopper->patience);
        return status;
    }
    stopper->is_running = 1;
    weir__timer_start(stopper->patience, patience_ms);
    return 0;
}

void weir__stopper_hurry(struct weir__stopper *stopper)
{
    if (stopper->is_running)
        weir__job_stop(&stopper->weir->client, &stopper->job, 0);
}

void weir__stopper_clear(struct weir__stopper *stopper)
{
    if (stopper->is_running)
        weir__job_abandon(&stopper->weir->client, &stopper->job);
    stopper->is_running = 0;
    close_errors(stopper);
    weir__timer_close(&stopper->patience);
}
