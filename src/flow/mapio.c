/* Where a map's records come from and where its outcomes go. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "flow/checkpoint.h"
#include "flow/map.h"

enum {
    READ_SIZE = 256 * 1024,
    FLUSH_SIZE = 64 * 1024, /* written when so much waits, or when nothing else is to do */
    FULL = 1024 * 1024,     /* so much waits for a slow reader: no more is taken */
    GENTLE = 4096,          /* see proc/relay.c */
};

static void can_read(void *data, int bits)
{
    struct weir_map *map = data;

    (void)bits;
    map->in_is_ready = 1;
    weir__map_pump(map);
}

static void can_write(void *data, int bits)
{
    struct weir_map *map = data;

    (void)bits;
    weir__mapio_flush(map);
    weir__map_pump(map);
}

static int open_input(struct weir_map *map, struct weir_error *error)
{
    const char *path = map->options.input;
    struct stat file;

    map->in_fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC)
                              : fcntl(map->options.input_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (map->in_fd < 0 || weir__fd_above_stdio(&map->in_fd, NULL) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read %s",
                          path != NULL ? path : "the input");
    map->in_size = -1;
    if (fstat(map->in_fd, &file) == 0 && S_ISDIR(file.st_mode))
        return weir__fail(error, WEIR_ERR_SYSTEM, EISDIR, "cannot read %s",
                          path != NULL ? path : "the input");
    if (fstat(map->in_fd, &file) == 0 && S_ISREG(file.st_mode))
        map->in_size = file.st_size;
    if (weir__watch_new(map->weir->loop, map->in_fd, 0, can_read, map, &map->in_watch, NULL) < 0)
        map->in_is_ready = 1; /* a file: it is always */
    return 0;
}

