#include "config.h"

#include "web/spent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/portable.h"

enum {
    DIGITS = 2 * WEIR__REPLAY_ID,
    LINE_MAX_BYTES = DIGITS + 24,
    LINES_LEAST = 1024, /* a smaller file is not written anew */
    CHUNK = 64 * 1024,
};

/* "ID EXP" LF */
static size_t format_line(char line[LINE_MAX_BYTES], const unsigned char id[WEIR__REPLAY_ID],
                          int64_t exp)
{
    for (size_t i = 0; i < WEIR__REPLAY_ID; i++)
        snprintf(line + 2 * i, 3, "%02x", id[i]);
    return DIGITS + (size_t)snprintf(line + DIGITS, LINE_MAX_BYTES - DIGITS, " %" PRId64 "\n", exp);
}

/* Returns 0, or -1: it is no such line. */
static int parse_line(const char *line, size_t length, unsigned char id[WEIR__REPLAY_ID],
                      int64_t *exp)
{
    char text[LINE_MAX_BYTES], *end;

    if (length < DIGITS + 2 || length >= sizeof text || line[DIGITS] != ' ')
        return -1;
    memcpy(text, line, length);
    text[length] = '\0';
    if (strspn(text, "0123456789abcdef") != DIGITS)
        return -1;
    for (size_t i = 0; i < WEIR__REPLAY_ID; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

        id[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    *exp = strtoll(text + DIGITS + 1, &end, 10);
    return *end == '\0' && *exp > 0 ? 0 : -1;
}

static int read_file(const struct weir__spent *spent, struct weir__buffer *text,
                     struct weir_error *error)
{
    ssize_t count = 1;

    while (count != 0) {
        if (weir__buffer_reserve(text, CHUNK, error) < 0)
            return WEIR_ERR_NOMEM;
        count = pread(spent->fd, text->bytes + text->length, CHUNK, (off_t)text->length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read %.300s", spent->path);
        text->length += (size_t)count;
    }
    return 0;
}

/* A last line without its end was cut off by a crash: its call never began. */
static int take_lines(struct weir__spent *spent, const struct weir__buffer *text,
                      struct weir_error *error)
{
    int64_t now = weir__clock_wall_ns() / 1000000000, exp;
    unsigned char id[WEIR__REPLAY_ID];
    size_t at = 0;
    const char *lf;

    while ((lf = text->length > at ? memchr(text->bytes + at, '\n', text->length - at) : NULL)
           != NULL) {
        if (parse_line(text->bytes + at, (size_t)(lf - text->bytes) - at, id, &exp) < 0)
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "line %zu of %.300s is not of a list of used tokens",
                              spent->lines + 1, spent->path);
        if (exp > now && weir__replay_spend(&spent->replay, id, exp, now) == WEIR__REPLAY_FULL)
            return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for the used tokens of %.300s",
                              spent->path);
        at = (size_t)(lf - text->bytes) + 1;
        spent->lines++;
    }
    if (at < text->length && ftruncate(spent->fd, (off_t)at) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %.300s", spent->path);
    return 0;
}

int weir__spent_open(struct weir__spent *spent, const char *path, struct weir_error *error)
{
    struct weir__buffer text = {0};
    int status;

    *spent = (struct weir__spent){.path = path, .fd = -1};
    if (path == NULL)
        return 0;
    spent->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (spent->fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot open %.300s", path);
    if (flock(spent->fd, LOCK_EX | LOCK_NB) < 0)
        status =
            weir__fail(error, WEIR_ERR_BUSY, 0,
                       "another server uses %.300s: each needs a --http-state of its own", path);
    else
        status = read_file(spent, &text, error);
    if (status == 0)
        status = take_lines(spent, &text, error);
    weir__buffer_clear(&text);
    if (status < 0)
        weir__spent_close(spent);
    return status;
}

/* Writes what is still valid to a new file, which takes the place of the old one.  If that fails,
 * the old one stays. */
static void write_anew(struct weir__spent *spent, int64_t now)
{
    struct weir__buffer text = {0};
    char line[LINE_MAX_BYTES], beside[4096];
    size_t lines = 0;
    int status = 0, fd;

    if (snprintf(beside, sizeof beside, "%s.new", spent->path) >= (int)sizeof beside)
        return;
    for (size_t i = 0; i < spent->replay.size && status >= 0; i++) {
        const struct weir__replay_entry *entry = &spent->replay.slots[i];

        if (entry->exp <= now)
            continue;
        status = weir__buffer_add(&text, line, format_line(line, entry->id, entry->exp), NULL);
        lines++;
    }
    fd = open(beside, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (status >= 0 && fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0
        && weir__write_all(fd, text.bytes, text.length) == 0 && fsync(fd) == 0
        && rename(beside, spent->path) == 0) {
        weir__close(&spent->fd);
        spent->fd = fd;
        spent->lines = lines;
        fd = -1;
    }
    weir__close(&fd);
    weir__buffer_clear(&text);
}

enum weir__replay_verdict weir__spent_use(struct weir__spent *spent, const char *jti, int64_t exp,
                                          int64_t now)
{
    unsigned char id[WEIR__REPLAY_ID];
    char line[LINE_MAX_BYTES];
    struct stat before;
    enum weir__replay_verdict verdict;

    if (spent->is_broken)
        return WEIR__REPLAY_FULL;
    weir__replay_id(jti, id);
    verdict = weir__replay_spend(&spent->replay, id, exp, now);
    if (verdict != WEIR__REPLAY_NEW || spent->path == NULL)
        return verdict;
    if (spent->lines >= LINES_LEAST && spent->lines > 2 * spent->replay.count)
        write_anew(spent, now);
    if (fstat(spent->fd, &before) < 0)
        return WEIR__REPLAY_FULL;
    if (weir__write_all(spent->fd, line, format_line(line, id, exp)) != 0
        || weir__sync(spent->fd) < 0) {
        /* A part of a line must not be in front of the next one. */
        if (ftruncate(spent->fd, before.st_size) < 0)
            spent->is_broken = 1;
        return WEIR__REPLAY_FULL;
    }
    spent->lines++;
    return verdict;
}

void weir__spent_close(struct weir__spent *spent)
{
    weir__close(&spent->fd);
    weir__replay_clear(&spent->replay);
}
