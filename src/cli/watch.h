/* cli/watch.h - run the context's loop until a job is over, minding signals and
 * the terminal meanwhile.  Shared by the subcommands that start a job.
 *
 *   signal that ends    job down the ladder; a second one: at once
 *   SIGUSR1, SIGUSR2    passed on to the job (run, pipe)
 *   job stopped         terminal back, weir stops too; woken: the job is woken
 *   terminal wanted     by a process of weir's own group: it gets the terminal
 */
#ifndef WEIR_CLI_WATCH_H
#define WEIR_CLI_WATCH_H

#include <weir/weir.h>

#include "cli/audit_common.h"
#include "cli/cli.h"
#include "cli/terminal.h"

struct watch {
    weir_t *weir;
    struct terminal terminal;

    /* The job's own; set before watch_job(). */
    void *job;
    void (*cancel)(void *job);
    const struct cli_command *command; /* says a map's notices where no progress is shown */
    int has_no_group;                  /* of processes that stop when weir stops */

    /* News on top of the watch's own business; may be NULL. */
    void *context;
    void (*on_event)(void *context, const struct weir_event *event);
    int (*on_tick)(void *context); /* returns milliseconds until the next one, -1: none */
    void (*on_pause)(void *context);

    struct audit audit; /* hears of the job's events */

    int over;        /* set by whoever hears that the job is over */
    int ended_by;    /* the first signal that asked weir to end; 0: none */
    int by_terminal; /* it came from the terminal */
    int to_pass;     /* signals for the job that came before it did; bits, 0: none */
    int stop_asked;  /* a signal that asks weir's group to stop; 0: none */
    int paused;      /* the signal that stopped the job; 0: it runs */
    pid_t paused_pid;
};

/* Catches signals, looks at the terminal and opens a context.  Errors: SYSTEM,
 * and those of weir_open(). */
int watch_open(struct watch *watch, struct weir_error *error);

/* The descriptor for the job's terminal_fd. */
int watch_terminal_fd(struct watch *watch);

/* Returns when watch->over is set. */
void watch_job(struct watch *watch);

/* Closes the context and takes the terminal back.  killed: the job, or part of
 * it, was ended by a signal. */
void watch_close(struct watch *watch, int killed);

/* What weir exits with when a job that would exit with status was cancelled, or not. */
int watch_status(const struct watch *watch, int status, int cancelled);

/* The same, for one that may have been interrupted.  interrupted: the job died of SIGINT.  Does not
 * return when weir must end by SIGINT itself, so that a shell's loop around it ends too. */
int watch_end(const struct watch *watch, int status, int cancelled, int interrupted);

#endif
