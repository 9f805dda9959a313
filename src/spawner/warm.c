#include "config.h"

#include "spawner/warm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef WEIR_LINUX
#include <sys/epoll.h>
#endif

#include "base/datagram.h"
#include "base/fd.h"
#include "base/json_writer.h"
#include "spawner/subreaper.h"

#ifdef WEIR_LINUX

static int answers = -1; /* epoll: the connections whose answers are awaited */
static int awaited;

static void write_limit(struct weir__json_writer *json, int resource, rlim_t soft, rlim_t hard)
{
    weir__json_open(json, NULL, '[');
    weir__json_integer(json, NULL, resource);
    weir__json_integer(json, NULL, soft == RLIM_INFINITY ? -1 : (int64_t)soft);
    weir__json_integer(json, NULL, hard == RLIM_INFINITY ? -1 : (int64_t)hard);
    weir__json_close(json, ']');
}

/* The whole request, or NULL. */
static char *write_request(const struct child_plan *plan, size_t *length)
{
    struct weir__json_writer json = {0};
    size_t head_length = 0;
    char *head, *text, *end;

    weir__json_open(&json, NULL, '{');
    weir__json_boolean(&json, "cwd", plan->cwd >= 0);
    weir__json_integer(&json, "umask", plan->stage->umask);
    weir__json_integer(&json, "nice", plan->stage->nice);
    weir__json_open(&json, "limits", '[');
    for (size_t i = 0; i < plan->host_limit_count; i++)
        write_limit(&json, plan->host_limits[i].resource, plan->host_limits[i].both.rlim_cur,
                    plan->host_limits[i].both.rlim_max);
    for (size_t i = 0; i < plan->stage->limit_count; i++) {
        const struct request_limit *limit = &plan->stage->limits[i];

        write_limit(&json, limit->resource, limit->value,
                    limit->value + (limit->resource == RLIMIT_CPU)); /* as in child.c */
    }
    weir__json_close(&json, ']');
    weir__json_close(&json, '}');
    head = weir__json_take(&json, &head_length);
    if (head == NULL)
        return NULL;
    *length = head_length + 1;
    for (char **variable = plan->envp; *variable != NULL; variable++)
        *length += strlen(*variable) + 1;
    text = malloc(*length);
    if (text != NULL) {
        memcpy(text, head, head_length);
        end = text + head_length;
        *end++ = '\n';
        for (char **variable = plan->envp; *variable != NULL; variable++)
            end = stpcpy(end, *variable) + 1;
    }
    free(head);
    return text;
}

static int await(int fd, int64_t job)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = (uint64_t)job}};

    if (answers < 0)
        answers = epoll_create1(EPOLL_CLOEXEC);
    if (answers < 0 || epoll_ctl(answers, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    awaited++;
    return 0;
}

int warm_ask(const struct child_plan *plan, int connection, int64_t job)
{
    int fds[4], fd, failed;
    size_t length = 0;
    char *text;

    if (!subreaper_is_active())
        return -ENOTSUP;
    if (plan->envp == NULL || (text = write_request(plan, &length)) == NULL)
        return -ENOMEM;
    for (int i = 0; i < 3; i++)
        fds[i] = plan->stdio[i] >= 0 ? plan->stdio[i] : i; /* /dev/null */
    fds[3] = plan->cwd;
    fd = fcntl(connection, F_DUPFD_CLOEXEC, 3);
    failed = fd < 0 ? errno
                    : weir__datagram_send(&(struct weir__link){.socket = fd}, text, length, fds,
                                          plan->cwd >= 0 ? 4 : 3, MSG_DONTWAIT);
    free(text);
    if (failed == 0)
        failed = -await(fd, job);
    if (failed == 0)
        return fd;
    weir__close(&fd);
    return -(failed == EPIPE || failed == ECONNREFUSED ? ECONNRESET : failed);
}

int warm_fd(void)
{
    return awaited > 0 ? answers : -1;
}

int64_t warm_next(void)
{
    struct epoll_event event;

    return awaited > 0 && epoll_wait(answers, &event, 1, 0) == 1 ? (int64_t)event.data.u64 : 0;
}

pid_t warm_take(int fd)
{
    char text[16] = "";
    siginfo_t info = {0};
    ssize_t count = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    pid_t pid = count > 0 ? (pid_t)strtol(text, NULL, 10) : 0;

    epoll_ctl(answers, EPOLL_CTL_DEL, fd, &(struct epoll_event){0});
    awaited--;
    /* Some other process than a child of ours must not be signalled. */
    if (pid <= 1 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return -ECONNRESET;
    subreaper_forget(pid);
    return pid;
}

void warm_go(int *fd)
{
    send(*fd, "g", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    weir__close(fd);
}

#else

int warm_ask(const struct child_plan *plan, int connection, int64_t job)
{
    (void)plan, (void)connection, (void)job;
    return -ENOTSUP;
}

int warm_fd(void)
{
    return -1;
}

int64_t warm_next(void)
{
    return 0;
}

pid_t warm_take(int fd)
{
    (void)fd;
    return -ENOTSUP;
}

void warm_go(int *fd)
{
    weir__close(fd);
}

#endif
