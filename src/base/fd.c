#include "config.h"

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#ifdef HAVE_PWRITEV2
#include <sys/uio.h>
#endif
#include <termios.h>
#include <unistd.h>

#include "base/error.h"
#include "base/facility.h"
#include "base/portable.h"
#include "base/procfs.h"

#if defined HAVE_PWRITEV2 && !defined RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100 /* since Linux 6.18; before, EOPNOTSUPP */
#endif

void weir__close(int *fd)
{
    int saved_errno = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved_errno;
}

int weir__fd_above_stdio(int *fd, struct weir_error *error)
{
    int moved;

    if (*fd > STDERR_FILENO)
        return 0;
    moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    weir__close(fd);
    if (moved < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot move a descriptor above 2");
    *fd = moved;
    return 0;
}

int weir__pty_open(int *ours, int *childs, struct weir_error *error)
{
    struct termios modes;
    char name[64];
    int failed;

    *childs = -1;
    *ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*ours >= 0 && grantpt(*ours) == 0 && unlockpt(*ours) == 0
        && ptsname_r(*ours, name, sizeof name) == 0)
        *childs = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*childs >= 0 && tcgetattr(*childs, &modes) == 0) {
        cfmakeraw(&modes);
        if (tcsetattr(*childs, TCSANOW, &modes) == 0 && weir__fd_above_stdio(ours, NULL) == 0
            && weir__fd_above_stdio(childs, NULL) == 0)
            return 0;
    }
    failed = errno;
    weir__close(ours);
    weir__close(childs);
    return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot open a pseudo-terminal");
}

int weir__pty_resize(int master, int rows, int columns)
{
    struct winsize size = {
        .ws_row = (unsigned short)(rows > 0 ? rows : 24),
        .ws_col = (unsigned short)(columns > 0 ? columns : 80),
    };

    return ioctl(master, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int weir__pty_open_master(int *master, int rows, int columns, int echoes, int returns,
                          struct weir_error *error)
{
    struct termios modes;
    int failed;

    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*master >= 0 && grantpt(*master) == 0 && unlockpt(*master) == 0
        && weir__pty_resize(*master, rows, columns) == 0 && tcgetattr(*master, &modes) == 0) {
        if (!echoes)
            modes.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
        if (!returns)
            modes.c_oflag &= ~(tcflag_t)ONLCR;
        if (tcsetattr(*master, TCSANOW, &modes) == 0 && weir__fd_above_stdio(master, NULL) == 0) {
            weir__fd_set_nonblocking(*master);
            return 0;
        }
    }
    failed = errno;
    weir__close(master);
    return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot open a pseudo-terminal");
}

int weir__fd_open_for_child(const char *path, int flags, struct weir_error *error)
{
    int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);

    if (fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot open %.300s for %s", path,
                          (flags & O_ACCMODE) == O_RDONLY ? "reading" : "writing");
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return weir__fd_above_stdio(&fd, error) < 0 ? WEIR_ERR_SYSTEM : fd;
}

int weir__pipe(int ends[2], struct weir_error *error)
{
    int status;

    if (weir__pipe_ends(ends) < 0) {
        ends[FD_READ_END] = ends[FD_WRITE_END] = -1;
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot open a pipe");
    }
    status = weir__fd_above_stdio(&ends[FD_READ_END], error);
    if (status == 0)
        status = weir__fd_above_stdio(&ends[FD_WRITE_END], error);
    if (status < 0) {
        weir__close(&ends[FD_READ_END]);
        weir__close(&ends[FD_WRITE_END]);
    }
    return status;
}

int weir__fd_may(int fd, int mode)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && ((flags & O_ACCMODE) == O_RDWR || (flags & O_ACCMODE) == mode);
}

int weir__fd_is_same(int a, int b)
{
    struct stat first, second;

    if (fstat(a, &first) < 0 || fstat(b, &second) < 0 || first.st_dev != second.st_dev
        || first.st_ino != second.st_ino)
        return 0;
    if (!S_ISREG(first.st_mode))
        return 1;
    return (fcntl(a, F_GETFL) & fcntl(b, F_GETFL) & O_APPEND) != 0
           || lseek(a, 0, SEEK_CUR) == lseek(b, 0, SEEK_CUR);
}

void weir__fd_set_nonblocking(int fd)
{
    ioctl(fd, FIONBIO, &(int){1}); /* fcntl(2) would take two calls */
}

int weir__fd_reopen(int fd, int flags)
{
    char path[64];

    /* Elsewhere /dev/fd, where it exists, gives the same description again. */
    if (!weir__proc_is_ours()) {
        errno = ENOSYS;
        return -1;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags | O_CLOEXEC | O_NOCTTY);
}

int weir__fd_of_directory(const char *path)
{
#ifdef WEIR_LINUX
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
#else
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
#endif
}

size_t weir__pipe_resize(int fd, size_t size)
{
#ifdef WEIR_LINUX
    int got = fcntl(fd, F_SETPIPE_SZ, (int)size);

    return got > 0 ? (size_t)got : 0;
#else
    (void)fd;
    (void)size;
    return 0;
#endif
}

struct held {
    sigset_t before;
    int was_pending;
};