static int open_output(struct weir_map *map, struct weir_error *error)
{
    const char *path = map->options.output;
    struct stat file;

    map->out_fd = -1;
    if (path != NULL && map->options.checkpoint != NULL) {
        map->out_fd = weir__checkpoint_open(map, path);
        if (map->end.status != 0)
            return 0;
    } else if (path != NULL) {
        if (weir__outfile_open(&map->output, path, error) < 0)
            return WEIR_ERR_SYSTEM;
        map->out_fd = fcntl(map->output.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    } else {
        if (fstat(map->options.output_fd, &file) == 0 && !S_ISREG(file.st_mode)
            && !S_ISSOCK(file.st_mode))
            /* A description of our own, which may be non-blocking without anybody
             * else's becoming so. */
            map->out_fd = weir__fd_reopen(map->options.output_fd, O_WRONLY | O_NONBLOCK);
        map->out_is_shared = map->out_fd < 0;
        if (map->out_is_shared)
            map->out_fd = fcntl(map->options.output_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    if (map->out_fd < 0 || weir__fd_above_stdio(&map->out_fd, NULL) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %s",
                          path != NULL ? path : "the output");
    weir__watch_new(map->weir->loop, map->out_fd, 0, can_write, map, &map->out_watch, NULL);
    return 0;
}

static int open_letters(struct weir_map *map, struct weir_error *error)
{
    const char *path = map->options.dead_letter;

    map->letters_fd = map->options.checkpoint != NULL
                          ? weir__checkpoint_open(map, path)
                          : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (map->end.status != 0)
        return 0;
    if (map->letters_fd < 0 || weir__fd_above_stdio(&map->letters_fd, NULL) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %s", path);
    return 0;
}

int weir__mapio_open(struct weir_map *map, struct weir_error *error)
{
    int status = open_input(map, error);

    if (status == 0 && map->options.checkpoint != NULL)
        status = weir__checkpoint_load(map, error);
    if (map->end.status != 0 || map->was_finished)
        return status; /* the files are left alone */
    if (status == 0)
        status = open_output(map, error);
    if (status == 0 && map->end.status == 0 && map->options.dead_letter != NULL)
        status = open_letters(map, error);
    if (status == 0 && map->end.status == 0 && map->options.checkpoint != NULL)
        status = weir__checkpoint_resume(map, error);
    return status;
}

void weir__mapio_close(struct weir_map *map)
{
    weir__watch_close(&map->in_watch);
    weir__watch_close(&map->out_watch);
    weir__close(&map->in_fd);
    weir__close(&map->out_fd);
    weir__close(&map->letters_fd);
    weir__checkpoint_close(map);
    weir__outfile_discard(&map->output);
    weir__buffer_clear(&map->replies);
    weir__buffer_clear(&map->letters);
}

/* --- The input ------------------------------------------------------------ */

static int is_ready(struct weir_map *map)
{
    struct pollfd input = {.fd = map->in_fd, .events = POLLIN};

    return map->in_is_ready || poll(&input, 1, 0) > 0;
}

void weir__mapio_await(struct weir_map *map)
{
    if (map->in_watch != NULL)
        weir__watch_set(map->in_watch, map->in_is_wanted && !map->naps ? WEIR__READABLE : 0);
}

/* Reads once.  Returns 1 when something came, the end too; 0 for later. */
static int read_some(struct weir_map *map)
{
    size_t room;
    ssize_t count;
    char *to;

    map->in_is_wanted = !is_ready(map);
    if (map->in_is_wanted)
        return 0;
    room = weir__records_room(&map->records, READ_SIZE, &to);
    if (room == 0) {
        weir__map_end(map, 5, WEIR_WHY_NONE, "no memory to read the input");
        return 0;
    }
    do
        count = read(map->in_fd, to, room);
    while (count < 0 && errno == EINTR);
    /* A pipe or terminal is read once each time it is ready: its description may
     * be shared, and is never made non-blocking. */
    if (map->in_watch != NULL)
        map->in_is_ready = 0;
    if (count < 0 && errno == EAGAIN)
        return 0;
    if (count < 0) {
        weir__map_end(map, 5, WEIR_WHY_NONE, "cannot read the input: %s", strerror(errno));
        return 0;
    }
    weir__records_came(&map->records, (size_t)count);
    return 1;
}

int weir__mapio_next(struct weir_map *map, struct weir__record **record)
{
    struct weir__record *next;
    struct weir_error error;

    while (map->end.status == 0) {
        int status;

        if (weir__order_is_full(&map->order, map->options.reorder_bytes)
            || weir__mapio_is_full(map))
            return 0;
        status = weir__records_next(&map->records, &next, &error);
        if (status < 0) {
            weir__map_fail(map, &error);
            return 0;
        }
        if (status == 1 && map->ahead_count > 0 && weir__checkpoint_has(map, next->seq)) {
            if (weir__order_pass(&map->order, next, &error) < 0)
                weir__map_fail(map, &error);
            weir__records_give_back(&map->records, next);
            continue;
        }
        if (status == 1 && next->fault == NULL) {
            *record = next;
            return 1;
        }
        if (status == 1)
            weir__map_bury(map, next, next->fault, NULL, NULL);
        else if (map->records.ended || !read_some(map))
            return 0;
    }
    return 0;
}

/* --- The output ----------------------------------------------------------- */

static void say_failed(struct weir_map *map, int failed)
{
    if (failed == EPIPE)
        weir__map_end(map, 141, WEIR_WHY_NONE, "the reader of the output went away");
    else
        weir__map_end(map, 5, WEIR_WHY_NONE, "cannot write the output: %s", strerror(failed));
    map->out_failed = 1;
    map->replies.length = map->replies_written = 0;
}

static ssize_t write_once(struct weir_map *map, const char *bytes, size_t length)
{
    struct pollfd room = {.fd = map->out_fd, .events = POLLOUT};

    if (map->out_is_shared && map->out_watch != NULL) {
        if (poll(&room, 1, 0) <= 0) {
            errno = EAGAIN;
            return -1;
        }
        if (length > GENTLE)
            length = GENTLE;
    }
    return weir__write_no_sigpipe(map->out_fd, bytes, length);
}

static void flush_letters(struct weir_map *map)
{
    int failed = 0;

    if (map->letters.length > 0 && map->letters_fd >= 0)
        failed = weir__write_all(map->letters_fd, map->letters.bytes, map->letters.length);
    map->letters_written += map->letters.length;
    map->letters.length = 0;
    map->letters_failed |= failed != 0;
    if (failed != 0)
        weir__map_end(map, 5, WEIR_WHY_NONE, "cannot write %s: %s", map->options.dead_letter,
                      strerror(failed));
}

/* The rest moves to the front, or the buffer grows as long as it is never empty. */
static void drop_written(struct weir_map *map)
{
    size_t rest = map->replies.length - map->replies_written;

    if (map->replies_written < rest)
        return;
    memmove(map->replies.bytes, map->replies.bytes + map->replies_written, rest);
    map->replies.length = rest;
    map->replies_written = 0;
}

void weir__mapio_flush(struct weir_map *map)
{
    flush_letters(map);
    while (map->replies_written < map->replies.length) {
        ssize_t count = write_once(map, map->replies.bytes + map->replies_written,
                                   map->replies.length - map->replies_written);

        if (count >= 0) {
            map->replies_written += (size_t)count;
        } else if (errno == EAGAIN) {
            if (map->out_watch != NULL)
                weir__watch_set(map->out_watch, WEIR__WRITABLE);
            drop_written(map);
            return;
        } else if (errno != EINTR) {
            say_failed(map, errno);
            return;
        }
    }
    map->replies_written = map->replies.length = 0;
    if (map->out_watch != NULL)
        weir__watch_set(map->out_watch, 0);
}

int weir__mapio_is_full(const struct weir_map *map)
{
    return map->replies.length - map->replies_written >= FULL;
}

int weir__mapio_is_empty(const struct weir_map *map)
{
    return map->replies.length == map->replies_written && map->letters.length == 0;
}
