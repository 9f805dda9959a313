/* work/worker.h - a long-lived child that reads from us and answers.
 *
 *   start --> ALIVE --input closed--> CLOSING --+
 *               |                        |      +--> its outputs end, its job ends: over
 *               +------- stopped ------> DYING -+
 *
 * A worker takes bytes and gives bytes; what they mean is its owner's business.
 * Nothing of a DYING worker's output is told: a late answer is no answer.
 *
 * With a launcher in front the child is not the worker: its status says nothing
 * of it, its group is left alone, and a command may be named that ends the worker
 * where it is.  That is run when the worker is stopped, before the launcher is,
 * and when the launcher ends while the worker owes something.
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
    void (*on_stderr_line)(void *owner, const struct weir_line *line); /* NULL: no lines */
    void (*on_room)(void *owner); /* what was sent is written */
    int (*owes)(void *owner);     /* whether it has not answered all; needed with a stop command */
    /* It has closed its stdout, or its stdin before we did: it may live on.  May be NULL. */
    void (*on_cut_off)(void *owner);
    /* Nothing of it is left; result and stderr tail are in the worker.  The owner
     * may free it here. */
    void (*on_over)(void *owner);
};

struct weir__worker_options {
    const struct weir_command *command; /* borrowed for the start */
    int64_t grace_ms, drain_ms;
    size_t stderr_kept;                       /* bytes of its stderr kept, head and tail */
    struct weir__stderr_forwarder *forwarder; /* where its stderr goes; outlives the worker */
    size_t pipe_size; /* of its stdin and stdout, where the kernel lets us; 0: as they come */
    int is_launched;  /* there is a launcher in front */
    const struct weir_command *stop; /* ends what it launched; NULL: none.  Borrowed until the
                                        worker is cleared */
};

struct weir__worker {
    weir_t *weir;
    enum weir__worker_state state;
    struct weir__job job;
    struct weir_result result;
    int64_t grace_ms, drain_ms;
    uint64_t limits[WEIR_LIMIT_COUNT];

    int in_fd;          /* write end of its stdin, -1 once closed */
    int peek_fd;        /* read end of it, once we have closed ours: to see what it leaves unread;
                           -1 where there is no such thing: then it counts as read */
    size_t left_unread; /* bytes for it that it had not read when it ended */
    weir__watch *in_watch;
    struct weir__buffer sending;
    size_t sent;       /* of sending */
    uint64_t all_sent; /* bytes ever queued */
    int close_when_sent;
    int is_deaf;     /* it has closed its stdin before we did */
    int has_refused; /* and has not read what there was for it */

    int out_fd;       /* read end of its stdout, -1 once closed */
    size_t pipe_size; /* what its stdin and stdout hold */
    weir__watch *out_watch;
    char *chunk; /* what was read last */
    struct weir__capture errors;
    struct weir__stderr_source stderr_source;
    weir__timer *drain;
    const struct weir_command *stop;
    struct weir__stop_command stop_command;
    long far_pid;         /* what the worker behind the launcher says of itself; 0, NULL: nothing */
    const char *far_node; /* borrowed */
    int64_t stop_grace_ms; /* what is left for the launcher after it */

    int job_over, exited, draining, paused, napping, told_over;
    const struct weir__worker_ops *ops;
    void *owner;
};

/* Starts a worker; all of *worker is zero before.  A program that cannot be
 * executed is told by on_over.  On failure nothing is left.
 * Errors: SYSTEM, NOMEM, SPAWNER. */
int weir__worker_start(struct weir__worker *worker, weir_t *weir,
                       const struct weir__worker_options *options,
                       const struct weir__worker_ops *ops, void *owner, struct weir_error *error);

/* Queues bytes; weir__worker_flush() writes what the pipe takes.  Errors: NOMEM. */
int weir__worker_send(struct weir__worker *worker, const char *bytes, size_t length);
void weir__worker_flush(struct weir__worker *worker);

/* Bytes queued and not yet written. */
size_t weir__worker_unsent(const struct weir__worker *worker);

/* The same, and those written that it has not read yet (0 where nobody can tell). */
size_t weir__worker_unread(const struct weir__worker *worker);

/* Whether it has read any of what it was sent: false where nobody can tell. */
int weir__worker_has_read(const struct weir__worker *worker);

/* Whether it lives, and has closed its stdin before we did, or its stdout. */
int weir__worker_is_cut_off(const struct weir__worker *worker);

/* Closes its stdin once all is written. */
void weir__worker_close_input(struct weir__worker *worker);

/* Reads no more of its output for a while, or goes on. */
void weir__worker_pause(struct weir__worker *worker, int pause);

/* Leaves it alone with what it has, or is there at once for it again.  Meanwhile
 * its owner comes to read and flush: less often, for more. */
void weir__worker_nap(struct weir__worker *worker, int nap);

/* Reads what it has written, unless paused.  Tells on_bytes, and maybe on_over. */
void weir__worker_read(struct weir__worker *worker);

/* Whether it has written what we have not read yet. */
int weir__worker_has_output(const struct weir__worker *worker);

/* The end of what it said on stderr, on one line. */
void weir__worker_tail(const struct weir__worker *worker, char *tail, size_t size);

/* Closes its stdin, shuts our ears, runs the stop command, and sends it down the
 * ladder. */
void weir__worker_stop(struct weir__worker *worker, int64_t grace_ms);

/* Releases everything; one that is not over is killed, and its owner hears nothing. */
void weir__worker_clear(struct weir__worker *worker);

#endif
