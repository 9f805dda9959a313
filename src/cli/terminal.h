/* cli/terminal.h - the terminal's foreground, lent to a job and taken back.
 *
 * A shell starts weir in the foreground; weir starts its job in a process group
 * of its own, which gets the foreground, so that Ctrl-C and Ctrl-Z go to the job
 * once and to weir not at all.  What the shell does for weir, weir then has to do
 * for the job: notice that it stopped, stop too, and wake it when woken.
 *
 * In `weir run -- job | less` both want the terminal, and less has it from the
 * shell: there the job starts in the background and gets the foreground when it
 * stops for the want of it, as under sudo(8).  So it does where standard input is no
 * terminal and weir is not alone in its group: Ctrl-C is for the others too.
 */
#ifndef WEIR_CLI_TERMINAL_H
#define WEIR_CLI_TERMINAL_H

#include <sys/types.h>
#include <termios.h>

struct terminal {
    int fd;     /* standard input, or else /dev/tty, open until weir ends; -1: none */
    pid_t ours; /* weir's process group */
    pid_t job;  /* the job's; 0: not started, or over */
    struct termios at_start, at_pause;
    int have_pause; /* at_pause is set */
    int shared;     /* others of our group may want it: a job waits until it needs it */
    int offered;    /* a job that starts takes the foreground from us */
};

/* Looks for the terminal of this session. */
void terminal_open(struct terminal *terminal);

/* The descriptor for a job's terminal_fd, or -1.  Its start takes the foreground
 * if weir's group has it. */
int terminal_offer(struct terminal *terminal);

/* Whether weir's process group is in the foreground. */
int terminal_is_ours(const struct terminal *terminal);

/* Gives the foreground to the job when weir's group has it; with the modes the
 * job had when it was stopped.  Returns whether it did. */
int terminal_lend(struct terminal *terminal);

/* Takes the foreground back, if the job has it. */
void terminal_take_back(struct terminal *terminal);

/* The same when the job has stopped: keeps its modes for later. */
void terminal_pause(struct terminal *terminal);

/* The same when it is over.  One that was killed had no time to tidy up: then
 * the modes become what they were when it started. */
void terminal_close(struct terminal *terminal, int killed);

#endif
