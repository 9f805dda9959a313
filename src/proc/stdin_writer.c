#include "config.h"

#include "proc/stdin_writer.h"

#include <errno.h>
#include <sys/types.h>
#include <termios.h>

#include "base/fd.h"

/* Returns how many bytes were written; *closed: it wants no more, which is its right. */
static size_t write_what_fits(int fd, const char *bytes, size_t length, int *closed)
{
    size_t written = 0;

    *closed = 0;
    while (written < length) {
        ssize_t count = weir__write_no_sigpipe(fd, bytes + written, length - written);

        if (count >= 0)
            written += (size_t)count;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            *closed = 1;
        if (*closed)
            break;
    }
    return written;
}

static size_t write_next(struct weir__stdin_writer *writer, const char *bytes, size_t length,
                         int *closed)
{
    size_t written = write_what_fits(writer->fd, bytes, length, closed);

    if (written > 0)
        writer->is_mid_line = bytes[written - 1] != '\n';
    return written;
}

/* A program reads a line, or with this character what there is of one: then it takes a second to
 * be the end.  Returns 1 when it is written, or cannot be. */
static int write_end(struct weir__stdin_writer *writer)
{
    struct termios modes;
    char end[2];
    int closed;

    if (tcgetattr(writer->fd, &modes) < 0 || !(modes.c_lflag & ICANON))
        return 1; /* it reads keys: no key is an end */
    end[0] = end[1] = (char)modes.c_cc[VEOF];
    if (writer->is_mid_line && write_what_fits(writer->fd, end, 1, &closed) == 0 && !closed)
        return 0;
    writer->is_mid_line = 0;
    return write_what_fits(writer->fd, end, 1, &closed) == 1 || closed;
}

static void write_some(void *data, int bits)
{
    struct weir__stdin_writer *writer = data;
    int closed;
    size_t written;

    (void)bits;
    if (writer->is_ending) {
        weir__stdin_writer_end(writer);
        return;
    }
    if (writer->on_room != NULL) {
        weir__watch_set(writer->watch, 0);
        writer->on_room(writer->owner);
        return;
    }
    written = write_next(writer, writer->bytes, writer->left, &closed);
    writer->bytes += written;
    writer->left -= written;
    if (closed)
        weir__stdin_writer_close(writer);
    else if (writer->left == 0)
        weir__stdin_writer_end(writer);
}

int weir__stdin_writer_start(struct weir__stdin_writer *writer, weir__loop *loop, int fd,
                             const void *bytes, size_t length, struct weir_error *error)
{
    int status;

    writer->fd = fd;
    writer->bytes = bytes;
    writer->left = length;
    status = weir__watch_new(loop, fd, writer->on_room == NULL ? WEIR__WRITABLE : 0, write_some,
                             writer, &writer->watch, error);
    if (status < 0)
        weir__close(&writer->fd);
    else if (writer->on_room == NULL)
        write_some(writer, WEIR__WRITABLE); /* a small input is done with at once */
    return status;
}

int weir__stdin_writer_is_open(const struct weir__stdin_writer *writer)
{
    return writer->watch != NULL && !writer->is_ending;
}

size_t weir__stdin_writer_write(struct weir__stdin_writer *writer, const char *bytes, size_t length)
{
    int closed;
    size_t written = write_next(writer, bytes, length, &closed);

    if (closed)
        weir__stdin_writer_close(writer);
    else if (written < length)
        weir__watch_set(writer->watch, WEIR__WRITABLE);
    return written;
}

void weir__stdin_writer_end(struct weir__stdin_writer *writer)
{
    if (writer->watch == NULL)
        return;
    if (writer->is_terminal && !write_end(writer)) {
        writer->is_ending = 1;
        weir__watch_set(writer->watch, WEIR__WRITABLE);
        return;
    }
    weir__stdin_writer_close(writer);
}

void weir__stdin_writer_close(struct weir__stdin_writer *writer)
{
    if (writer->watch == NULL)
        return;
    weir__watch_close(&writer->watch);
    weir__close(&writer->fd);
}
