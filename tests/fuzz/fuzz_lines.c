/* Lines: however the stream is cut, the lines are the same, and together with
 * their ends they are the stream. */
#include "config.h"

#include <string.h>
#include <weir/lines.h>

#include "base/buffer.h"
#include "fuzz/replay.h"

static void add(struct weir__buffer *buffer, const void *bytes, size_t length)
{
    HOLDS(weir__buffer_add(buffer, bytes, length, NULL) == 0);
}

/* Checks the line against the stream, and notes it. */
static void note(struct weir__buffer *notes, const struct weir_line *line, const uint8_t *bytes,
                 size_t length)
{
    size_t end = line->offset + line->length;
    uint8_t terminated = line->terminated;

    HOLDS(end <= length);
    HOLDS(line->length == 0 || memcmp(line->bytes, bytes + line->offset, line->length) == 0);
    HOLDS(memchr(bytes + line->offset, '\n', line->length) == NULL);
    if (terminated)
        HOLDS(end < length
              && (bytes[end] == '\n' || (bytes[end] == '\r' && bytes[end + 1] == '\n')));
    else
        HOLDS(end == length);
    add(notes, &line->number, sizeof line->number);
    add(notes, &line->offset, sizeof line->offset);
    add(notes, &line->length, sizeof line->length);
    add(notes, &terminated, 1);
}

/* Feeds pieces of 1 to most bytes.  Takes lines out after every piece, or with
 * lazy only after some.  Returns the last status. */
static int split(const uint8_t *bytes, size_t length, size_t max_line, size_t most, int lazy,
                 struct weir__buffer *notes)
{
    weir_lines_t *lines = weir_lines_new(max_line);
    struct weir_line line;
    size_t at = 0, turn = 0;
    int status = 0;

    while (at < length && status == 0) {
        size_t piece = 1 + (turn * 7 + length) % most;

        if (piece > length - at)
            piece = length - at;
        HOLDS(weir_lines_feed(lines, bytes + at, piece, NULL) == 0);
        at += piece;
        if (lazy && turn++ % 3 != 0)
            continue;
        while ((status = weir_lines_next(lines, &line, NULL)) == 1)
            note(notes, &line, bytes, length);
    }
    while (status == 0 && (status = weir_lines_next(lines, &line, NULL)) == 1) {
        note(notes, &line, bytes, length);
        status = 0;
    }
    if (status == 0 && (status = weir_lines_rest(lines, &line, NULL)) == 1) {
        note(notes, &line, bytes, length);
        status = 0;
    }
    weir_lines_free(lines);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct weir__buffer whole = {0}, pieces = {0};
    size_t max_line, most;
    int status;

    if (length < 2)
        return 0;
    max_line = bytes[0] == 255 ? WEIR_MAX_LINE : bytes[0];
    most = 1 + bytes[1] % 32;
    bytes += 2, length -= 2;
    status = split(bytes, length, max_line, length + 1, 0, &whole);
    HOLDS(status == 0 || status == WEIR_ERR_TOO_LONG);
    for (int lazy = 0; lazy < 2; lazy++) {
        HOLDS(split(bytes, length, max_line, most, lazy, &pieces) == status);
        HOLDS(pieces.length == whole.length);
        HOLDS(whole.length == 0 || memcmp(pieces.bytes, whole.bytes, whole.length) == 0);
        weir__buffer_clear(&pieces);
    }
    weir__buffer_clear(&whole);
    return 0;
}
