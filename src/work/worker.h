/* work/worker.h - a long-lived child that reads input and answers.
 *
 *   start --> ALIVE --input closed--> CLOSING --+
 *               |                        |      +--> its outputs end, its job ends: over
 *               +------- stopped ------> DYING -+
 *
 * A worker takes and gives bytes; their meaning is its owner's business.  The output of a DYING
 * worker is ignored: a late answer does not count.
 *
 * With a launcher the child is not the worker: its status says nothing about the worker, its
 * group is left alone, and a command may be given that stops the worker.  That runs when the
 * worker is stopped, before the launcher is, and when the launcher ends while the worker has
 * unfinished work.
 */
#ifndef WEIR_WORK_WORKER_H
#define WEIR_WORK_WORKER_H

#include <weir/command.h>
#include <weir/result.h>

#include "base/buffer.h"
#include "loop/loop.h"
#include "proc/capture.h"
#include "proc/context.h"
#include "proc/spawner_client.h"
#include "work/stderr_forwarder.h"
#include "work/stop_command.h"

enum weir__worker_state { WEIR__WORKER_ALIVE, WEIR__WORKER_CLOSING, WEIR__WORKER_DYING };

struct weir__worker_ops {
    void (*on_bytes)(void *owner, const char *bytes, size_t length);
    void (*on_started)(void *owner); /* its pid is known, maybe after its first bytes; NULL: none */
    /* Bytes of its stderr, which are not forwarded then. NULL: they are. */
    void (*on_stderr)(void *owner, const char *bytes, size_t length);
    void (*on_stderr_line)(void *owner, const struct weir_line *line); /* NULL: lines are not
                                                                        * reported */
    void (*on_room)(void *owner); /* everything sent is written */
    int (*owes)(void *owner);     /* whether it has unfinished work; required with a stop command */
    /* It has closed its stdout, or its stdin before us; it may live on. May be NULL. */
    void (*on_cut_off)(void *owner);
    /* Nothing of it is left; result and stderr tail are in the worker. The owner may free it
     * here. */
    void (*on_over)(void *owner);
};

/* Starts that a warm parent was asked for: see work/warm.h. */
struct weir__forks {
    unsigned waiting; /* not forked yet, nor given up */
    unsigned made;    /* by the parent that there is now */
    int is_stuck;     /* it has forked, and let a start wait until that was given up */
};

struct weir__worker_options {
    const struct weir_command *command; /* borrowed during the start */
    int64_t grace_ms, drain_ms;
    const struct weir__stop_sequence *stop_sequence; /* borrowed during the start */
    size_t stderr_kept;                              /* bytes kept of its stderr, head and tail */
    struct weir__stderr_forwarder *forwarder;        /* for its stderr; outlives the worker */
    size_t pipe_size;  /* of stdin and stdout, if the kernel allows; 0: the default */
    int pty_output;    /* its stdout is a pseudo-terminal */
    int is_launched;   /* there is a launcher */
    unsigned slot;     /* its place among its fellows: WEIR_SLOT */
    int files[3];      /* its stdin, stdout and stderr; 0: a pipe; -1: /dev/null. Borrowed */
    const char *label; /* put before each line of its stderr; NULL: nothing. Borrowed */
    int warm;          /* from weir__warm_connect(), borrowed; 0: its program is executed */
    struct weir__forks *forks;                 /* from there, too; outlives the worker */
    const struct weir_descriptor *descriptors; /* that it has open above 2; borrowed */
    size_t descriptor_count;
    int is_quiet;     /* its pid need not be known before it ends */
    int is_unwatched; /* its outputs are read when it ends, until weir__worker_watch() */
    const struct weir_command *stop; /* stops the launched worker; NULL: none. Borrowed until the
                                      * worker is cleared */
};

struct weir__worker {
    weir_t *weir;
    enum weir__worker_state state;
    struct weir__job job;
    struct weir_result result;
    int64_t grace_ms, drain_ms;
    uint64_t limits[WEIR_LIMIT_COUNT];

    int in_fd;          /* write end of its stdin, -1 once closed */
    int peek_fd;        /* read end of stdin once ours is closed, to see what is left unread; -1:
                         * not available, counts as read */
    size_t left_unread; /* bytes it had not read when it ended */
    weir__watch *in_watch;
    struct weir__buffer sending;
    size_t sent;       /* of sending */
    uint64_t all_sent; /* bytes ever queued */
    int close_when_sent;
    int is_deaf;     /* it closed its stdin before us */
    int has_refused; /* and left input unread */

