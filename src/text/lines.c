#include "config.h"

#include <weir/lines.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "text/lines.h"

/* A buffer this large is given back once it is empty and no longer needed. */
enum { KEEP_CAPACITY = 1 << 20 };

static const char bom[] = {'\xEF', '\xBB', '\xBF'};

/* bytes[start..end) is unread; bytes[start..scanned) holds no newline. */
struct weir_lines {
    char *bytes;
    size_t capacity;
    size_t start, scanned, end;
    size_t max_line;
    uint64_t number; /* lines taken out */
    uint64_t offset; /* in the stream, of bytes[start] */
    bool begun;      /* the byte-order mark is dealt with */
};

weir_lines_t *weir_lines_new(size_t max_line)
{
    weir_lines_t *lines = calloc(1, sizeof *lines);

    if (lines != NULL)
        lines->max_line = max_line;
    return lines;
}

void weir_lines_free(weir_lines_t *lines)
{
    if (lines == NULL)
        return;
    free(lines->bytes);
    free(lines);
}

size_t weir__lines_held(const weir_lines_t *lines)
{
    return lines->capacity;
}

/* Moves the unread bytes to the front. */
static void settle(weir_lines_t *lines)
{
    size_t unread = lines->end - lines->start;

    if (unread > 0 && lines->start > 0)
        memmove(lines->bytes, lines->bytes + lines->start, unread);
    lines->scanned -= lines->start;
    lines->start = 0;
    lines->end = unread;
}

void weir__lines_trim(weir_lines_t *lines, size_t keep)
{
    size_t unread = lines->end - lines->start;
    char *bytes;

    if (unread > keep || unread > lines->capacity / 8 || lines->capacity <= keep)
        return;
    settle(lines);
    bytes = unread > 0 ? realloc(lines->bytes, unread) : NULL;
    if (unread > 0 && bytes == NULL)
        return;
    if (unread == 0)
        free(lines->bytes);
    lines->bytes = bytes;
    lines->capacity = unread;
}

/* Makes room for extra bytes at the end.  A byte is moved only when at least as
 * many were taken out since, or when the capacity grows in proportion: the work stays in
 * proportion to the input however it is cut and taken. */
static int make_room(weir_lines_t *lines, size_t extra, struct weir_error *error)
{
    size_t unread = lines->end - lines->start;
    size_t capacity;
    char *bytes;

    if (extra < lines->capacity / 16)
        weir__lines_trim(lines, KEEP_CAPACITY);
    if (extra <= lines->capacity - lines->end)
        return 0;
    if (lines->start >= unread && extra <= lines->capacity - unread) {
        settle(lines);
        return 0;
    }
    settle(lines);
    capacity = weir__capacity_after(lines->capacity);
    if (capacity < unread + extra)
        capacity = unread + extra;
    bytes = extra <= SIZE_MAX - unread ? realloc(lines->bytes, capacity) : NULL;
    if (bytes == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %zu more bytes of input", extra);
    lines->bytes = bytes;
    lines->capacity = capacity;
    return 0;
}

int weir_lines_feed(weir_lines_t *lines, const void *bytes, size_t length, struct weir_error *error)
{
    int status;

    if (length == 0)
        return 0;
    status = make_room(lines, length, error);
    if (status < 0)
        return status;
    memcpy(lines->bytes + lines->end, bytes, length);
    lines->end += length;
    return 0;
}

/* Skips a byte-order mark.  Returns false while it may still be arriving. */
static bool begin(weir_lines_t *lines)
{
    size_t unread = lines->end - lines->start;

    if (lines->begun)
        return true;
    if (unread < sizeof bom && (unread == 0 || memcmp(lines->bytes, bom, unread) == 0))
        return false;
    if (unread >= sizeof bom && memcmp(lines->bytes, bom, sizeof bom) == 0) {
        lines->start = lines->scanned = sizeof bom;
        lines->offset = sizeof bom;
    }
    lines->begun = true;
    return true;
}

static int too_long(const weir_lines_t *lines, struct weir_error *error)
{
    return weir__fail(error, WEIR_ERR_TOO_LONG, 0,
                      "line %llu is longer than %zu bytes: raise the limit, or end lines with LF",
                      (unsigned long long)lines->number + 1, lines->max_line);
}

/* Takes out length bytes and what ends them. */
static int take(weir_lines_t *lines, size_t length, size_t ending, struct weir_line *line)
{
    line->bytes = lines->bytes + lines->start;
    line->length = length;
    line->number = ++lines->number;
    line->offset = lines->offset;
    line->terminated = ending > 0;
    lines->start += length + ending;
    lines->scanned = lines->start;
    lines->offset += length + ending;
    return 1;
}

int weir_lines_next(weir_lines_t *lines, struct weir_line *line, struct weir_error *error)
{
    const char *newline = NULL;
    size_t length;
    bool has_cr;

    if (!begin(lines))
        return 0;
    if (lines->scanned < lines->end)
        newline = memchr(lines->bytes + lines->scanned, '\n', lines->end - lines->scanned);
    lines->scanned = newline != NULL ? (size_t)(newline - lines->bytes) : lines->end;
    length = lines->scanned - lines->start;
    has_cr = length > 0 && lines->bytes[lines->scanned - 1] == '\r';
    /* A CR at the end of what is there may yet prove part of the line's end. */
    if (length - has_cr > lines->max_line)
        return too_long(lines, error);
    if (newline == NULL)
        return 0;
    return take(lines, length - has_cr, 1 + (size_t)has_cr, line);
}

int weir_lines_rest(weir_lines_t *lines, struct weir_line *line, struct weir_error *error)
{
    begin(lines);
    lines->begun = true;
    if (lines->start == lines->end)
        return 0;
    if (lines->end - lines->start > lines->max_line)
        return too_long(lines, error);
    return take(lines, lines->end - lines->start, 0, line);
}
