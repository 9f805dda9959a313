#include "config.h"

#include "proc/start_request.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#ifdef WEIR_LINUX
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "base/error.h"
#include "proc/command.h"
#include "proc/spawner_client.h"

/* Adds fd to the descriptors of a message, once, and says its position. */
static void pass_fd(struct weir__json_writer *json, const char *key, int fd, int *fds,
                    size_t *fd_count)
{
    size_t position = 0;

    if (fd < 0)
        return;
    while (position < *fd_count && fds[position] != fd)
        position++;
    if (position == *fd_count)
        fds[(*fd_count)++] = fd;
    weir__json_integer(json, key, (int64_t)position);
}

/* getrlimit(3) is prlimit(2) in glibc: more than twice as slow, and a start reads them all. */
static int read_limit(int resource, struct rlimit *limit)
{
#if defined WEIR_LINUX && defined SYS_getrlimit && __SIZEOF_LONG__ == 8
    if (syscall(SYS_getrlimit, resource, limit) == 0)
        return 0;
#endif
    return getrlimit(resource, limit);
}

/* The host's limits are those of its programs.  Nearly always they are what the spawner
 * has from it. */
static void write_limits(struct weir__json_writer *json, const struct weir__spawner *spawner)
{
    int any = 0;

    for (int i = 0; i < WEIR__LIMITS && i < RLIM_NLIMITS; i++) {
        const struct rlimit *before = &spawner->limits[i];
        struct rlimit now;

        if (read_limit(i, &now) < 0
            || (now.rlim_cur == before->rlim_cur && now.rlim_max == before->rlim_max))
            continue;
        if (!any)
            weir__json_open(json, "host_limits", '[');
        any = 1;
        weir__json_open(json, NULL, '[');
        weir__json_integer(json, NULL, i);
        weir__json_integer(json, NULL, now.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)now.rlim_cur);
        weir__json_integer(json, NULL, now.rlim_max == RLIM_INFINITY ? -1 : (int64_t)now.rlim_max);
        weir__json_close(json, ']');
    }
    if (any)
        weir__json_close(json, ']');
}

static void write_stop(struct weir__json_writer *json, const struct weir__stop_sequence *stop)
{
    if (stop == NULL || stop->count == 0)
        return;
    weir__json_open(json, "stop", '[');
    for (size_t i = 0; i < stop->count; i++) {
        weir__json_open(json, NULL, '[');
        weir__json_integer(json, NULL, stop->steps[i].signal);
        weir__json_integer(json, NULL, stop->steps[i].wait_ms);
        weir__json_close(json, ']');
    }
    weir__json_close(json, ']');
}

void weir__start_request_write(struct weir__json_writer *json, const struct weir__spawner *spawner,
                               const struct weir__job *job, const struct weir__stage_start *stages,
                               size_t count, int64_t grace_ms, int terminal, int *fds,
                               size_t *fd_count)
{
    static const char *const stdio[] = {"stdin", "stdout", "stderr"};

    weir__json_open(json, NULL, '{');
    weir__json_string(json, "op", "start"); /* these two first: see spawner/request.h */
    weir__json_integer(json, "job", job->id);
    weir__json_string(json, "cookie", job->tag);
    weir__json_integer(json, "grace_ms", grace_ms);
    write_stop(json, job->stop);
    pass_fd(json, "tty", terminal, fds, fd_count);
    if (job->quiet && spawner->finds_by_tag)
        weir__json_boolean(json, "quiet", 1);
    if (job->leaders)
        weir__json_boolean(json, "leaders", 1);
    if (terminal >= 0 && !job->in_background)
        weir__json_integer(json, "tty_group", getpgrp());
    write_limits(json, spawner);
    weir__json_open(json, "stages", '[');
    for (size_t i = 0; i < count; i++) {
        weir__json_open(json, NULL, '{');
        weir__command_write(json, stages[i].command, spawner->environment);
        pass_fd(json, "cwd", stages[i].cwd, fds, fd_count);
        for (int end = 0; end < 3; end++)
            pass_fd(json, stdio[end], stages[i].stdio[end], fds, fd_count);
        if (stages[i].warm > 0)
            pass_fd(json, "warm", stages[i].warm, fds, fd_count);
        if (stages[i].pty)
            weir__json_boolean(json, "pty", 1);
        weir__json_close(json, '}');
    }
    weir__json_close(json, ']');
    weir__json_close(json, '}');
}

static int by_number(const void *one, const void *other)
{
    return *(const int *)one - *(const int *)other;
}

int weir__start_request_check(const struct weir_descriptor *list, size_t count,
                              struct weir_error *error)
{
    int *numbers = malloc((count + 1) * sizeof *numbers), status = 0;

    if (numbers == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %zu descriptors", count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = list[i].number;
        if (list[i].fd < 0 || list[i].number <= STDERR_FILENO || list[i].number > INT_MAX / 2)
            status = weir__fail(error, WEIR_ERR_INVALID, 0,
                                "descriptor %d cannot be passed on as %d: numbers begin at 3",
                                list[i].fd, list[i].number);
    }
    qsort(numbers, count, sizeof *numbers, by_number);
    for (size_t i = 1; i < count && status == 0; i++)
        if (numbers[i] == numbers[i - 1])
            status = weir__fail(error, WEIR_ERR_INVALID, 0,
                                "two descriptors cannot both be passed on as %d", numbers[i]);
    free(numbers);
    return status;
}

int weir__start_request_pass(struct weir__spawner *spawner, const struct weir__job *job)
{
    int fds[WEIR__DATAGRAM_FDS], failed = 0;

    for (size_t sent = 0; sent < job->descriptor_count && failed == 0;) {
        struct weir__json_writer json = {0};
        size_t count = 0, length = 0;
        char *request;

        weir__json_open(&json, NULL, '{');
        weir__json_string(&json, "op", "pass");
        weir__json_integer(&json, "job", job->id);
        weir__json_open(&json, "numbers", '[');
        for (; sent < job->descriptor_count && count < WEIR__DATAGRAM_FDS; sent++, count++) {
            fds[count] = job->descriptors[sent].fd;
            weir__json_integer(&json, NULL, job->descriptors[sent].number);
        }
        weir__json_close(&json, ']');
        weir__json_close(&json, '}');
        request = weir__json_take(&json, &length);
        failed =
            request != NULL ? weir__spawner_send(spawner, request, length, fds, count) : ENOMEM;
        free(request);
    }
    return failed;
}
