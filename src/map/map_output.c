#include "config.h"

#include "map/map_output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "map/each.h"
#include "map/map.h"

enum {
    GENTLE = 4096, /* see proc/relay.c */
};

/* --- Opening -------------------------------------------------------------- */

static void can_write(void *data, int bits)
{
    struct weir_map *map = data;

    (void)bits;
    weir__map_output_flush(map);
    map->changed(map);
}

static int open_output(struct weir_map *map, struct weir_error *error)
{
    const char *path = map->options.output;
    struct stat file;

    map->out.fd = -1;
    if (path != NULL && map->options.checkpoint != NULL) {
        map->out.fd = weir__checkpoint_open(map, path);
        if (map->end.status != 0)
            return 0;
    } else if (path != NULL) {
        struct weir__patience patience = weir__patience_of(map->options.timeout_ms);
        int status = weir__atomic_file_open(&map->out.file, path, &patience, error);

        if (status < 0)
            return status;
        if (map->out.file.dir < 0) /* a FIFO or terminal: the description is ours */
            weir__fd_set_nonblocking(map->out.file.fd);
        map->out.fd = fcntl(map->out.file.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    } else if (!weir__fd_may(map->options.output_fd, O_WRONLY)) {
        errno = EBADF; /* closed when weir started, or read-only */
    } else {
        if (fstat(map->options.output_fd, &file) == 0 && !S_ISREG(file.st_mode)
            && !S_ISSOCK(file.st_mode))
            /* An own description, which may be non-blocking without affecting others. */
            map->out.fd = weir__fd_reopen(map->options.output_fd, O_WRONLY | O_NONBLOCK);
        map->out.is_shared = map->out.fd < 0;
        if (map->out.is_shared)
            map->out.fd = fcntl(map->options.output_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    if (map->out.fd < 0 || weir__fd_above_stdio(&map->out.fd, NULL) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %s",
                          path != NULL ? path : "the output");
    weir__watch_new(map->operation.weir->loop, map->out.fd, 0, can_write, map, &map->out.watch,
                    NULL);
    return 0;
}

int weir__map_output_open(struct weir_map *map, struct weir_error *error)
{
    int status = map->feed.feed == NULL ? open_output(map, error) : 0;

    if (status == 0 && map->end.status == 0)
        status = weir__dead_letters_open(map, error);
    return status;
}

void weir__map_output_close(struct weir_map *map)
{
    weir__watch_close(&map->out.watch);
    weir__close(&map->out.fd);
    weir__atomic_file_discard(&map->out.file);
    weir__buffer_clear(&map->out.replies);
    weir__dead_letters_close(map);
}

/* --- Writing -------------------------------------------------------------- */

static void report_failure(struct weir_map *map, int failed)
{
    if (failed == EPIPE)
        weir__map_end(map, 141, WEIR_STOP_NONE, "the reader closed the output");
    else
        weir__map_end(map, 5, WEIR_STOP_NONE, "cannot write the output: %s", strerror(failed));
    map->out.failed = 1;
    map->out.replies.length = map->out.written = 0;
}

static ssize_t write_once(struct weir_map *map, const char *bytes, size_t length)
{
    struct pollfd room = {.fd = map->out.fd, .events = POLLOUT};

    if (map->out.is_shared && map->out.watch != NULL) {
        if (poll(&room, 1, 0) <= 0) {
            errno = EAGAIN;
            return -1;
        }
        if (length > GENTLE)
            length = GENTLE;
    }
    return weir__write_no_sigpipe(map->out.fd, bytes, length);
}

/* Moves the rest to the front; otherwise a buffer that is never empty would grow forever. */
static void drop_written(struct weir_map *map)
{
    size_t rest = map->out.replies.length - map->out.written;

    if (map->out.written < rest)
        return;
    memmove(map->out.replies.bytes, map->out.replies.bytes + map->out.written, rest);
    map->out.replies.length = rest;
    map->out.written = 0;
}

/* Writes the replies. Returns 0 if some are left. */
static int write_replies(struct weir_map *map)
{
    if (map->feed.feed != NULL)
        return weir__map_feed_pass(map, 0);
    while (map->out.written < map->out.replies.length) {
        ssize_t count = write_once(map, map->out.replies.bytes + map->out.written,
                                   map->out.replies.length - map->out.written);

        if (count >= 0) {
            map->out.written += (size_t)count;
            map->out.sent += (size_t)count;
        } else if (errno == EAGAIN) {
            if (map->out.watch != NULL)
                weir__watch_set(map->out.watch, WEIR__WRITABLE);
            drop_written(map);
            return 0;
        } else if (errno != EINTR) {
            report_failure(map, errno);
            return 0;
        }
    }
    map->out.written = map->out.replies.length = 0;
    return 1;
}

void weir__map_output_flush(struct weir_map *map)
{
    struct weir_error error;
    int status;

    do {
        weir__dead_letters_flush(map);
        if (!write_replies(map))
            return;
        status = weir__reorder_release(&map->reorder, &error);
        if (map->each != NULL && weir__each_write(map))
            status = 1;
    } while (status == 1);
    if (status < 0)
        weir__map_fail(map, &error);
    if (map->out.watch != NULL)
        weir__watch_set(map->out.watch, 0);
}

int weir__map_output_is_full(const struct weir_map *map)
{
    return map->out.replies.length >= WEIR__OUTPUT_FULL
           || map->out.letters.waiting.length >= WEIR__OUTPUT_FULL;
}

int weir__map_output_is_empty(const struct weir_map *map)
{
    /* With stderr, results cannot be passed on at the end. */
    if (map->feed.feed != NULL && map->each != NULL
        && (map->out.replies.length > 0 || weir__reorder_is_ready(&map->reorder)))
        return 0;
    return (map->feed.feed != NULL || map->out.replies.length == map->out.written)
           && (map->each == NULL || map->each->first == NULL)
           && weir__dead_letters_are_written(map);
}
