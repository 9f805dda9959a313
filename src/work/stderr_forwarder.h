/* work/stderr_forwarder.h - forward the stderr of children live, without ever waiting for it.
 *
 * What the descriptor does not take at once waits in a bounded buffer; while that is full, no
 * source is read.  Of a source that has a name, whole lines are forwarded on a terminal, the
 * name before each.
 */
#ifndef WEIR_WORK_STDERR_FORWARDER_H
#define WEIR_WORK_STDERR_FORWARDER_H

#include <weir/lines.h>

#include "base/buffer.h"
#include "loop/loop.h"
#include "proc/capture.h"

struct weir__stderr_source;

struct weir__stderr_forwarder {
    int fd; /* our own, for a description that others share; -1: nowhere */
    int is_terminal;
    int is_held;        /* no source is read yet */
    weir__watch *watch; /* NULL: a file, always ready */
    struct weir__buffer waiting;
    size_t written;
    struct weir__stderr_source *sources;
    void (*on_empty)(void *owner); /* all is forwarded; from the loop.  NULL: nobody waits */
    void *owner;
};

/* Borrows fd.  on_empty and owner are set before.  Errors: SYSTEM, NOMEM. */
int weir__stderr_forwarder_open(struct weir__stderr_forwarder *forwarder, weir__loop *loop, int fd,
                                struct weir_error *error);
void weir__stderr_forwarder_close(struct weir__stderr_forwarder *forwarder);

int weir__stderr_forwarder_is_full(const struct weir__stderr_forwarder *forwarder);
int weir__stderr_forwarder_is_empty(const struct weir__stderr_forwarder *forwarder);

/* Ends is_held: the sources are read. */
void weir__stderr_forwarder_release(struct weir__stderr_forwarder *forwarder);

/* Forwards one line: name, colon, space, line, newline. */
void weir__stderr_forwarder_add_line(struct weir__stderr_forwarder *forwarder, const char *name,
                                     const char *line, size_t length);

/* The stderr of one child. */
struct weir__stderr_source {
    struct weir__stderr_forwarder *forwarder; /* NULL until it is added */
    struct weir__capture *capture;            /* where its bytes come from */
    const char *name;                         /* before its lines on a terminal; NULL: none */
    int is_quiet;                             /* kept, not forwarded */
    void (*on_line)(void *owner, const struct weir_line *line); /* NULL: nobody wants lines */
    void *owner;
    weir_lines_t *lines;
    struct weir__stderr_source *next;
};

/* Adds a source whose capture, name, is_quiet, on_line and owner are set. */
void weir__stderr_source_add(struct weir__stderr_source *source,
                             struct weir__stderr_forwarder *forwarder);

/* Takes what the capture has read: forwards it, and reports complete lines; a line over 64 KiB
 * is left out, and that is reported in its place. */
void weir__stderr_source_take(struct weir__stderr_source *source, const char *bytes, size_t length);

/* The capture has ended: reports the last line. */
void weir__stderr_source_end(struct weir__stderr_source *source);

/* Accepts a source that was never added. */
void weir__stderr_source_remove(struct weir__stderr_source *source);

#endif
