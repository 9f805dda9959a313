#include "config.h"

#include "proc/stdin_writer.h"

#include <errno.h>
#include <sys/types.h>

#include "base/fd.h"

static void write_some(void *data, int bits)
{
    struct weir__feed *feed = data;

    (void)bits;
    while (feed->left > 0) {
        ssize_t count = weir__write_no_sigpipe(feed->fd, feed->bytes, feed->left);

        if (count >= 0) {
            feed->bytes += count;
            feed->left -= (size_t)count;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            break; /* EPIPE: it wants no more, which is its right */
        }
    }
    weir__feed_close(feed);
}

int weir__feed_start(struct weir__feed *feed, weir__loop *loop, int fd, const void *bytes,
                     size_t length, struct weir_error *error)
{
    int status;

    feed->fd = fd;
    feed->bytes = bytes;
    feed->left = length;
    status = weir__watch_new(loop, fd, WEIR__WRITABLE, write_some, feed, &feed->watch, error);
    if (status < 0)
        weir__close(&feed->fd);
    else
        write_some(feed, WEIR__WRITABLE); /* a small input is done with at once */
    return status;
}

void weir__feed_close(struct weir__feed *feed)
{
    if (feed->watch == NULL)
        return;
    weir__watch_close(&feed->watch);
    weir__close(&feed->fd);
}
