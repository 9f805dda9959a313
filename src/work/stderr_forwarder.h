/* work/stderr_forwarder.h - forwards the stderr of children live, without ever blocking.
 *
 * What the descriptor does not take at once waits in a bounded buffer; while that is full, no
 * source is read.  A named source is forwarded in whole lines, each with its name: on a terminal,
 * or everywhere.
 */
#ifndef WEIR_WORK_STDERR_FORWARDER_H
#define WEIR_WORK_STDERR_FORWARDER_H

#include <weir/lines.h>

#include "base/buffer.h"
#include "loop/loop.h"
#include "proc/capture.h"

struct weir__stderr_source;

struct weir__stderr_forwarder {
    int fd; /* own one if others share the description; -1: none */
    int is_terminal;
    int is_held;        /* sources are not read yet */
    weir__watch *watch; /* NULL: a file, always ready */
    struct weir__buffer waiting;
    size_t written;
    struct weir__stderr_source *sources;
    void (*on_empty)(void *owner); /* everything is forwarded; from the loop. NULL: ignored */
    void *owner;
};

/* Borrows fd. on_empty and owner must be set. Errors: SYSTEM, NOMEM. */
int weir__stderr_forwarder_open(struct weir__stderr_forwarder *forwarder, weir__loop *loop, int fd,
                                struct weir_error *error);
void weir__stderr_forwarder_close(struct weir__stderr_forwarder *forwarder);

int weir__stderr_forwarder_is_full(const struct weir__stderr_forwarder *forwarder);
int weir__stderr_forwarder_is_empty(const struct weir__stderr_forwarder *forwarder);

/* Ends is_held: sources are read. */
void weir__stderr_forwarder_release(struct weir__stderr_forwarder *forwarder);

/* Forwards one line: name, colon, space, line, newline. */
void weir__stderr_forwarder_add_line(struct weir__stderr_forwarder *forwarder, const char *name,
                                     const char *line, size_t length);

/* The stderr of one child. */
struct weir__stderr_source {
    struct weir__stderr_forwarder *forwarder; /* NULL until it is added */
    struct weir__capture *capture;            /* source of its bytes */
    const char *name;                         /* prefix of its lines on a terminal; NULL: none */
    int is_always_named;                      /* and also elsewhere */
    int is_quiet;                             /* kept, not forwarded */
    void (*on_line)(void *owner, const struct weir_line *line); /* NULL: ignored */
    void *owner;
    weir_lines_t *lines;
    struct weir__stderr_source *next;
};

/* Adds a source whose capture, name, is_quiet, on_line and owner are set. */
void weir__stderr_source_add(struct weir__stderr_source *source,
                             struct weir__stderr_forwarder *forwarder);

/* Handles what the capture has read: forwards it and reports complete lines. A line over 64 KiB
 * is left out, and that is reported instead. */
void weir__stderr_source_take(struct weir__stderr_source *source, const char *bytes, size_t length);

/* The capture has ended: reports the last line. */
void weir__stderr_source_end(struct weir__stderr_source *source);

/* Accepts a source that was never added. */
void weir__stderr_source_remove(struct weir__stderr_source *source);

#endif
