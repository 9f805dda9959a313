#include "config.h"

#include "map/dead_letter_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "map/map.h"

enum {
    LOCK_MS = 10000,     /* others hold the lock for one write only */
    LOCK_FIRST_MS = 2000 /* at the start the map waits for it */
};

/* --- Its name ---------------------------------------------------------------- */

/* The number of this task among those with the same command, from its engine. */
static const char *task_number(void)
{
    static const char *const names[] = {
        "SLURM_ARRAY_TASK_ID", "SPARK_PARTITION_ID", "mapreduce_task_partition",
        "PBS_ARRAY_INDEX",     "LSB_JOBINDEX",       "SLURM_PROCID",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && *value != '\0')
            return value;
    }
    return "0";
}

/* The value comes from outside: it must not lead to another directory. */
static int add_safely(struct weir__buffer *path, const char *text)
{
    int status = 0;

    for (; *text != '\0' && status == 0; text++)
        status = weir__buffer_add(path, *text == '/' ? "_" : text, 1, NULL);
    return status;
}

static int add_field(struct weir__buffer *path, char field)
{
    char text[256] = "";

    switch (field) {
    case 'p':
        snprintf(text, sizeof text, "%ld", (long)getpid());
        return add_safely(path, text);
    case 'h':
        if (gethostname(text, sizeof text - 1) < 0 || *text == '\0')
            snprintf(text, sizeof text, "localhost");
        return add_safely(path, text);
    case 'n':
        return add_safely(path, task_number());
    case '%':
        return weir__buffer_add(path, "%", 1, NULL);
    default:
        return WEIR_ERR_INVALID;
    }
}

int weir__dead_letter_path(const char *pattern, char **path, struct weir_error *error)
{
    struct weir__buffer made = {0};
    int status = 0;

    for (const char *c = pattern; status == 0 && *c != '\0'; c++)
        status = *c == '%' ? add_field(&made, *++c) : weir__buffer_add(&made, c, 1, NULL);
    *path = status == 0 ? weir__buffer_take(&made, NULL) : NULL;
    weir__buffer_clear(&made);
    if (status == WEIR_ERR_INVALID)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the dead-letter file \"%.300s\" has an invalid %% sequence: use %%p "
                          "(process), %%h (host), %%n (task number) and %%%%",
                          pattern);
    return *path != NULL ? 0 : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a file name");
}

/* --- Opening ----------------------------------------------------------------- */

