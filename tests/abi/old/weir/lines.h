/* weir/lines.h - cut a byte stream into lines.
 *
 * Does no I/O: feed it what read(2) returned, take lines out.
 *
 *     LF ends a line, and so does CR LF; a CR anywhere else is a byte like others.
 *     A last line without LF counts, and says so (terminated is false).
 *     A UTF-8 byte-order mark at the very start is skipped.
 *     NUL bytes stay in their line.  Nothing is checked for being text.
 *
 * Lines are limited, so a program that never prints a newline cannot exhaust
 * memory; one over the limit is an error and never two lines.
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

/* The limit on a line where nobody gave another: 64 MiB. */
#define WEIR_MAX_LINE ((size_t)64 << 20)

typedef struct weir_lines weir_lines_t;

/* A line without what ended it.  bytes is borrowed: gone at the next call on its
 * owner.  This struct never changes. */
struct weir_line {
    const char *bytes; /* not NUL-terminated */
    size_t length;     /* in bytes */
    uint64_t number;   /* 1 for the first line */
    uint64_t offset;   /* of its first byte in the stream */
    bool terminated;   /* by LF, or CR LF */
};

/* Makes a splitter that refuses lines longer than max_line bytes, their end not
 * counted.  Returns NULL when memory is short.  The caller owns it: release it
 * with weir_lines_free(). */
weir_lines_t *weir_lines_new(size_t max_line);

/* Accepts NULL. */
void weir_lines_free(weir_lines_t *lines);

/* Appends length bytes.  Copies them.  Take all lines out between two calls:
 * what is not taken out piles up.  Errors: NOMEM. */
int weir_lines_feed(weir_lines_t *lines, const void *bytes, size_t length,
                    struct weir_error *error);

/* Takes out the next line that has its end.  Returns 1 with *line set, or 0 when
 * more input is needed.
 * Errors: TOO_LONG, naming the line; again at each call from then on. */
int weir_lines_next(weir_lines_t *lines, struct weir_line *line, struct weir_error *error);

/* At the end of the input, after weir_lines_next() has returned 0: takes out the
 * last line, when it has no end.  Returns 1 with *line set, or 0.
 * Errors: TOO_LONG. */
int weir_lines_rest(weir_lines_t *lines, struct weir_line *line, struct weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
