#include "config.h"

#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "cli/signals.h"

enum {
    TIMED_OUT = 124,
    /* POLLOUT promises room for this much without waiting: see proc/relay.c. */
    GENTLE = 4096,
    MOMENT_MS = 1000, /* extra time for a reader after the deadline, and for room on standard
                         error */
};

static int64_t start_ns, deadline_ns; /* 0: none */
static int hurried_by;                /* a signal; 0: none */

/* The O_NONBLOCK flag of a shared descriptor is left alone. A separate open file description of
 * the same pipe or terminal is non-blocking. */
static struct own {
    int is_known, fd; /* -1: there is none */
    mode_t type;
} owns[3];

/* --- Waiting ----------------------------------------------------------------- */

void output_set_deadline(int64_t began_ns, int64_t timeout_ms)
{
    start_ns = began_ns;
    deadline_ns = timeout_ms == WEIR_FOREVER ? 0 : began_ns + timeout_ms * 1000000;
}

void output_hurry(int signal)
{
    hurried_by = signal;
    deadline_ns = weir__clock_ns();
}

struct weir__patience output_patience(void)
{
    return (struct weir__patience){.deadline_ns = deadline_ns, .cancel_fd = signals_fd()};
}

/* The final output gets extra time even after the deadline: its reader is probably there. */
static struct weir__patience patience_at_end(void)
{
    struct weir__patience patience = output_patience();
    int64_t moment_ns = weir__clock_ns() + (int64_t)MOMENT_MS * 1000000;

    if (patience.deadline_ns != 0 && patience.deadline_ns < moment_ns)
        patience.deadline_ns = moment_ns;
    return patience;
}

/* Whether a caught signal ends weir. Stops here for a job-control signal. */
static int is_ended(void)
{
    struct caught caught;

    while (signals_take(&caught)) {
        if (caught.number == SIGTSTP || caught.number == SIGTTIN || caught.number == SIGTTOU) {
            signals_stop(caught.number);
            continue;
        }
        signals_put_back(&caught);
        return 1;
    }
    return 0;
}

int output_wait(int fd, short events)
{
    struct weir__patience patience = events & POLLOUT ? patience_at_end() : output_patience();
    int failed;

    do
        failed = weir__peer_wait(fd, events, &patience);
    while (failed == ECANCELED && !is_ended());
    return failed;
}

int output_open_peer(const char *path, int flags)
{
    struct weir__patience patience = output_patience();
    int fd;

    do
        fd = weir__peer_open(path, flags, &patience);
    while (fd < 0 && errno == ECANCELED && !is_ended());
    return fd;
}

int output_open_file(struct weir__atomic_file *file, const char *path, struct weir_error *error)
{
    struct weir__patience patience = patience_at_end();
    int status;

    do
        status = weir__atomic_file_open(file, path, &patience, error);
    while (status < 0 && error->sys_errno == ECANCELED && !is_ended());
    return status;
}

int output_open_fifo(const char *option, const char *path, int flags, int *fd, int otherwise,
                     struct weir_error *error)
{
    struct weir_error why;
    struct stat file;
    int failed;

    *fd = -1;
    if (path == NULL || stat(path, &file) < 0 || !S_ISFIFO(file.st_mode))
        return 0;
    failed = signals_catch();
    if (failed == 0) {
        *fd = output_open_peer(path, flags);
        failed = *fd < 0 ? errno : 0;
    }
    if (failed == 0)
        return 0;
    weir__peer_fail(&why, failed, (flags & O_ACCMODE) == O_RDONLY ? "read" : "write", path);
    weir__fail(error, why.status, 0, "%s: %.400s: nothing was started", option, why.text);
    return output_status(failed, otherwise);
}

int64_t output_left_ms(int64_t timeout_ms)
{
    int64_t left_ms;

    if (timeout_ms == WEIR_FOREVER || start_ns == 0)
        return timeout_ms;
    left_ms = timeout_ms - (weir__clock_ns() - start_ns) / 1000000;
    return left_ms > 0 ? left_ms : 1;
}

