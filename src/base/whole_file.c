#include "config.h"

#include "base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"

enum { PIECE = 64 * 1024 };

/* A nonblocking descriptor is read before it is waited for: poll(2) says nothing of a FIFO whose
 * writer had gone before it was opened, whereas read(2) returns what is left, and then its end. */
int weir__whole_file_take(int fd, size_t max, const struct weir__whole_file_wait *wait,
                          struct weir__buffer *bytes)
{
    int blocks = (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0, failed = 0;
    ssize_t count = 1;

    while (count != 0 && failed == 0) {
        if (bytes->length > max)
            return EFBIG;
        if (weir__buffer_reserve(bytes, PIECE, NULL) < 0)
            return ENOMEM;
        if (blocks && (failed = wait->readable(fd, wait->context)) != 0)
            return failed;
        count = read(fd, bytes->bytes + bytes->length, PIECE);
        if (count > 0)
            bytes->length += (size_t)count;
        else if (count < 0 && errno == EAGAIN)
            failed = wait->readable(fd, wait->context);
        else if (count < 0 && errno != EINTR)
            failed = errno;
    }
    return failed;
}

static int await_peer(int fd, const void *context)
{
    return weir__peer_wait(fd, POLLIN, context);
}

int weir__whole_file_read(const char *path, size_t max, const struct weir__patience *patience,
                          struct weir__buffer *bytes)
{
    const struct weir__whole_file_wait wait = {await_peer, patience};
    int fd = weir__peer_open(path, O_RDONLY, patience), failed;

    if (fd < 0)
        return errno;
    weir__fd_set_nonblocking(fd);
    failed = weir__whole_file_take(fd, max, &wait, bytes);
    weir__close(&fd);
    return failed;
}
