#include "config.h"

#include "work/stderr_forwarder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/printable.h"

enum { FULL = 64 * 1024, GENTLE = 4096, NAME_SIZE = 300 }; /* GENTLE: see proc/relay.c */

static void write_some(struct weir__passer *passer)
{
    int was_full = weir__passer_is_full(passer);

    while (passer->written < passer->waiting.length) {
        struct pollfd room = {.fd = passer->fd, .events = POLLOUT};
        size_t length = passer->waiting.length - passer->written;
        ssize_t count;

        if (passer->watch != NULL && poll(&room, 1, 0) <= 0)
            break;
        if (passer->watch != NULL && length > GENTLE)
            length = GENTLE;
        count = weir__write_no_sigpipe(passer->fd, passer->waiting.bytes + passer->written, length);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        /* Nobody there to tell any more: it is still kept for the report. */
        passer->written += count >= 0 ? (size_t)count : passer->waiting.length - passer->written;
    }
    if (passer->written == passer->waiting.length)
        passer->written = passer->waiting.length = 0;
    if (passer->watch != NULL)
        weir__watch_set(passer->watch, passer->waiting.length > 0 ? WEIR__WRITABLE : 0);
    if (was_full && !weir__passer_is_full(passer))
        passer->on_room(passer->owner);
}

static void room_came(void *data, int bits)
{
    struct weir__passer *passer = data;

    (void)bits;
    write_some(passer);
    if (weir__passer_is_empty(passer))
        passer->on_empty(passer->owner);
}

int weir__passer_start(struct weir__passer *passer, weir__loop *loop, int fd,
                       struct weir_error *error)
{
    struct weir_error why;

    passer->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
    if (passer->fd < 0) /* the host has none */
        return 0;
    passer->is_terminal = isatty(fd);
    if (weir__watch_new(loop, passer->fd, 0, room_came, passer, &passer->watch, &why) == 0
        || why.sys_errno == EPERM) /* a regular file takes all at once */
        return 0;
    weir__close(&passer->fd);
    if (error != NULL)
        *error = why;
    return why.status;
}

void weir__passer_close(struct weir__passer *passer)
{
    weir__watch_close(&passer->watch);
    weir__close(&passer->fd);
    weir__buffer_clear(&passer->waiting);
    passer->written = 0;
}

int weir__passer_is_full(const struct weir__passer *passer)
{
    return passer->waiting.length - passer->written >= FULL;
}

int weir__passer_is_empty(const struct weir__passer *passer)
{
    return passer->waiting.length == passer->written;
}

void weir__passer_add(struct weir__passer *passer, const char *bytes, size_t length)
{
    if (passer->fd < 0)
        return;
    weir__buffer_add(&passer->waiting, bytes, length, NULL);
    write_some(passer);
}

void weir__passer_add_line(struct weir__passer *passer, const char *name, const char *line,
                           size_t length)
{
    char shown[NAME_SIZE];

    if (passer->fd < 0)
        return;
    weir__buffer_add(&passer->waiting, shown, weir__sentence(shown, sizeof shown, "%.200s: ", name),
                     NULL);
    weir__buffer_add(&passer->waiting, line, length, NULL);
    weir__passer_add(passer, "\n", 1);
}