/* --- Writing ----------------------------------------------------------------- */

static struct own *find_own(int fd)
{
    struct own *own = &owns[fd];
    struct stat file;

    if (own->is_known)
        return own;
    own->is_known = 1;
    own->fd = -1;
    if (fstat(fd, &file) < 0)
        return own;
    own->type = file.st_mode & S_IFMT;
    if ((own->type == S_IFIFO || own->type == S_IFCHR) && weir__fd_may(fd, O_WRONLY))
        own->fd = weir__fd_reopen(fd, O_WRONLY | O_NONBLOCK);
    if (own->fd >= 0)
        weir__fd_above_stdio(&own->fd, NULL);
    return own;
}

/* Writes what fits, and blocks only where that cannot be avoided. */
ssize_t output_write_some(int fd, const char *bytes, size_t length)
{
    const struct own *own;
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    if (fd > STDERR_FILENO)
        return weir__write_no_sigpipe(fd, bytes, length);
    own = find_own(fd);
    if (own->fd >= 0)
        return weir__write_no_sigpipe(own->fd, bytes, length);
    if (own->type == S_IFSOCK)
        return send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (own->type == S_IFIFO || own->type == S_IFCHR) {
        if (poll(&room, 1, 0) == 0) {
            errno = EAGAIN;
            return -1;
        }
        length = length > GENTLE ? GENTLE : length;
    }
    return weir__write_no_sigpipe(fd, bytes, length);
}

int output_write(int fd, const char *bytes, size_t length)
{
    int failed = 0;

    while (length > 0 && failed == 0) {
        ssize_t count = output_write_some(fd, bytes, length);

        if (count >= 0) {
            bytes += count;
            length -= (size_t)count;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            failed = output_wait(fd, POLLOUT);
        } else if (errno != EINTR) {
            failed = errno;
        }
    }
    return failed;
}

void output_say(const char *bytes, size_t length)
{
    static int is_stuck;
    int64_t until_ns = weir__clock_ns() + (is_stuck ? 0 : (int64_t)MOMENT_MS * 1000000);
    struct weir__patience patience = {.deadline_ns = until_ns, .cancel_fd = -1};
    int failed = 0;

    while (length > 0 && failed == 0) {
        ssize_t count = output_write_some(STDERR_FILENO, bytes, length);

        if (count >= 0) {
            bytes += count;
            length -= (size_t)count;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            failed = weir__peer_wait(STDERR_FILENO, POLLOUT, &patience);
        } else if (errno != EINTR) {
            failed = errno;
        }
    }
    is_stuck = failed == ETIMEDOUT;
}

/* --- Standard output --------------------------------------------------------- */

#ifdef HAVE_STDOUT_COOKIE
static int is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static ssize_t write_stdout(void *cookie, const char *bytes, size_t length)
{
    int failed = output_write(STDOUT_FILENO, bytes, length);

    (void)cookie;
    if (failed == 0)
        return (ssize_t)length;
    if (failed == EPIPE && !is_ignored(SIGPIPE)) /* like any filter */
        signals_die(SIGPIPE);
    errno = failed;
    return 0;
}
#endif

void output_open(void)
{
#ifdef HAVE_STDOUT_COOKIE
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_stdout});

    if (stream != NULL)
        stdout = stream;
#endif
}

int output_status(int failed, int otherwise)
{
    struct caught caught;

    if (failed == ETIMEDOUT)
        return hurried_by != 0 ? CLI_SIGNALED + hurried_by : TIMED_OUT;
    if (failed == ECANCELED && signals_take(&caught))
        return CLI_SIGNALED + caught.number;
    return failed == EPIPE ? CLI_SIGNALED + SIGPIPE : otherwise;
}

const char *output_error(int failed)
{
    return failed == ETIMEDOUT   ? "not read before the deadline"
           : failed == ECANCELED ? "stopped by a signal while waiting for its reader"
                                 : strerror(failed);
}
