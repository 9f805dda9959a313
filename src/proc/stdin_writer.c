#include "config.h"

#include "proc/stdin_writer.h"

#include <errno.h>
#include <sys/types.h>

#include "base/fd.h"

static void write_some(void *data, int bits)
{
    struct weir__stdin_writer *writer = data;

    (void)bits;
    while (writer->left > 0) {
        ssize_t count = weir__write_no_sigpipe(writer->fd, writer->bytes, writer->left);

        if (count >= 0) {
            writer->bytes += count;
            writer->left -= (size_t)count;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            break; /* EPIPE: it wants no more, which is its right */
        }
    }
    weir__stdin_writer_close(writer);
}

int weir__stdin_writer_start(struct weir__stdin_writer *writer, weir__loop *loop, int fd,
                             const void *bytes, size_t length, struct weir_error *error)
{
    int status;

    writer->fd = fd;
    writer->bytes = bytes;
    writer->left = length;
    status = weir__watch_new(loop, fd, WEIR__WRITABLE, write_some, writer, &writer->watch, error);
    if (status < 0)
        weir__close(&writer->fd);
    else
        write_some(writer, WEIR__WRITABLE); /* a small input is done with at once */
    return status;
}

void weir__stdin_writer_close(struct weir__stdin_writer *writer)
{
    if (writer->watch == NULL)
        return;
    weir__watch_close(&writer->watch);
    weir__close(&writer->fd);
}
