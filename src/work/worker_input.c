#include "config.h"

#include "work/worker_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"

void weir__worker_drop_input(struct weir__worker *worker)
{
    weir__watch_close(&worker->in_watch);
    weir__close(&worker->in_fd);
    weir__buffer_clear(&worker->sending);
    worker->sent = 0;
}

void weir__worker_watch_input(struct weir__worker *worker)
{
    int bits = (worker->is_deaf ? 0 : WEIR__GONE)
               | (worker->sent < worker->sending.length ? WEIR__WRITABLE : 0);

    if (worker->in_watch != NULL)
        weir__watch_set(worker->in_watch, worker->is_coalescing ? 0 : bits);
}

size_t weir__worker_unread(const struct weir__worker *worker)
{
    int fd = worker->in_fd >= 0 ? worker->in_fd : worker->peek_fd, piped = 0;

    if (fd < 0 || worker->is_pair || ioctl(fd, FIONREAD, &piped) < 0)
        piped = 0;
    return worker->sending.length - worker->sent + (size_t)piped;
}

/* The contents of the pipe are lost with its last descriptor: this one keeps them. */
static void keep_peeking(struct weir__worker *worker)
{
    worker->peek_fd = weir__fd_reopen(worker->in_fd, O_RDONLY | O_NONBLOCK);
    if (worker->peek_fd >= 0)
        weir__fd_above_stdio(&worker->peek_fd, NULL);
}

void weir__worker_end_input(struct weir__worker *worker)
{
    worker->left_unread += weir__worker_unread(worker);
    weir__worker_drop_input(worker);
    weir__close(&worker->peek_fd);
}

/* No process will read its input any more. */
static void refuse(struct weir__worker *worker)
{
    worker->has_refused = 1;
    weir__worker_end_input(worker);
    if (worker->ops->on_cut_off != NULL)
        worker->ops->on_cut_off(worker->owner);
}

int weir__worker_is_deaf(const struct weir__worker *worker)
{
    struct pollfd input = {.fd = worker->in_fd};

    return poll(&input, 1, 0) > 0 && (input.revents & POLLERR) != 0;
}

void weir__worker_flush(struct weir__worker *worker)
{
    while (worker->in_fd >= 0 && worker->sent < worker->sending.length) {
        ssize_t count = weir__write_no_sigpipe(worker->in_fd, worker->sending.bytes + worker->sent,
                                               worker->sending.length - worker->sent);

        if (count >= 0) {
            worker->sent += (size_t)count;
        } else if (errno == EAGAIN) {
            weir__worker_watch_input(worker);
            return;
        } else if (errno != EINTR) {
            refuse(worker);
            return;
        }
    }
    worker->sent = worker->sending.length = 0;
    weir__worker_watch_input(worker);
    if (worker->close_when_sent && worker->in_fd >= 0) {
        keep_peeking(worker);
        weir__worker_drop_input(worker);
    }
}

void weir__worker_can_write(void *data, int bits)
{
    struct weir__worker *worker = data;

    (void)bits;
    if (weir__worker_unsent(worker) == 0 && weir__worker_is_deaf(worker)) {
        /* It may still answer what it has read. The rest was written before it closed its end,
         * or while its parent had that open, too. */
        worker->is_deaf = 1;
        if (weir__worker_unread(worker) > 0)
            refuse(worker);
        else
            weir__worker_watch_input(worker);
        return;
    }
    weir__worker_flush(worker);
    if (worker->sending.length == 0)
        worker->ops->on_room(worker->owner);
}

int weir__worker_send(struct weir__worker *worker, const char *bytes, size_t length)
{
    if (worker->in_fd < 0)
        return 0; /* it reads no more */
    if (worker->sent > 0 && worker->sent >= weir__worker_unsent(worker)) {
        worker->sending.length -= worker->sent; /* otherwise a buffer that is never empty would
                                                 * grow forever */
        memmove(worker->sending.bytes, worker->sending.bytes + worker->sent,
                worker->sending.length);
        worker->sent = 0;
    }
    worker->all_sent += length;
    return weir__buffer_add(&worker->sending, bytes, length, NULL);
}

int weir__worker_has_read(const struct weir__worker *worker)
{
    return worker->all_sent > weir__worker_unread(worker);
}

size_t weir__worker_unsent(const struct weir__worker *worker)
{
    return worker->sending.length - worker->sent;
}

void weir__worker_close_input(struct weir__worker *worker)
{
    if (worker->state == WEIR__WORKER_ALIVE)
        worker->state = WEIR__WORKER_CLOSING;
    worker->close_when_sent = 1;
    weir__worker_flush(worker);
}
