#include "config.h"

#include "proc/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/large_pages.h"

enum {
    FIRST_ROOM = 4096,
    PIECE = 64 * 1024, /* read at a time where nothing is kept */
    READ_AT_MOST = 256 * 1024,
    READS_A_TURN = 16, /* then others have their turn */
};

static void close_pipe(struct weir__capture *capture)
{
    weir__watch_close(&capture->watch);
    weir__close(&capture->fd);
    capture->is_open = 0;
}

static void spool(struct weir__capture *capture, const char *bytes, size_t length)
{
    if (capture->spool_errno == 0)
        capture->spool_errno = weir__write_all(capture->spool_fd, bytes, length);
}

/* Everything so far still lies in order: it opens the file. */
static void start_spool(struct weir__capture *capture)
{
    const char *dir = getenv("TMPDIR");
    char path[1024];

    snprintf(path, sizeof path, "%s/weir-spool-XXXXXX", dir != NULL && *dir != '\0' ? dir : "/tmp");
    capture->spool_fd = mkostemp(path, O_CLOEXEC);
    if (capture->spool_fd >= 0)
        capture->spool_path = strdup(path);
    if (capture->spool_fd < 0 || capture->spool_path == NULL) {
        capture->spool_errno = capture->spool_fd < 0 ? errno : ENOMEM;
        if (capture->spool_fd >= 0)
            unlink(path);
        return;
    }
    spool(capture, capture->bytes, (size_t)capture->total);
}

/* Where the next bytes go, and how many fit there in one piece.  0: no memory. */
static size_t make_room(struct weir__capture *capture, char **to)
{
    size_t ring = capture->max - capture->head_size;
    size_t at = (size_t)capture->total;

    if (capture->keeps_nothing) {
        if (capture->bytes == NULL)
            capture->bytes = malloc(PIECE);
        *to = capture->bytes;
        return capture->bytes != NULL ? PIECE : 0;
    }
    if (capture->total >= capture->max)
        at = capture->head_size + (size_t)((capture->total - capture->head_size) % ring);
    if (at == capture->capacity && capture->capacity < capture->max) {
        size_t capacity = capture->capacity > 0 ? capture->capacity * 2 : FIRST_ROOM;
        char *bytes;

        if (capacity > capture->max)
            capacity = capture->max;
        bytes = realloc(capture->bytes, capacity);
        if (bytes == NULL)
            return 0;
        capture->bytes = bytes;
        capture->capacity = capacity;
        weir__large_pages(bytes, capacity);
    }
    *to = capture->bytes + at;
    return capture->capacity - at;
}

static void read_some(void *data, int bits)
{
    struct weir__capture *capture = data;
    int cleared = 0;

    (void)bits;
    for (int turn = 0; turn < READS_A_TURN && !capture->paused; turn++) {
        char *to;
        size_t room = make_room(capture, &to);
        ssize_t count;

        if (room > READ_AT_MOST)
            room = READ_AT_MOST;
        count = room > 0 ? read(capture->fd, to, room) : -1;
        if (count > 0) {
            capture->total += (uint64_t)count;
            if (capture->spool_path != NULL)
                spool(capture, to, (size_t)count);
            else if (capture->spool && capture->total == capture->max)
                start_spool(capture); /* full, and the next byte would push one out */
            capture->cleared = &cleared;
            capture->on_bytes(capture->owner, to, (size_t)count);
            if (cleared)
                return; /* its owner may be gone */
            capture->cleared = NULL;
            if (!capture->is_open)
                return;
        } else if (count < 0 && errno == EINTR) {
            continue;
        } else if (count < 0 && room > 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        } else {
            if (count < 0 && room == 0)
                capture->read_errno = ENOMEM;
            else if (count < 0 && errno != EIO) /* a terminal that nobody has open any more */
                capture->read_errno = errno;
            close_pipe(capture);
            capture->on_end(capture->owner);
            return;
        }
    }
}

void weir__capture_take(struct weir__capture *capture, int fd, size_t max, int spool_it)
{
    capture->fd = fd;
    capture->is_open = 1;
    capture->spool = spool_it;
    capture->spool_fd = -1;
    capture->bound = max;
    capture->max = max > 0 ? max : 1; /* bytes are read into what is kept */
    capture->head_size = capture->max / 2;
}

