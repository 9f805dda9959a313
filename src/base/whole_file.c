#include "config.h"

#include "base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"

enum { PIECE = 64 * 1024 };

/* Reads before it waits: poll(2) says nothing of a FIFO whose writer had gone before it was opened,
 * whereas read(2) returns what is left, and then its end. */
static int read_all(int fd, size_t max, const struct weir__patience *patience,
                    struct weir__buffer *bytes)
{
    ssize_t count = 1;
    int failed = 0;

    while (count != 0 && failed == 0) {
        if (bytes->length > max)
            return EFBIG;
        if (weir__buffer_reserve(bytes, PIECE, NULL) < 0)
            return ENOMEM;
        count = read(fd, bytes->bytes + bytes->length, PIECE);
        if (count > 0)
            bytes->length += (size_t)count;
        else if (count < 0 && errno == EAGAIN)
            failed = weir__peer_wait(fd, POLLIN, patience);
        else if (count < 0 && errno != EINTR)
            failed = errno;
    }
    return failed;
}

int weir__whole_file_read(const char *path, size_t max, const struct weir__patience *patience,
                          struct weir__buffer *bytes)
{
    int fd = weir__peer_open(path, O_RDONLY, patience), failed;

    if (fd < 0)
        return errno;
    weir__fd_set_nonblocking(fd);
    failed = read_all(fd, max, patience, bytes);
    weir__close(&fd);
    return failed;
}
