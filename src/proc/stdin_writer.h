/* proc/stdin_writer.h - writes bytes to a child's stdin as it reads them. */
#ifndef WEIR_PROC_STDIN_WRITER_H
#define WEIR_PROC_STDIN_WRITER_H

#include <stddef.h>

#include "loop/loop.h"

struct weir__stdin_writer {
    int fd; /* write end, -1 once closed */
    weir__watch *watch;
    const char *bytes; /* borrowed */
    size_t left;
    int is_terminal; /* set before the start: its end is a character, not a close */
    int is_mid_line; /* what was written last was no newline */
    int is_ending;   /* only the end is left to be written */

    /* NULL: there are only these bytes.  Else called when there is room again after a write that
     * was cut short, or no reader any more. */
    void (*on_room)(void *owner);
    void *owner;
};

/* Takes fd, which is non-blocking; borrows bytes.  With on_room set by the caller before, it stays
 * open for more.  Errors: SYSTEM, NOMEM; fd is closed then. */
int weir__stdin_writer_start(struct weir__stdin_writer *writer, weir__loop *loop, int fd,
                             const void *bytes, size_t length, struct weir_error *error);

int weir__stdin_writer_is_open(const struct weir__stdin_writer *writer);

/* With on_room: writes what fits now.  Returns how many bytes; closes when nobody reads. */
size_t weir__stdin_writer_write(struct weir__stdin_writer *writer, const char *bytes,
                                size_t length);

/* The child reads the end of its input after what was written. */
void weir__stdin_writer_end(struct weir__stdin_writer *writer);

/* Closes the child's stdin.  A child that closes it first does the same. */
void weir__stdin_writer_close(struct weir__stdin_writer *writer);

#endif
