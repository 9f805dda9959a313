#include "config.h"

#include "base/portable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/select.h>
#include <unistd.h>

#include "base/facility.h"

void weir__fd_close_on_exec(int fd)
{
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Systems that have accept4(2) have SOCK_CLOEXEC and pipe2(2), too. */
static int prepare(int fd, int is_nonblocking)
{
    if (fd < 0)
        return fd;
    weir__fd_close_on_exec(fd);
    if (is_nonblocking)
        ioctl(fd, FIONBIO, &(int){1});
#ifdef SO_NOSIGPIPE
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
    return fd;
}

int weir__socket(int domain, int type, int is_nonblocking)
{
#ifdef HAVE_ACCEPT4
    return socket(domain, type | SOCK_CLOEXEC | (is_nonblocking ? SOCK_NONBLOCK : 0), 0);
#else
    return prepare(socket(domain, type, 0), is_nonblocking);
#endif
}

int weir__socket_accept(int listening, struct sockaddr *peer, socklen_t *length, int is_nonblocking)
{
#ifdef HAVE_ACCEPT4
    if (weir__facility_works(WEIR__ACCEPT4)) {
        int fd =
            accept4(listening, peer, length, SOCK_CLOEXEC | (is_nonblocking ? SOCK_NONBLOCK : 0));

        if (fd >= 0 || errno == EAGAIN)
            return fd;
        weir__facility_failed(WEIR__ACCEPT4, errno);
    }
#endif
    return prepare(accept(listening, peer, length), is_nonblocking);
}

int weir__socket_pair(int type, int ends[2])
{
#ifdef HAVE_ACCEPT4
    return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends);
#else
    int status = socketpair(AF_UNIX, type, 0, ends);

    for (int i = 0; i < 2 && status == 0; i++)
        prepare(ends[i], 0);
    return status;
#endif
}

int weir__pipe_ends(int ends[2])
{
#ifdef HAVE_ACCEPT4
    return pipe2(ends, O_CLOEXEC);
#else
    int status = pipe(ends);

    for (int i = 0; i < 2 && status == 0; i++)
        weir__fd_close_on_exec(ends[i]);
    return status;
#endif
}

void weir__signal_take(int signal)
{
    sigset_t taken;
#ifdef HAVE_SIGTIMEDWAIT
    static const struct timespec at_once = {0};

    sigemptyset(&taken);
    sigaddset(&taken, signal);
    while (sigtimedwait(&taken, NULL, &at_once) < 0 && errno == EINTR)
        continue;
#else
    int number;

    if (sigpending(&taken) < 0 || !sigismember(&taken, signal))
        return;
    sigemptyset(&taken);
    sigaddset(&taken, signal);
    sigwait(&taken, &number);
#endif
}

int weir__poll_with(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                    const sigset_t *signals)
{
#ifdef HAVE_PPOLL
    return ppoll(fds, count, timeout, signals);
#else
    fd_set readable, writable;
    int highest = -1, ready;

    FD_ZERO(&readable);
    FD_ZERO(&writable);
    for (nfds_t i = 0; i < count; i++) {
        if (fds[i].fd < 0)
            continue;
        if (fds[i].fd >= FD_SETSIZE) {
            errno = EINVAL;
            return -1;
        }
        if (fds[i].events & POLLIN)
            FD_SET(fds[i].fd, &readable);
        if (fds[i].events & POLLOUT)
            FD_SET(fds[i].fd, &writable);
        highest = fds[i].fd > highest ? fds[i].fd : highest;
    }
    ready = pselect(highest + 1, &readable, &writable, NULL, timeout, signals);
    return ready > 0 ? poll(fds, count, 0) : ready;
#endif
}

int weir__sync(int fd)
{
#if defined F_FULLFSYNC
    return fcntl(fd, F_FULLFSYNC) == 0 ? 0
                                       : fsync(fd); /* fsync(2) alone stops at the disk's cache */
#else
    return fdatasync(fd);
#endif
}

int weir__random(void *bytes, size_t length)
{
    return getentropy(bytes, length);
}

void weir__wipe(void *bytes, size_t length)
{
    memset(bytes, 0, length);
    __asm__ volatile("" : : "r"(bytes) : "memory");
}

struct timespec weir__changed(const struct stat *file)
{
#ifdef __APPLE__
    return file->st_mtimespec;
#else
    return file->st_mtim;
#endif
}
