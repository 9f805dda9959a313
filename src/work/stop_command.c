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
    MOST = 4,
    LAST_READS = 256, /* 1 MiB: the capacity of a pipe */
};

/* The command's environment, with what is known of the worker. */
struct surroundings {
    const char **env;
    const char *more[MOST + 1];
    char values[MOST][VALUE_SIZE];
};

static int surround(struct surroundings *made, const struct weir_command *command,
                    const struct weir__stop_target *target)
{
    int known = 0;

    snprintf(made->values[known++], VALUE_SIZE, "WEIR_WORKER_JOB=%s", target->tag);
    snprintf(made->values[known++], VALUE_SIZE, "WEIR_WORKER_SLOT=%u", target->slot);
    if (target->pid > 0)
        snprintf(made->values[known++], VALUE_SIZE, "WEIR_WORKER_PID=%ld", target->pid);
    if (target->node != NULL)
        snprintf(made->values[known++], VALUE_SIZE, "WEIR_WORKER_NODE=%s", target->node);
    for (int i = 0; i < known; i++)
        made->more[i] = made->values[i];
    made->env = weir__argv_join(command->env, made->more);
    return made->env != NULL ? 0 : WEIR_ERR_NOMEM;
}

static void patience_is_over(void *data)
{
    struct weir__stop_command *stop_command = data;

    snprintf(stop_command->fault, sizeof stop_command->fault, "it took too long");
    weir__stop_command_hurry(stop_command);
}

static void job_failed(void *owner, size_t stage, const char *step, int sys_errno,
                       const char *detail)
{
    struct weir__stop_command *stop_command = owner;

    (void)stage;
    (void)detail;
    snprintf(stop_command->fault, sizeof stop_command->fault, "%s: %s", step, strerror(sys_errno));
}

static void job_exited(void *owner, size_t stage, const struct weir__exit *how)
{
    struct weir__stop_command *stop_command = owner;

    (void)stage;
    if (stop_command->fault[0] != '\0' || (how->code == 0 && how->signal == 0))
        return;
    snprintf(stop_command->fault, sizeof stop_command->fault,
             how->signal != 0 ? "killed by signal %d" : "exited with %d",
             how->signal != 0 ? how->signal : how->code);
}

static void close_errors(struct weir__stop_command *stop_command)
{
    if (stop_command->errors_watch == NULL)
        return;
    weir__watch_close(&stop_command->errors_watch);
    weir__close(&stop_command->errors_fd);
}

/* Keeps the last bytes. */
static void keep(struct weir__stop_command *stop_command, const char *bytes, size_t length)
{
    size_t room = sizeof stop_command->said, left;

    if (length > room) {
        bytes += length - room;
        length = room;
    }
    left = stop_command->said_length;
    if (left > room - length) {
        memmove(stop_command->said, stop_command->said + left - (room - length), room - length);
        left = room - length;
    }
    memcpy(stop_command->said + left, bytes, length);
    stop_command->said_length = left + length;
}

/* Returns whether there may be more. */
static int read_errors(struct weir__stop_command *stop_command)
{
    char bytes[4096];
    ssize_t count = read(stop_command->errors_fd, bytes, sizeof bytes);

    if (count > 0)
        keep(stop_command, bytes, (size_t)count);
    else if (count == 0 || (errno != EAGAIN && errno != EINTR))
        close_errors(stop_command);
    return count > 0;
}

static void errors_came(void *data, int bits)
{
    (void)bits;
    read_errors(data);
}

/* What it has written is read; output of processes that it left behind is not waited for. */
static void job_ended(void *owner)
{
    struct weir__stop_command *stop_command = owner;

    for (int i = 0;
         i < LAST_READS && stop_command->errors_watch != NULL && read_errors(stop_command); i++)
        continue;
    close_errors(stop_command);
    stop_command->is_running = 0;
    weir__timer_close(&stop_command->patience);
    stop_command->on_over(stop_command->owner,
                          stop_command->fault[0] != '\0' ? stop_command->fault : NULL);
}

static const struct weir__job_ops job_ops = {
    .failed = job_failed,
    .exited = job_exited,
    .ended = job_ended,
    .lost = job_ended,
};

static int open_errors(struct weir__stop_command *stop_command, int ends[2],
                       struct weir_error *error)
{
    int status = weir__pipe(ends, error);

    if (status < 0)
        return status;
    weir__fd_set_nonblocking(ends[FD_READ_END]);
    status = weir__watch_new(stop_command->weir->loop, ends[FD_READ_END], WEIR__READABLE,
                             errors_came, stop_command, &stop_command->errors_watch, error);
    stop_command->errors_fd = ends[FD_READ_END];
    if (status < 0)
        weir__close(&stop_command->errors_fd);
    return status;
}

int weir__stop_command_start(struct weir__stop_command *stop_command, weir_t *weir,
                             const struct weir_command *command,
                             const struct weir__stop_target *target, int64_t patience_ms,
                             struct weir_error *error)
{
    struct surroundings surroundings = {0};
    struct weir_command filled = *command;
    struct weir__stage_start stage = {.command = &filled, .stdio = {-1, -1, -1}};
    int status = surround(&surroundings, command, target), ends[2] = {-1, -1};

    stop_command->weir = weir;
    stop_command->was_started = 1;
    stop_command->job.ops = &job_ops;
    stop_command->job.owner = stop_command;
    stop_command->job.quiet = 1;
    filled.env = surroundings.env;
    stage.cwd = weir__client_open_cwd(&weir->client, command);
    if (status < 0)
        weir__fail(error, status, 0, "no memory for a command");
    else if (stage.cwd < WEIR__CWD_INHERITED)
        status = weir__fail(error, WEIR_ERR_SYSTEM, -stage.cwd, "cannot start in %s",
                            command->cwd != NULL ? command->cwd : ".");
    if (status == 0)
        status = weir__timer_new(weir->loop, patience_is_over, stop_command,
                                 &stop_command->patience, error);
    if (status == 0)
        status = open_errors(stop_command, ends, error);
    stage.stdio[2] = ends[FD_WRITE_END];
    if (status == 0)
        status = weir__job_start(&weir->client, &stop_command->job, &stage, 1, 0, -1, error);
    weir__close(&ends[FD_WRITE_END]);
    if (stage.cwd >= 0)
        weir__close(&stage.cwd);
    free(surroundings.env);
    if (status < 0) {
        close_errors(stop_command);
        weir__timer_close(&stop_command->patience);
        return status;
    }
    stop_command->is_running = 1;
    weir__timer_start(stop_command->patience, patience_ms);
    return 0;
}

void weir__stop_command_hurry(struct weir__stop_command *stop_command)
{
    if (stop_command->is_running)
        weir__job_stop(&stop_command->weir->client, &stop_command->job, 0);
}

void weir__stop_command_clear(struct weir__stop_command *stop_command)
{
    if (stop_command->is_running)
        weir__job_abandon(&stop_command->weir->client, &stop_command->job);
    stop_command->is_running = 0;
    close_errors(stop_command);
    weir__timer_close(&stop_command->patience);
}
