#include "config.h"

#include "base/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

enum { RETRY_MS = 20 }; /* between two looks for what no event reports */

struct weir__patience weir__patience_of(int64_t ms)
{
    return (struct weir__patience){
        .deadline_ns = ms < 0 ? 0 : weir__clock_ns() + ms * 1000000,
        .cancel_fd = -1,
    };
}

/* Milliseconds until the deadline, at most most_ms (-1: no limit). */
static int time_left_ms(const struct weir__patience *patience, int most_ms)
{
    int64_t left_ms;

    if (patience->deadline_ns == 0)
        return most_ms;
    left_ms = (patience->deadline_ns - weir__clock_ns() + 999999) / 1000000;
    if (left_ms < 0)
        left_ms = 0;
    if (left_ms > 1000000)
        left_ms = 1000000; /* poll(2) takes an int; the caller's loop goes on */
    return most_ms >= 0 && most_ms < left_ms ? most_ms : (int)left_ms;
}

/* One poll.  Returns 1 when fd is ready, 0 when it is not yet, or a negated errno. */
static int look(int fd, short events, const struct weir__patience *patience, int most_ms)
{
    struct pollfd fds[] = {{.fd = fd, .events = events},
                           {.fd = patience->cancel_fd, .events = POLLIN}};
    int count = poll(fds, 2, time_left_ms(patience, most_ms));

    if (count > 0 && fds[0].revents != 0)
        return 1;
    if (count > 0 && fds[1].revents != 0)
        return -ECANCELED;
    if (patience->deadline_ns != 0 && weir__clock_ns() >= patience->deadline_ns)
        return -ETIMEDOUT;
    return 0;
}

int weir__peer_wait(int fd, short events, const struct weir__patience *patience)
{
    int found;

    do
        found = look(fd, events, patience, -1);
    while (found == 0);
    return found < 0 ? -found : 0;
}

/* Whether some process has the FIFO open for writing, although nothing has come yet: poll(2)
 * does not say.  tee(2) distinguishes the two and takes nothing out.  Where it is not available a
 * writer counts from its first byte on. */
static int has_writer(int fd)
{
#ifdef HAVE_SPLICE
    int scratch[2], found;

    if (weir__pipe(scratch, NULL) < 0)
        return 0;
    found = tee(fd, scratch[FD_WRITE_END], 1, SPLICE_F_NONBLOCK) < 0 && errno == EAGAIN;
    weir__close(&scratch[FD_READ_END]);
    weir__close(&scratch[FD_WRITE_END]);
    return found;
#else
    (void)fd;
    return 0;
#endif
}

/* Returns 0, ETIMEDOUT or ECANCELED. */
static int await_writer(int fd, const struct weir__patience *patience)
{
    int found = 0;

    while (found == 0 && !has_writer(fd))
        found = look(fd, POLLIN, patience, RETRY_MS);
    return found < 0 ? -found : 0;
}

static int is_fifo(const char *path)
{
    struct stat file;

    return stat(path, &file) == 0 && S_ISFIFO(file.st_mode);
}

int weir__peer_open(const char *path, int flags, const struct weir__patience *patience)
{
    struct stat file;
    int fd, failed = 0;

    /* A FIFO without a reader cannot be opened yet: ENXIO. */
    while ((fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) < 0 && errno == ENXIO
           && (flags & O_ACCMODE) == O_WRONLY && is_fifo(path)) {
        failed = look(-1, 0, patience, RETRY_MS);
        if (failed < 0) {
            errno = -failed;
            return -1;
        }
    }
    if (fd < 0 || weir__fd_above_stdio(&fd, NULL) < 0)
        return -1;
    if ((flags & O_ACCMODE) == O_RDONLY && fstat(fd, &file) == 0 && S_ISFIFO(file.st_mode))
        failed = await_writer(fd, patience);
    if (failed == 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0)
        failed = errno;
    if (failed != 0) {
        weir__close(&fd);
        errno = failed;
    }
    return fd;
}

int weir__peer_fail(struct weir_error *error, int failed, const char *verb, const char *path)
{
    int status;

    if (failed != ETIMEDOUT && failed != ECANCELED)
        return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot %s %.300s", verb, path);
    status = weir__fail(error, failed == ETIMEDOUT ? WEIR_ERR_TIMEOUT : WEIR_ERR_SYSTEM, 0,
                        "cannot %s %.300s: %s", verb, path,
                        failed == ETIMEDOUT
                            ? "the process at its other end did not come before the deadline"
                            : "stopped by a signal while waiting for the process at its other end");
    if (error != NULL)
        error->sys_errno = failed;
    return status;
}
