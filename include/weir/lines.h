/* weir/lines.h - split a byte stream into lines.
 *
 * Does no I/O: feed it what read(2) returned, and take lines out.
 *
 *     LF ends a line, and so does CR LF; a CR anywhere else is an ordinary byte.
 *     A last line without LF is a line with terminated false.
 *     A UTF-8 byte-order mark at the start of the stream is skipped.
 *     NUL bytes stay in their line.  The content is not checked.
 *
 * The length of a line is limited, so that a program that never prints a newline cannot exhaust
 * memory.  A longer line is an error, and is never split in two.
 *
 *     weir_lines_t *lines = weir_lines_new(WEIR_MAX_LINE);
 *     while ((count = read(fd, bytes, sizeof bytes)) > 0) {
 *         weir_lines_feed(lines, bytes, count, &error);
 *         while (weir_lines_next(lines, &line, &error) == 1)
 *             use(&line);
 *     }
 *     if (weir_lines_rest(lines, &line, &error) == 1)
 *         use(&line);
 *
 * Threads: one weir_lines_t belongs to one thread at a time.
 */
#ifndef WEIR_LINES_H
#define WEIR_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The default limit of a line: 64 MiB. */
#define WEIR_MAX_LINE ((size_t)64 << 20)

typedef struct weir_lines weir_lines_t;

/* A line without its terminator.  bytes is borrowed until the next call on its owner.  This
 * struct never changes. */
struct weir_line {
    const char *bytes; /* not NUL-terminated */
    size_t length;     /* in bytes */
    uint64_t number;   /* 1 for the first line */
    uint64_t offset;   /* of its first byte in the stream */
    bool terminated;   /* by LF, or CR LF */
};

/* Creates a splitter that refuses lines longer than max_line bytes without their
 * terminator.  Returns NULL if memory is short.  The caller owns it: release it
 * with weir_lines_free(). */
weir_lines_t *weir_lines_new(size_t max_line);

/* Accepts NULL. */
void weir_lines_free(weir_lines_t *lines);

/* Appends length bytes.  Copies them.  Take all lines out between two calls;
 * otherwise they accumulate.  Errors: NOMEM. */
int weir_lines_feed(weir_lines_t *lines, const void *bytes, size_t length,
                    struct weir_error *error);

/* Takes out the next complete line.  Returns 1 with *line set, or 0 if more input
 * is needed.
 * Errors: TOO_LONG, naming the line; also at each later call. */
int weir_lines_next(weir_lines_t *lines, struct weir_line *line, struct weir_error *error);

/* At the end of the input, after weir_lines_next() has returned 0: takes out the
 * last line, if it has no terminator.  Returns 1 with *line set, or 0.
 * Errors: TOO_LONG. */
int weir_lines_rest(weir_lines_t *lines, struct weir_line *line, struct weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
