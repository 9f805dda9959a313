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

enum {
    FULL = 64 * 1024,
    GENTLE = 4096, /* see proc/relay.c */
    NAME_SIZE = 300,
    LONGEST_LINE = 64 * 1024,
};

static void resume_sources(struct weir__stderr_forwarder *forwarder)
{
    for (struct weir__stderr_source *source = forwarder->sources; source != NULL;
         source = source->next)
        if (weir__capture_is_open(source->capture))
            weir__capture_pause(source->capture, 0);
}

static void write_some(struct weir__stderr_forwarder *forwarder)
{
    int was_full = weir__stderr_forwarder_is_full(forwarder);

    while (forwarder->written < forwarder->waiting.length) {
        struct pollfd room = {.fd = forwarder->fd, .events = POLLOUT};
        size_t length = forwarder->waiting.length - forwarder->written;
        ssize_t count;

        if (forwarder->watch != NULL && poll(&room, 1, 0) <= 0)
            break;
        if (forwarder->watch != NULL && length > GENTLE)
            length = GENTLE;
        count = weir__write_no_sigpipe(forwarder->fd, forwarder->waiting.bytes + forwarder->written,
                                       length);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        /* The reader is gone: the bytes are still kept for the report. */
        forwarder->written +=
            count >= 0 ? (size_t)count : forwarder->waiting.length - forwarder->written;
    }
    if (forwarder->written == forwarder->waiting.length) {
        forwarder->written = forwarder->waiting.length = 0;
    } else if (forwarder->written >= FULL) { /* a buffer that is never empty must not grow */
        forwarder->waiting.length -= forwarder->written;
        memmove(forwarder->waiting.bytes, forwarder->waiting.bytes + forwarder->written,
                forwarder->waiting.length);
        forwarder->written = 0;
    }
    if (forwarder->watch != NULL)
        weir__watch_set(forwarder->watch, forwarder->waiting.length > 0 ? WEIR__WRITABLE : 0);
    if (was_full && !forwarder->is_held && !weir__stderr_forwarder_is_full(forwarder))
        resume_sources(forwarder);
}

static void room_came(void *data, int bits)
{
    struct weir__stderr_forwarder *forwarder = data;

    (void)bits;
    write_some(forwarder);
    if (forwarder->on_empty != NULL && weir__stderr_forwarder_is_empty(forwarder))
        forwarder->on_empty(forwarder->owner);
}

int weir__stderr_forwarder_open(struct weir__stderr_forwarder *forwarder, weir__loop *loop, int fd,
                                struct weir_error *error)
{
    struct weir_error why;

    forwarder->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
    if (forwarder->fd < 0) /* the host has none */
        return 0;
    forwarder->is_terminal = isatty(fd);
    if (weir__watch_new(loop, forwarder->fd, 0, room_came, forwarder, &forwarder->watch, &why) == 0
        || why.sys_errno == EPERM) /* a regular file takes everything at once */
        return 0;
    weir__close(&forwarder->fd);
    if (error != NULL)
        *error = why;
    return why.status;
}

void weir__stderr_forwarder_close(struct weir__stderr_forwarder *forwarder)
{
    weir__watch_close(&forwarder->watch);
    weir__close(&forwarder->fd);
    weir__buffer_clear(&forwarder->waiting);
    forwarder->written = 0;
}

int weir__stderr_forwarder_is_full(const struct weir__stderr_forwarder *forwarder)
{
    return forwarder->waiting.length - forwarder->written >= FULL;
}

int weir__stderr_forwarder_is_empty(const struct weir__stderr_forwarder *forwarder)
{
    return forwarder->waiting.length == forwarder->written;
}

void weir__stderr_forwarder_release(struct weir__stderr_forwarder *forwarder)
{
    forwarder->is_held = 0;
    if (!weir__stderr_forwarder_is_full(forwarder))
        resume_sources(forwarder);
}

static void add(struct weir__stderr_forwarder *forwarder, const char *bytes, size_t length)
{
    if (forwarder->fd < 0)
        return;
    weir__buffer_add(&forwarder->waiting, bytes, length, NULL);
    write_some(forwarder);
}

void weir__stderr_forwarder_add_line(struct weir__stderr_forwarder *forwarder, const char *name,
                                     const char *line, size_t length)
{
    char shown[NAME_SIZE];

    if (forwarder->fd < 0)
        return;
    weir__buffer_add(&forwarder->waiting, shown,
                     weir__sentence(shown, sizeof shown, "%.200s: ", name), NULL);
    weir__buffer_add(&forwarder->waiting, line, length, NULL);
    add(forwarder, "\n", 1);
}

/* --- One source --------------------------------------------------------------- */

/* Whether its lines are forwarded with its name. */
static int is_by_line(const struct weir__stderr_source *source)
{
    return source->name != NULL && (source->is_always_named || source->forwarder->is_terminal);
}

/* Reports a line: with its name, and to its owner. */
static void put_line(struct weir__stderr_source *source, const struct weir_line *line)
{
    if (source->on_line != NULL)
        source->on_line(source->owner, line);
    if (is_by_line(source) && !source->is_quiet)
        weir__stderr_forwarder_add_line(source->forwarder, source->name, line->bytes, line->length);
}

static void put_note(struct weir__stderr_source *source, const char *note)
{
    put_line(source, &(struct weir_line){.bytes = note, .length = strlen(note)});
}

void weir__stderr_source_add(struct weir__stderr_source *source,
                             struct weir__stderr_forwarder *forwarder)
{
    source->forwarder = forwarder;
    source->next = forwarder->sources;
    forwarder->sources = source;
    if (source->on_line != NULL || is_by_line(source))
        source->lines = weir_lines_new(LONGEST_LINE);
    if (forwarder->is_held)
        weir__capture_pause(source->capture, 1);
}

static void cut_lines(struct weir__stderr_source *source, const char *bytes, size_t length)
{
    struct weir_line line;
    int status;

    if (source->lines == NULL || weir_lines_feed(source->lines, bytes, length, NULL) < 0) {
        put_note(source, "[... no memory for a line ...]");
        return;
    }
    while ((status = weir_lines_next(source->lines, &line, NULL)) == 1)
        put_line(source, &line);
    if (status == 0)
        return;
    weir_lines_free(source->lines);
    source->lines = weir_lines_new(LONGEST_LINE);
    put_note(source, "[... a line over 64 KiB ...]");
}

void weir__stderr_source_take(struct weir__stderr_source *source, const char *bytes, size_t length)
{
    struct weir__stderr_forwarder *forwarder = source->forwarder;
    int by_line = is_by_line(source);

    if (!source->is_quiet && !by_line)
        add(forwarder, bytes, length);
    if (source->on_line != NULL || by_line)
        cut_lines(source, bytes, length);
    if (weir__stderr_forwarder_is_full(forwarder) && weir__capture_is_open(source->capture))
        weir__capture_pause(source->capture, 1);
}

void weir__stderr_source_end(struct weir__stderr_source *source)
{
    struct weir_line line;

    if (source->lines != NULL && weir_lines_rest(source->lines, &line, NULL) == 1)
        put_line(source, &line);
}

void weir__stderr_source_remove(struct weir__stderr_source *source)
{
    struct weir__stderr_source **at;

    if (source->forwarder == NULL)
        return;
    for (at = &source->forwarder->sources; *at != source; at = &(*at)->next)
        ;
    *at = source->next;
    source->forwarder = NULL;
    weir_lines_free(source->lines);
    source->lines = NULL;
}
