#include "config.h"

#include "map/map_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "map/map.h"

enum {
    READ_SIZE = 128 * 1024,
    TURN_SIZE = 32 * READ_SIZE,
    AHEAD_SIZE = 512 * 1024,
    AHEAD_MS = 100, /* initially, then doubled */
    AHEAD_STEPS = 9,
};

static void can_read(void *data, int bits)
{
    struct weir_map *map = data;

    (void)bits;
    map->changed(map);
}

int weir__map_input_open(struct weir_map *map, struct weir_error *error)
{
    const char *path = map->options.input;
    struct stat file;

    map->in.size = -1;
    if (map->feed.feed != NULL)
        return weir__map_feed_open(map, error);
    /* Non-blocking: a FIFO without a writer would block the map and its deadlines. */
    if (path == NULL && !weir__fd_may(map->options.input_fd, O_RDONLY))
        return weir__fail(error, WEIR_ERR_SYSTEM, EBADF, "cannot read the input");
    map->in.fd = path != NULL ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
                              : fcntl(map->options.input_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (map->in.fd < 0 || weir__fd_above_stdio(&map->in.fd, NULL) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read %s",
                          path != NULL ? path : "the input");
    if (fstat(map->in.fd, &file) == 0 && S_ISDIR(file.st_mode))
        return weir__fail(error, WEIR_ERR_SYSTEM, EISDIR, "cannot read %s",
                          path != NULL ? path : "the input");
    if (fstat(map->in.fd, &file) == 0 && S_ISREG(file.st_mode))
        map->in.size = file.st_size;
    weir__watch_new(map->operation.weir->loop, map->in.fd, 0, can_read, map, &map->in.watch, NULL);
    return 0;
}

void weir__map_input_close(struct weir_map *map)
{
    weir__map_feed_close(map);
    weir__watch_close(&map->in.watch);
    weir__close(&map->in.fd);
    weir__record_reader_clear(&map->in.reader);
    free(map->in.unsent);
    map->in.unsent = NULL;
    weir__record_queue_clear(&map->in.returned);
}

/* A file is always ready. A pipe or terminal is polled before each read: its description may be
 * shared and is never made non-blocking, and another callback may have read the data meanwhile. */
static int is_ready(const struct weir_map *map)
{
    struct pollfd input = {.fd = map->in.fd, .events = POLLIN};

    return map->in.watch == NULL || poll(&input, 1, 0) > 0;
}

void weir__map_input_await(struct weir_map *map, int asleep)
{
    if (map->in.watch != NULL)
        weir__watch_set(map->in.watch, map->in.is_wanted && !asleep ? WEIR__READABLE : 0);
}

/* Reads once. Returns 1 if data or the end came; 0: later. */
static int read_some(struct weir_map *map)
{
    size_t room;
    ssize_t count;
    char *to;

    if (map->feed.feed != NULL)
        return weir__map_feed_read(map);
    map->in.is_wanted = !is_ready(map);
    if (map->in.is_wanted)
        return 0;
    map->in.is_behind = map->in.turn_bytes >= TURN_SIZE;
    if (map->in.is_behind)
        return 0;
    room = weir__record_reader_room(&map->in.reader, READ_SIZE, &to);
    if (room == 0) {
        weir__map_end(map, 5, WEIR_STOP_NONE, "no memory to read the input");
        return 0;
    }
    do
        count = read(map->in.fd, to, room);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN)
        return 0;
    if (count < 0) {
        weir__map_end(map, 5, WEIR_STOP_NONE, "cannot read the input: %s", strerror(errno));
        return 0;
    }
    weir__record_reader_advance(&map->in.reader, (size_t)count);
    map->in.turn_bytes += (size_t)count;
    return 1;
}

void weir__map_input_turn(struct weir_map *map)
{
    map->in.turn_bytes = 0;
    map->in.is_behind = 0;
}

/* How much may wait for a record: little at first, as most are only a moment behind others, and
 * soon as much as the options allow. */
static int is_far_ahead(const struct weir_map *map)
{
    size_t waiting = weir__reorder_waiting(&map->reorder);
    int64_t held_ms;

    if (waiting < AHEAD_SIZE)
        return 0;
    held_ms = (weir__clock_ns() - map->run.next_since_ns) / 1000000;
    return held_ms < (int64_t)AHEAD_STEPS * AHEAD_MS
           && waiting >= (size_t)AHEAD_SIZE << held_ms / AHEAD_MS;
}

static int next(struct weir_map *map, struct weir__record **record)
{
    struct weir__record *found;
    struct weir_error error;

    while (map->end.status == 0) {
        int status;

        if (weir__reorder_is_full(&map->reorder, map->options.reorder_bytes) || is_far_ahead(map)
            || weir__map_output_is_full(map))
            return 0;
        status = weir__record_reader_next(&map->in.reader, &found, &error);
        if (status < 0) {
            weir__map_fail(map, &error);
            return 0;
        }
        if (status == 1 && map->checkpoint.ahead_count > 0
            && weir__checkpoint_has(map, found->seq)) {
            if (weir__reorder_pass(&map->reorder, found, &error) < 0)
                weir__map_fail(map, &error);
            weir__record_reader_give_back(&map->in.reader, found);
            continue;
        }
        if (status == 1 && found->fault == NULL) {
            *record = found;
            return 1;
        }
        if (status == 1)
            weir__map_dead_letter(map, found, found->fault, NULL, NULL);
        else if (map->in.reader.ended || !read_some(map))
            return 0;
    }
    return 0;
}

int weir__map_input_take(struct weir_map *map, struct weir__record **record)
{
    if (map->in.returned.count > 0) {
        *record = weir__record_queue_pop(&map->in.returned);
        return 1;
    }
    if (map->in.unsent == NULL)
        return next(map, record);
    *record = map->in.unsent;
    map->in.unsent = NULL;
    return 1;
}

int weir__map_input_has(struct weir_map *map)
{
    return map->in.returned.count > 0 || map->in.unsent != NULL || next(map, &map->in.unsent) == 1;
}

int weir__map_input_is_over(const struct weir_map *map)
{
    return weir__record_reader_is_over(&map->in.reader) && map->in.unsent == NULL
           && map->in.returned.count == 0;
}