/* Returns 0 or EWOULDBLOCK; also 0 if files cannot be locked. */
static int lock_now(int fd)
{
    int failed;

    do
        failed = flock(fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
    while (failed == EINTR);
    return failed == EWOULDBLOCK ? EWOULDBLOCK : 0;
}

/* A map with a checkpoint keeps the lock: better to find out now than at the first dead record. */
static int is_kept(int fd)
{
    int64_t deadline_ns = weir__clock_ns() + (int64_t)LOCK_FIRST_MS * 1000000;
    const struct timespec moment = {.tv_nsec = 5000000};

    while (lock_now(fd) != 0) {
        if (weir__clock_ns() > deadline_ns)
            return 1;
        nanosleep(&moment, NULL);
    }
    flock(fd, LOCK_UN);
    return 0;
}

/* Readable, too, to check the last byte. */
static int open_to_append(const char *path)
{
    int flags = O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    struct stat file;
    int fd = -1;

    if (stat(path, &file) < 0 || S_ISREG(file.st_mode))
        fd = open(path, O_RDWR | flags, 0666);
    if (fd < 0)
        fd = open(path, O_WRONLY | flags, 0666);
    if (fd >= 0)
        weir__fd_above_stdio(&fd, NULL);
    return fd;
}

static int is_fifo(const char *path)
{
    struct stat file;

    return stat(path, &file) == 0 && S_ISFIFO(file.st_mode);
}

static int open_shared(struct weir_map *map, struct weir_error *error)
{
    struct weir__dead_letter_file *letters = &map->out.letters;
    const char *path = map->options.dead_letter;
    struct stat file;

    letters->fd = open_to_append(path);
    letters->is_awaited = letters->fd < 0 && errno == ENXIO && is_fifo(path);
    if (letters->is_awaited)
        return 0;
    if (letters->fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %s", path);
    letters->is_regular = fstat(letters->fd, &file) == 0 && S_ISREG(file.st_mode);
    if (letters->is_regular && is_kept(letters->fd))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "another process keeps the dead-letter file %s locked, as a map with a "
                          "checkpoint does: choose another name, such as one with %%p or %%n",
                          path);
    return 0;
}

/* Opens the file with what an earlier run wrote. */
static int open_alone(struct weir_map *map, struct weir_error *error)
{
    struct weir__dead_letter_file *letters = &map->out.letters;
    const char *path = map->options.dead_letter;
    struct stat file;

    letters->fd = weir__checkpoint_open(map, path);
    if (map->end.status != 0)
        return 0;
    if (letters->fd < 0 || weir__fd_above_stdio(&letters->fd, NULL) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %s", path);
    if (fstat(letters->fd, &file) < 0 || !S_ISREG(file.st_mode))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a checkpoint needs a regular file for dead letters");
    letters->is_regular = 1;
    letters->length = (uint64_t)file.st_size; /* appends unless the run is resumed */
    if (lock_now(letters->fd) != 0)
        weir__map_end(map, 6, WEIR_STOP_NONE,
                      "another weir map uses the same dead-letter file, %s: with a "
                      "checkpoint each map needs its own",
                      path);
    return 0;
}

int weir__dead_letters_open(struct weir_map *map, struct weir_error *error)
{
    if (map->options.dead_letter == NULL)
        return 0;
    return map->options.checkpoint != NULL ? open_alone(map, error) : open_shared(map, error);
}

void weir__dead_letters_close(struct weir_map *map)
{
    weir__close(&map->out.letters.fd);
    weir__buffer_clear(&map->out.letters.waiting);
}

/* --- Writing ----------------------------------------------------------------- */

static void fail(struct weir_map *map, int failed)
{
    struct weir__dead_letter_file *letters = &map->out.letters;

    letters->failed = 1;
    letters->waiting.length = 0;
    if (failed == EWOULDBLOCK)
        weir__map_end(map, 5, WEIR_STOP_NONE,
                      "another process has held the lock on %s for %d s: find it with lslocks or "
                      "fuser",
                      map->options.dead_letter, LOCK_MS / 1000);
    else
        weir__map_end(map, 5, WEIR_STOP_NONE, "cannot write %s: %s", map->options.dead_letter,
                      strerror(failed));
}

/* Starts a new line after a partial letter left by a killed process. */
static int end_torn_line(int fd, off_t size)
{
    char last = '\n';

    if (size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n')
        return weir__write_all(fd, "\n", 1);
    return 0;
}

/* Appends all letters or none. */
static int append(struct weir__dead_letter_file *letters)
{
    struct stat file;
    int failed = fstat(letters->fd, &file) < 0 ? errno : 0;

    if (failed == 0)
        failed = end_torn_line(letters->fd, file.st_size);
    if (failed == 0)
        failed = weir__write_all(letters->fd, letters->waiting.bytes, letters->waiting.length);
    if (failed != 0 && ftruncate(letters->fd, file.st_size) < 0)
        return failed; /* the next one starts a new line */
    letters->waiting.length = 0;
    return failed;
}

static void flush_shared(struct weir_map *map)
{
    struct weir__dead_letter_file *letters = &map->out.letters;
    int64_t now_ns = weir__clock_ns();
    int failed;

    if (lock_now(letters->fd) == EWOULDBLOCK) { /* retried at the next tick */
        if (letters->locked_since_ns == 0)
            letters->locked_since_ns = now_ns;
        else if (now_ns - letters->locked_since_ns > (int64_t)LOCK_MS * 1000000)
            fail(map, EWOULDBLOCK);
        return;
    }
    letters->locked_since_ns = 0;
    failed = append(letters);
    flock(letters->fd, LOCK_UN);
    if (failed != 0)
        fail(map, failed);
}

static void flush_alone(struct weir_map *map)
{
    struct weir__dead_letter_file *letters = &map->out.letters;
    int failed = weir__checkpoint_save_first(map);

    if (failed == 0)
        failed = weir__write_all(letters->fd, letters->waiting.bytes, letters->waiting.length);
    letters->length += letters->waiting.length;
    letters->waiting.length = 0;
    if (failed != 0)
        fail(map, failed);
}

/* Writes what a FIFO or a terminal has room for. */
static void flush_stream(struct weir_map *map)
{
    struct weir__dead_letter_file *letters = &map->out.letters;

    while (letters->waiting.length > 0) {
        ssize_t count =
            weir__write_no_sigpipe(letters->fd, letters->waiting.bytes, letters->waiting.length);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno != EAGAIN)
            fail(map, errno);
        if (count < 0)
            return; /* retried at the next tick */
        memmove(letters->waiting.bytes, letters->waiting.bytes + count,
                letters->waiting.length - (size_t)count);
        letters->waiting.length -= (size_t)count;
        map->out.sent += (uint64_t)count;
    }
}

void weir__dead_letters_flush(struct weir_map *map)
{
    struct weir__dead_letter_file *letters = &map->out.letters;

    if (letters->failed) {
        letters->waiting.length = 0; /* of programs that have ended since */
        return;
    }
    if (letters->is_awaited) {
        letters->fd = open_to_append(map->options.dead_letter);
        letters->is_awaited = letters->fd < 0 && errno == ENXIO;
        if (letters->fd < 0 && errno != ENXIO)
            fail(map, errno);
    }
    if (letters->fd < 0 || letters->waiting.length == 0)
        return;
    if (!letters->is_regular)
        flush_stream(map);
    else if (map->options.checkpoint != NULL)
        flush_alone(map);
    else
        flush_shared(map);
}

int weir__dead_letters_are_written(const struct weir_map *map)
{
    const struct weir__dead_letter_file *letters = &map->out.letters;

    /* A map that ends early does not wait for a reader that has not come yet. */
    if (letters->is_awaited)
        return map->end.status != 0;
    return letters->fd < 0 || letters->waiting.length == 0;
}
