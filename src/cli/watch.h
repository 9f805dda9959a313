/* cli/watch.h - runs the context's loop until a job is over, and handles signals and the
 * terminal. Shared by the subcommands that start a job.
 *
 *   signal that ends    the job's stop sequence; a second one kills it
 *   SIGUSR1, SIGUSR2,   passed on to the job (run, pipe); SIGHUP ends it when the terminal is
 *   SIGHUP, SIGWINCH    gone
 *   job stopped         terminal back, weir stops too; woken: the job is woken
 *   terminal wanted     by a process of weir's own group: it gets the terminal
 */
#ifndef WEIR_CLI_WATCH_H
#define WEIR_CLI_WATCH_H

#include <weir/weir.h>

#include "cli/audit_common.h"
#include "cli/cli.h"
#include "cli/pass_through.h"
#include "cli/terminal.h"

struct watch {
    weir_t *weir;
    struct terminal terminal;

    /* The job's own; set before watch_job(). */
    void *job;
    void (*cancel)(void *job);
    const struct cli_command *command; /* prints notices if no progress is shown */
    int has_no_group;                  /* its processes are in no common group */

    /* Callbacks beside the watch's own work; may be NULL. */
    void *context;
    void (*on_event)(void *context, const struct weir_event *event);
    int (*on_tick)(void *context); /* returns milliseconds until the next one, -1: none */
    void (*on_pause)(void *context);

    struct pass_through through; /* for a job on a terminal of its own */

    struct audit audit; /* receives the job's events */

    int over;        /* set by the callback that the job is over */
    int ended_by;    /* the first signal that asked weir to end; 0: none */
    int by_terminal; /* it came from the terminal */
    int to_pass;     /* signals that arrived before the job started; bits, 0: none */
    int stop_asked;  /* a signal that asks weir's group to stop; 0: none */
    int paused;      /* the signal that stopped the job; 0: it runs */
    pid_t paused_pid;
};

/* Catches signals, finds the terminal and opens a context.  Errors: SYSTEM,
 * and those of weir_open(). */
int watch_open(struct watch *watch, struct weir_error *error);

/* The descriptor for the job's terminal_fd. */
int watch_terminal_fd(struct watch *watch);

/* Returns when watch->over is set. */
void watch_job(struct watch *watch);

/* Closes the context and takes the terminal back.  killed: the job, or part of
 * it, was ended by a signal. */
void watch_close(struct watch *watch, int killed);

/* The exit status for a job with this status, cancelled or not. */
int watch_status(const struct watch *watch, int status, int cancelled);

/* The same for a job that may have been interrupted. interrupted: the job died of SIGINT. Does
 * not return if weir must end by SIGINT itself, so that so that a shell's loop around it ends too.
 */
int watch_end(const struct watch *watch, int status, int cancelled, int interrupted);

#endif
