/* work/stderr_forwarder.h - pass the stages' stderr on, live, without ever waiting for it.
 *
 * What the descriptor does not take at once waits in a bounded buffer; while
 * that is full, full() holds and the stages' stderr is not read.  On a terminal
 * whole lines are passed, with the stage's name before each.
 */
#ifndef WEIR_WORK_STDERR_FORWARDER_H
#define WEIR_WORK_STDERR_FORWARDER_H

#include "base/buffer.h"
#include "loop/loop.h"

struct weir__passer {
    int fd; /* our own, for a description that others share; -1: nowhere */
    int is_terminal;
    weir__watch *watch; /* NULL: a file, always ready */
    struct weir__buffer waiting;
    size_t written;
    void (*on_room)(void *owner);  /* it was full, and is not any more */
    void (*on_empty)(void *owner); /* all is passed on; from the loop, never from add */
    void *owner;
};

/* Borrows fd.  Callbacks and owner are set before.  Errors: SYSTEM, NOMEM. */
int weir__passer_start(struct weir__passer *passer, weir__loop *loop, int fd,
                       struct weir_error *error);
void weir__passer_close(struct weir__passer *passer);

int weir__passer_is_full(const struct weir__passer *passer);
int weir__passer_is_empty(const struct weir__passer *passer);

/* Passes bytes as they are. */
void weir__passer_add(struct weir__passer *passer, const char *bytes, size_t length);

/* Passes one line: name, colon, space, line, newline. */
void weir__passer_add_line(struct weir__passer *passer, const char *name, const char *line,
                           size_t length);

#endif