int weir__capture_watch(struct weir__capture *capture, weir__loop *loop, struct weir_error *error)
{
    if (!capture->is_open || capture->watch != NULL)
        return 0;
    return weir__watch_new(loop, capture->fd, capture->paused ? 0 : WEIR__READABLE, read_some,
                           capture, &capture->watch, error);
}

int weir__capture_start(struct weir__capture *capture, weir__loop *loop, int fd, size_t max,
                        int spool_it, struct weir_error *error)
{
    int status;

    weir__capture_take(capture, fd, max, spool_it);
    status = weir__capture_watch(capture, loop, error);
    if (status < 0)
        close_pipe(capture);
    return status;
}

void weir__capture_read(struct weir__capture *capture)
{
    if (capture->is_open)
        read_some(capture, WEIR__READABLE);
}

int weir__capture_has_more(const struct weir__capture *capture)
{
    struct pollfd output = {.fd = capture->fd, .events = POLLIN};

    return capture->is_open && !capture->paused && poll(&output, 1, 0) > 0;
}

int weir__capture_is_open(const struct weir__capture *capture)
{
    return capture->is_open;
}

void weir__capture_pause(struct weir__capture *capture, int pause)
{
    capture->paused = pause;
    if (capture->watch != NULL)
        weir__watch_set(capture->watch, pause ? 0 : WEIR__READABLE);
}

void weir__capture_abandon(struct weir__capture *capture)
{
    if (!capture->is_open)
        return;
    capture->abandoned = 1;
    close_pipe(capture);
}

static void reverse(char *bytes, size_t length)
{
    for (size_t i = 0; i < length / 2; i++) {
        char aside = bytes[i];

        bytes[i] = bytes[length - 1 - i];
        bytes[length - 1 - i] = aside;
    }
}

/* Puts the ring in order: [head][newer][older] becomes [head][older][newer].  In place, so
 * that it cannot fail. */
static void unroll(char *ring, size_t size, size_t newer)
{
    reverse(ring, newer);
    reverse(ring + newer, size - newer);
    reverse(ring, size);
}

size_t weir__capture_look(const struct weir__capture *capture, char *kept)
{
    size_t length = capture->total < capture->max ? (size_t)capture->total : capture->max;
    size_t ring = capture->max - capture->head_size;

    if (length > 0)
        memcpy(kept, capture->bytes, length);
    if (capture->total > capture->max)
        unroll(kept + capture->head_size, ring,
               (size_t)((capture->total - capture->head_size) % ring));
    return length;
}

int weir__capture_finish(struct weir__capture *capture, struct weir_output *output,
                         struct weir_error *error)
{
    size_t kept = capture->total < capture->bound ? (size_t)capture->total : capture->bound;
    size_t ring = capture->max - capture->head_size;
    char *bytes;

    if (capture->keeps_nothing)
        kept = 0;
    else if (capture->total > capture->max)
        unroll(capture->bytes + capture->head_size, ring,
               (size_t)((capture->total - capture->head_size) % ring));
    bytes = realloc(capture->bytes, kept + 1);
    if (bytes == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %zu bytes of output", kept);
    bytes[kept] = '\0';
    capture->bytes = NULL;
    capture->capacity = 0;
    *output = (struct weir_output){
        .bytes = bytes,
        .kept = kept,
        .head = capture->total > capture->bound && kept > 0 ? capture->head_size : kept,
        .total = capture->total,
        .truncated = capture->total > capture->bound && !capture->keeps_nothing,
        .abandoned = capture->abandoned,
        .invalid_at = -1,
    };
    if (capture->spool_path != NULL && capture->spool_errno == 0 && output->truncated) {
        output->spooled = capture->spool_path;
        capture->spool_path = NULL;
    }
    return 0;
}

void weir__capture_clear(struct weir__capture *capture)
{
    if (capture->cleared != NULL)
        *capture->cleared = 1;
    capture->cleared = NULL;
    if (capture->is_open)
        close_pipe(capture);
    if (capture->spool_path != NULL)
        unlink(capture->spool_path);
    if (capture->spool)
        weir__close(&capture->spool_fd);
    free(capture->spool_path);
    free(capture->bytes);
    capture->spool_path = NULL;
    capture->bytes = NULL;
}