static void hold_sigpipe(struct held *held)
{
    sigset_t sigpipe, waiting;

    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe, &held->before);
    held->was_pending = 0;
    if (!sigismember(&held->before, SIGPIPE))
        return; /* it would have been delivered: none can wait */
    sigpending(&waiting);
    held->was_pending = sigismember(&waiting, SIGPIPE);
}

/* Takes back the signal that a call which returned count left; keeps errno. */
static void release_sigpipe(const struct held *held, ssize_t count)
{
    int saved_errno = errno;

    if (count < 0 && saved_errno == EPIPE && !held->was_pending) {
        weir__signal_take(SIGPIPE);
    }
    pthread_sigmask(SIG_SETMASK, &held->before, NULL);
    errno = saved_errno;
}

ssize_t weir__write_no_sigpipe_portable(int fd, const void *bytes, size_t length)
{
    struct held held;
    ssize_t count;

    hold_sigpipe(&held);
    count = write(fd, bytes, length);
    release_sigpipe(&held, count);
    return count;
}

ssize_t weir__write_no_sigpipe(int fd, const void *bytes, size_t length)
{
#ifdef HAVE_PWRITEV2
    if (weir__facility_works(WEIR__WRITE_NO_SIGNAL)) {
        struct iovec all = {.iov_base = (void *)bytes, .iov_len = length};
        ssize_t count = pwritev2(fd, &all, 1, -1, RWF_NOSIGNAL);
        int failed = errno;

        if (count >= 0 || failed == EAGAIN || failed == EINTR || failed == EPIPE)
            return count;
        count = weir__write_no_sigpipe_portable(fd, bytes, length);
        if (count >= 0) /* it was not the file that failed */
            weir__facility_failed(WEIR__WRITE_NO_SIGNAL, failed);
        return count;
    }
#endif
    return weir__write_no_sigpipe_portable(fd, bytes, length);
}

ssize_t weir__splice_no_sigpipe(int from, int to, size_t length)
{
#ifdef HAVE_SPLICE
    struct held held;
    ssize_t count;

    if (!weir__facility_works(WEIR__SPLICE)) {
        errno = ENOSYS;
        return -1;
    }
    hold_sigpipe(&held);
    count = splice(from, NULL, to, NULL, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    release_sigpipe(&held, count);
    if (count < 0 && errno != EAGAIN && errno != EPIPE)
        weir__facility_failed(WEIR__SPLICE, errno);
    return count;
#else
    (void)from;
    (void)to;
    (void)length;
    errno = ENOSYS;
    return -1;
#endif
}

int weir__write_all(int fd, const void *bytes, size_t length)
{
    const char *next = bytes;

    while (length > 0) {
        ssize_t count = weir__write_no_sigpipe(fd, next, length);

        if (count >= 0) {
            next += count;
            length -= (size_t)count;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};

            poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static int fill(int fd, const void *bytes, size_t length, struct weir_error *error)
{
    int failed = weir__write_all(fd, bytes, length);

    if (failed == 0 && lseek(fd, 0, SEEK_SET) < 0)
        failed = errno;
    if (failed != 0) {
        close(fd);
        return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot hold %zu bytes in a file",
                          length);
    }
    return fd;
}

int weir__fd_of_bytes_portable(const void *bytes, size_t length, struct weir_error *error)
{
    const char *dir = getenv("TMPDIR");
    char path[1024];
    int fd;

    snprintf(path, sizeof path, "%s/weir-XXXXXX", dir != NULL && *dir != '\0' ? dir : "/tmp");
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot make a temporary file %s", path);
    unlink(path);
    if (weir__fd_above_stdio(&fd, error) < 0)
        return WEIR_ERR_SYSTEM;
    return fill(fd, bytes, length, error);
}

int weir__fd_of_bytes(const void *bytes, size_t length, struct weir_error *error)
{
#ifdef HAVE_MEMFD_CREATE
    int fd = -1;

    if (weir__facility_works(WEIR__MEMFD)) {
        fd = memfd_create("weir", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
            weir__facility_failed(WEIR__MEMFD, errno);
    }
    if (fd >= 0) {
        if (weir__fd_above_stdio(&fd, error) < 0)
            return WEIR_ERR_SYSTEM;
        fd = fill(fd, bytes, length, error);
        if (fd >= 0)
            fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
        return fd;
    }
#endif
    return weir__fd_of_bytes_portable(bytes, length, error);
}

void weir__close_from_portable(int first)
{
    long limit = sysconf(_SC_OPEN_MAX);
    DIR *dir = weir__proc_list_of(WEIR__PROC_THIS_THREAD,
                                  "fd"); /* /dev/fd may list what is not open, and not what is */

    if (dir != NULL) {
        struct dirent *entry;

        /* Closing what is listed does not disturb the listing: it goes by number. */
        while ((entry = readdir(dir)) != NULL) {
            int fd = atoi(entry->d_name);

            if (fd >= first && fd != dirfd(dir))
                close(fd);
        }
        closedir(dir);
        return;
    }
    for (int fd = first; fd < (limit > 0 ? limit : 1024); fd++)
        close(fd);
}

void weir__close_from(int first)
{
#ifdef HAVE_CLOSE_RANGE
    if (weir__facility_works(WEIR__CLOSE_RANGE)) {
        if (close_range((unsigned)first, ~0U, 0) == 0)
            return;
        weir__facility_failed(WEIR__CLOSE_RANGE, errno);
    }
#endif
    weir__close_from_portable(first);
}
