/* fuzz/pretend.h - a context whose spawner and workers are the test itself: what is to
 * be started is not, and its ends are here.  All in one thread and without a process,
 * so that a fuzzer has a whole pool, map or server many times a second.
 */
#ifndef WEIR_TESTS_PRETEND_H
#define WEIR_TESTS_PRETEND_H

#include "base/buffer.h"
#include "base/datagram.h"
#include "proc/context.h"

struct pretend;

/* A worker that was asked for. */
struct pretend_job {
    struct pretend_job *next;
    struct pretend *pretend;
    int64_t id;
    int in, out, err; /* as the worker would have them; -1: closed */
    weir__watch *in_watch;
    struct weir__buffer partial; /* the beginning of a line for it */
};

/* All zero but on_line before pretend_open(). */
struct pretend {
    weir_t *weir;
    struct weir__link link; /* the spawner's end of its line */
    weir__watch *watch;
    struct pretend_job *jobs; /* those that live, the newest first */
    unsigned started;
    /* A line for a worker, without its end.  NULL: it listens to nobody. */
    void (*on_line)(struct pretend_job *job, const char *line, size_t length);
};

void pretend_open(struct pretend *pretend);

/* What lives in the context is freed with it. */
void pretend_close(struct pretend *pretend);

/* Does what the context has to do now. */
void pretend_turn(struct pretend *pretend);

/* The same while a worker says all of it, in pieces of such a size; what it says after
 * its end is lost.  Always the newest worker. */
void pretend_say_in_pieces(struct pretend *pretend, const uint8_t *bytes, size_t length,
                           size_t piece);

/* What a worker says; lost where its pipe is full. */
void pretend_say(struct pretend_job *job, const void *bytes, size_t length);

/* It ends. */
void pretend_end(struct pretend_job *job, int code, int signal);

/* A file in memory, read from its beginning. */
int pretend_file(const void *bytes, size_t length);

/* All of it, with a NUL byte behind its length; closes it. */
struct weir__buffer pretend_read_back(int fd);

/* That every line is a JSON text in UTF-8.  Returns how many there are. */
size_t pretend_check_lines(const struct weir__buffer *buffer);

#endif