    int out_fd;       /* read end of its stdout, -1 once closed */
    size_t pipe_size; /* capacity of stdin and stdout */
    weir__watch *out_watch;
    int is_unwatched;  /* neither output is watched yet */
    char *chunk;       /* the last bytes read */
    uint64_t received; /* bytes of its stdout */
    struct weir__capture errors;
    struct weir__stderr_source stderr_source;
    weir__timer *drain;
    const struct weir_command *stop;
    struct weir__stop_command stop_command;
    long far_pid;         /* from the launched worker itself; 0, NULL: unknown */
    const char *far_node; /* borrowed */
    unsigned slot;
    int64_t stop_grace_ms; /* the remaining time for the launcher afterwards */

    struct weir__forks *forks; /* while it is not forked; NULL: not awaited */
    unsigned forks_before;     /* that had been made when it was asked for */

    int is_pair; /* no process: see weir__worker_attach() */
    int job_over, exited, draining, paused, is_coalescing, is_lent, has_reported_over;
    int looks; /* at outputs that had more when their time was over */
    const struct weir__worker_ops *ops;
    void *owner;
};

/* Starts a worker; all of *worker must be zero. A program that cannot be executed is reported by
 * on_over. On failure nothing is left. Errors: SYSTEM, NOMEM, SPAWNER. */
int weir__worker_start(struct weir__worker *worker, weir_t *weir,
                       const struct weir__worker_options *options,
                       const struct weir__worker_ops *ops, void *owner, struct weir_error *error);

/* A worker without a process: takes two non-blocking descriptors, out that its input is written to
 * and in that its output is read from; all of *worker must be zero.  It is over when in ends, or
 * some time after it was stopped.  On failure nothing is left.  Errors: SYSTEM, NOMEM. */
int weir__worker_attach(struct weir__worker *worker, weir_t *weir, int in, int out,
                        const struct weir__worker_ops *ops, void *owner, struct weir_error *error);

/* Queues bytes; weir__worker_flush() writes what the pipe takes. Errors: NOMEM. */
int weir__worker_send(struct weir__worker *worker, const char *bytes, size_t length);
void weir__worker_flush(struct weir__worker *worker);

/* Bytes queued and not yet written. */
size_t weir__worker_unsent(const struct weir__worker *worker);

/* The same plus those written that it has not read yet (0 if unknown). */
size_t weir__worker_unread(const struct weir__worker *worker);

/* Whether it has read any of its input; false if unknown. */
int weir__worker_has_read(const struct weir__worker *worker);

/* Whether it lives and has closed its stdin before us, or its stdout. */
int weir__worker_is_cut_off(const struct weir__worker *worker);

/* Closes its stdin once everything is written. */
void weir__worker_close_input(struct weir__worker *worker);

/* Pauses or resumes reading its output. */
void weir__worker_pause(struct weir__worker *worker, int pause);

/* Coalesces its output, or stops doing so: meanwhile its owner calls read and flush, less often
 * and for more at a time. */
void weir__worker_coalesce(struct weir__worker *worker, int coalesce);

/* Another process writes to its stdin and reads its stdout, or no longer does. Meanwhile its output
 * is not read here, not even its end. */
void weir__worker_lend(struct weir__worker *worker, int lend);

/* Reads its output, unless paused. Calls on_bytes, and perhaps on_over. */
void weir__worker_read(struct weir__worker *worker);

/* Has the outputs of a worker that was started unwatched read as they come, from now on. Without
 * memory for it they are read once: call again. Calls on_bytes. */
void weir__worker_watch(struct weir__worker *worker);

/* Whether there is unread output. */
int weir__worker_has_output(const struct weir__worker *worker);

/* The end of its stderr, on one line. */
void weir__worker_tail(const struct weir__worker *worker, char *tail, size_t size);

/* Closes its stdin, ignores its output, runs the stop command and starts the stop sequence. */
void weir__worker_stop(struct weir__worker *worker, int64_t grace_ms);

/* Runs the stop command and starts the stop sequence; its output is still read. */
void weir__worker_interrupt(struct weir__worker *worker, int64_t grace_ms);

/* Releases everything; kills a worker that is not over, without calling on_over. */
void weir__worker_clear(struct weir__worker *worker);

#endif
