#include "config.h"

#include "cli/serve_share.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/serve_join.h"

enum {
    START_MS = 60000, /* for the lock, and for the server */
    LOOK_MS = 20,
};

/* Opens a file beside the socket. */
static int open_beside(const char *path, const char *ending, int flags)
{
    char *name = NULL;
    int fd = -1;

    if (asprintf(&name, "%s%s", path, ending) >= 0)
        fd = open(name, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    free(name);
    return fd;
}

int serve_share_lock(const char *path)
{
    int fd = open_beside(path, ".lock", O_RDWR);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int failed = errno;

        weir__close(&fd);
        errno = failed;
    }
    return fd;
}

static int wait_for_lock(const char *path, struct weir_error *error)
{
    int64_t until_ns = weir__clock_in_ms(START_MS);
    int fd;

    while ((fd = serve_share_lock(path)) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot lock %.200s.lock", path);
        if (weir__clock_ns() > until_ns)
            return weir__fail(error, WEIR_ERR_TIMEOUT, 0,
                              "another process has held %.200s.lock for %d s: end it, or choose "
                              "another socket",
                              path, START_MS / 1000);
        poll(NULL, 0, LOOK_MS);
    }
    return fd;
}

/* In the new process: nothing of the client is kept open, or it would wait for us. */
static int become_server(int log)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || setsid() < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0
        || dup2(log, STDERR_FILENO) < 0)
        _exit(CLI_FAILED);
    weir__close_from(STDERR_FILENO + 1);
    return SERVE_SHARE_IS_SERVER;
}

/* What the server has said. */
static void pass_log_on(const char *path)
{
    char bytes[4096];
    int log = open_beside(path, ".log", O_RDONLY);
    ssize_t count;

    while (log >= 0 && (count = read(log, bytes, sizeof bytes)) > 0)
        output_say(bytes, (size_t)count);
    weir__close(&log);
}

static int await_server(const char *path, pid_t pid, int *exit_status, struct weir_error *error)
{
    int64_t until_ns = weir__clock_in_ms(START_MS);
    int fd, status;

    while ((fd = serve_join_connect(path, error)) < 0) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            pass_log_on(path);
            if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
                *exit_status = WEXITSTATUS(status);
            return weir__fail(error, WEIR_ERR_SYSTEM, 0, "the server at %.200s does not start",
                              path);
        }
        if (weir__clock_ns() > until_ns) {
            kill(pid, SIGTERM);
            return weir__fail(error, WEIR_ERR_TIMEOUT, 0,
                              "the server at %.200s does not listen after %d s: see %.200s.log",
                              path, START_MS / 1000, path);
        }
        poll(NULL, 0, LOOK_MS);
    }
    return fd;
}

static int start(const char *path, int lock, int *exit_status, struct weir_error *error)
{
    int log = open_beside(path, ".log", O_WRONLY | O_TRUNC | O_APPEND), fd;
    pid_t pid;

    if (log < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %.200s.log", path);
    pid = fork();
    if (pid == 0) {
        weir__close(&lock);
        return become_server(log);
    }
    if (pid < 0)
        fd = weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot start the server");
    else
        fd = await_server(path, pid, exit_status, error);
    weir__close(&log);
    return fd;
}

int serve_share_connect(const char *path, int *exit_status, struct weir_error *error)
{
    int lock, fd;

    *exit_status = CLI_FAILED;
    lock = wait_for_lock(path, error);
    if (lock < 0)
        return (int)error->status;
    fd = serve_join_connect(path, error);
    if (fd < 0 && (error->sys_errno == ENOENT || error->sys_errno == ECONNREFUSED))
        fd = start(path, lock, exit_status, error);
    if (fd != SERVE_SHARE_IS_SERVER)
        weir__close(&lock);
    return fd;
}
