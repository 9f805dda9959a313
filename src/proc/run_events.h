/* proc/run_events.h - the inside of a run.
 *
 * run.c starts it and does what its owner asks; run_events.c takes it to its end.
 *
 *   start --> RUNNING --exit--> DRAINING --outputs closed, nothing left--> over
 *                |                  ^
 *                +-- time up, cancelled, overflow: stop sequence; the exit follows
 *
 * A run is over when three things hold: the job has ended (nothing of it is
 * left), both outputs are closed, and the program's exit is known or never
 * will be.
 */
#ifndef WEIR_PROC_RUN_EVENTS_H
#define WEIR_PROC_RUN_EVENTS_H

#include <weir/run.h>

#include "loop/loop.h"
#include "proc/capture.h"
#include "proc/stdin_writer.h"
#include "proc/operation.h"
#include "proc/relay.h"
#include "proc/run_terminal.h"

enum { OUT, ERR, OUTPUTS };

struct weir__run_output {
    struct weir_run *run;
    int which;          /* 1 or 2 */
    weir_run_sink sink; /* NULL: none, or it has been told the end */
    struct weir__capture capture;
    struct weir__relay relay;
    uint64_t moved; /* by the relay, when it was last looked at */
};

struct weir_run {
    struct weir__operation operation; /* first */
    struct weir_run_options options;
    struct weir__stop_sequence stop;
    uint64_t limits[WEIR_LIMIT_COUNT];
    char *charset, *fallback;

    struct weir__job job;
    struct weir__stdin_writer stdin_writer;
    struct weir__run_output outputs[OUTPUTS];
    struct weir__run_terminal *terminal; /* with WEIR_REDIRECT_PTY */
    weir__timer *deadline, *idle, *drain;
    int64_t last_output_ns;

    int wakeup; /* wakes a thread in weir_run_write(): room, or end */
    int job_over, exited, draining, cancelled;
    int looks;   /* at outputs that had more when their time was over */
    int hurried; /* stopped, or its time is up: a reader of ours that stands still is not waited for
                  */
    enum weir_stop_reason
        stopping; /* why a stop was asked for; the result's only once it took effect */
    struct weir_result result;

    weir_run_done done;
    void *context;
};

/* What the run's job has to say, to the run. */
extern const struct weir__job_ops weir__run_job_ops;

/* Opens its timers; and a file, or a pipe for an output that is kept or passed on, the child's
 * end of which is *child_end.  Errors: SYSTEM, NOMEM, in the run's life. */
int weir__run_open_timers(struct weir_run *run);
int weir__run_open_output(struct weir_run *run, int which, int *child_end);

/* Reads an output from descriptor from, which is non-blocking, and keeps it or passes it on to
 * descriptor to.  Errors: SYSTEM, NOMEM, in the run's life; from is closed then. */
int weir__run_read_output(struct weir_run *run, int which, enum weir_redirect mode, int from,
                          int to);

/* The program takes no more input. */
void weir__run_close_stdin(struct weir_run *run);

/* There is room in its stdin, or no reader. */
void weir__run_has_room(void *owner);

/* What is left has had its time: its pipes are closed, and it is stopped. */
void weir__run_drained(void *data);

/* Begins its job's stop sequence; the first reason counts. */
void weir__run_stop(struct weir_run *run, enum weir_stop_reason why, int64_t grace_ms);

/* Closes all that is still open, without a callback. */
void weir__run_close(struct weir_run *run);

#endif
