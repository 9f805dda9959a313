#include "config.h"

#include "audit/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "audit/chain.h"
#include "base/error.h"

enum { PIECE = 64 * 1024, STEP_BACK = 4096 };

void weir__audit_lines_init(struct weir__audit_lines *lines, int fd, const char *name)
{
    *lines = (struct weir__audit_lines){.fd = fd, .name = name};
}

void weir__audit_lines_clear(struct weir__audit_lines *lines)
{
    weir__buffer_clear(&lines->hold);
}

void weir__audit_lines_seek(struct weir__audit_lines *lines, uint64_t offset, uint64_t number)
{
    lseek(lines->fd, (off_t)offset, SEEK_SET);
    lines->begin = lines->end = 0;
    lines->offset = offset;
    lines->number = number - 1;
}

/* Reads some more behind what is there.  Returns how much, 0 at the end. */
static ssize_t fill(struct weir__audit_lines *lines, struct weir_error *error)
{
    struct weir__buffer *hold = &lines->hold;
    ssize_t count;

    if (lines->begin > 0) {
        memmove(hold->bytes, hold->bytes + lines->begin, lines->end - lines->begin);
        lines->end -= lines->begin;
        lines->begin = 0;
    }
    hold->length = lines->end;
    if (weir__buffer_reserve(hold, PIECE, error) < 0)
        return WEIR_ERR_NOMEM;
    do
        count = read(lines->fd, hold->bytes + lines->end, PIECE);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read %.300s", lines->name);
    lines->end += (size_t)count;
    return count;
}

static void take(struct weir__audit_lines *lines, struct weir__audit_piece *piece, size_t length,
                 int has_newline)
{
    *piece = (struct weir__audit_piece){
        .text = lines->hold.bytes + lines->begin,
        .length = length,
        .number = ++lines->number,
        .offset = lines->offset,
        .has_newline = has_newline,
    };
    lines->begin += length + (size_t)has_newline;
    lines->offset += length + (size_t)has_newline;
}

/* Passes over the rest of a line that is too long.  Its beginning is lost: there is
 * nothing to see in it. */
static int skip(struct weir__audit_lines *lines, struct weir__audit_piece *piece,
                struct weir_error *error)
{
    ssize_t count = 1;
    const char *newline = NULL;

    *piece = (struct weir__audit_piece){
        .text = "", .number = ++lines->number, .offset = lines->offset, .is_too_long = 1};
    while (newline == NULL && count > 0) {
        lines->offset += lines->end - lines->begin;
        lines->begin = lines->end = 0;
        count = fill(lines, error);
        if (count > 0)
            newline = memchr(lines->hold.bytes, '\n', lines->end);
    }
    if (count < 0)
        return (int)count;
    piece->has_newline = newline != NULL;
    if (newline != NULL) {
        lines->begin = (size_t)(newline - lines->hold.bytes) + 1;
        lines->offset += lines->begin;
    }
    return 1;
}

int weir__audit_lines_next(struct weir__audit_lines *lines, struct weir__audit_piece *piece,
                           struct weir_error *error)
{
    size_t seen = 0;

    for (;;) {
        size_t length = lines->end - lines->begin;
        const char *newline = NULL;
        ssize_t count;

        if (length > seen)
            newline = memchr(lines->hold.bytes + lines->begin + seen, '\n', length - seen);
        if (newline != NULL) {
            take(lines, piece, (size_t)(newline - lines->hold.bytes) - lines->begin, 1);
            return 1;
        }
        if (length >= WEIR__AUDIT_LINE)
            return skip(lines, piece, error);
        seen = length;
        count = fill(lines, error);
        if (count < 0)
            return (int)count;
        if (count > 0)
            continue;
        if (length == 0)
            return 0;
        take(lines, piece, length, 0);
        return 1;
    }
}

/* --- From the end ------------------------------------------------------------ */

static int read_at(int fd, char *bytes, size_t length, off_t offset, const char *name,
                   struct weir_error *error)
{
    while (length > 0) {
        ssize_t count = pread(fd, bytes, length, offset);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return weir__fail(error, WEIR_ERR_SYSTEM, count < 0 ? errno : EIO, "cannot read %.300s",
                              name);
        bytes += count;
        length -= (size_t)count;
        offset += count;
    }
    return 0;
}

static const char *last_newline(const char *bytes, size_t length)
{
    while (length > 0)
        if (bytes[--length] == '\n')
            return bytes + length;
    return NULL;
}

static int torn(const char *name, struct weir_error *error)
{
    return weir__fail(error, WEIR_ERR_INVALID, 0,
                      "%.200s ends in the middle of a record, probably because a writer was "
                      "killed: remove it with weir audit verify --repair-tail",
                      name);
}

int weir__audit_last_line(int fd, off_t size, struct weir__buffer *out, const char *name,
                          struct weir_error *error)
{
    size_t take = STEP_BACK;

    if (size == 0)
        return 0;
    for (;; take *= 4) {
        const char *newline;
        int status;

        if ((off_t)take > size)
            take = (size_t)size;
        out->length = 0;
        status = weir__buffer_reserve(out, take, error);
        if (status == 0)
            status = read_at(fd, out->bytes, take, size - (off_t)take, name, error);
        if (status < 0)
            return status;
        if (out->bytes[take - 1] != '\n')
            return torn(name, error);
        newline = last_newline(out->bytes, take - 1);
        if (newline != NULL || (off_t)take == size) {
            size_t begin = newline != NULL ? (size_t)(newline - out->bytes) + 1 : 0;

            out->length = take - 1 - begin;
            memmove(out->bytes, out->bytes + begin, out->length);
            return 1;
        }
        if (take > WEIR__AUDIT_LINE)
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "the last line of %.200s is not a record: check it with weir audit "
                              "verify",
                              name);
    }
}

off_t weir__audit_whole_end(int fd, off_t size, const char *name, struct weir_error *error)
{
    char bytes[STEP_BACK];

    while (size > 0) {
        size_t take = size < STEP_BACK ? (size_t)size : STEP_BACK;
        const char *newline;
        int status = read_at(fd, bytes, take, size - (off_t)take, name, error);

        if (status < 0)
            return status;
        newline = last_newline(bytes, take);
        if (newline != NULL)
            return size - (off_t)take + (newline - bytes) + 1;
        size -= (off_t)take;
    }
    return 0;
}
