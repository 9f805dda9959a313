/* proc/capture.h - read an output of a child to its end, and keep what fits.
 *
 * The first head_size bytes stay where they are; what follows goes round in a
 * ring behind them, so that head and tail are kept within max bytes, however
 * much comes.
 */
#ifndef WEIR_PROC_CAPTURE_H
#define WEIR_PROC_CAPTURE_H

#include <sys/types.h>

#include <weir/result.h>
#include <weir/run.h>

#include "loop/loop.h"

struct weir__capture {
    int fd; /* read end, -1 once closed */
    int is_open;
    weir__watch *watch; /* NULL: it is not watched */
    char *bytes;
    size_t capacity, head_size, max;
    size_t bound; /* what may be kept: max, but for 0 */
    uint64_t total;
    int abandoned, paused;
    int keeps_nothing; /* set before the start: only on_bytes gets them */
    int *cleared;      /* while on_bytes runs: set when the capture is cleared there */
    int read_errno;    /* why the pipe was closed before its end; 0: it was not */

    int spool; /* whether to spool */
    int spool_fd;
    char *spool_path;
    int spool_errno; /* why the spool is not whole; 0: it is */

    /* Fresh bytes came; they are where the reader last put them. */
    void (*on_bytes)(void *owner, const char *bytes, size_t length);
    void (*on_end)(void *owner); /* end of file, or closed because it broke */
    void *owner;
};

/* Takes fd, which is non-blocking.  Callbacks and owner are set by the caller
 * before.  Errors: SYSTEM, NOMEM; fd is closed then. */
int weir__capture_start(struct weir__capture *capture, weir__loop *loop, int fd, size_t max,
                        int spool, struct weir_error *error);

/* The same without watching it, and what watches it then.  Errors: SYSTEM, NOMEM; fd stays open. */
void weir__capture_take(struct weir__capture *capture, int fd, size_t max, int spool);
int weir__capture_watch(struct weir__capture *capture, weir__loop *loop, struct weir_error *error);

/* Reads what has come, unless paused. */
void weir__capture_read(struct weir__capture *capture);

/* Whether there is something to read that would be read: bytes, or the end. */
int weir__capture_has_more(const struct weir__capture *capture);

/* Whether the child may still write. */
int weir__capture_is_open(const struct weir__capture *capture);

/* Stops reading for a while, or goes on. */
void weir__capture_pause(struct weir__capture *capture, int pause);

/* Gives the pipe up: what comes later is not ours. */
void weir__capture_abandon(struct weir__capture *capture);

/* Copies what is kept so far, in order, to kept, which has room for it all. */
size_t weir__capture_look(const struct weir__capture *capture, char *kept);

/* Moves what was kept into *output, whose text is left empty.  Errors: NOMEM. */
int weir__capture_finish(struct weir__capture *capture, struct weir_output *output,
                         struct weir_error *error);

/* Releases everything, and removes a spool file that was not taken. */
void weir__capture_clear(struct weir__capture *capture);

#endif
