/* cli/terminal.h - the terminal's foreground, lent to a job and taken back.
 *
 * A shell starts weir in the foreground; weir starts its job in a process group of its own, which
 * gets the foreground, so that Ctrl-C and Ctrl-Z go to the job once and not to weir. weir then
 * does for the job what the shell does for weir: it notices that the job stopped, stops too, and
 * continues the job when continued.
 *
 * In `weir run -- job | less` both use the terminal, and less has the foreground: the job starts
 * in the background and gets the foreground when it stops because it needs it, as under sudo(8).
 * The same holds if standard input is not a terminal and weir is not alone in its group: Ctrl-C
 * is for the others too.
 */
#ifndef WEIR_CLI_TERMINAL_H
#define WEIR_CLI_TERMINAL_H

#include <sys/types.h>
#include <termios.h>

struct terminal {
    int fd;     /* standard input, or else /dev/tty, open until weir exits; -1: none */
    pid_t ours; /* weir's process group */
    pid_t job;  /* the job's; 0: not started, or over */
    struct termios at_start, at_pause;
    int have_pause; /* at_pause is set */
    int shared;     /* other processes of our group may use it: a job gets it when it needs it */
    int offered;    /* a starting job takes the foreground from us */
};

/* Finds the terminal of this session. */
void terminal_open(struct terminal *terminal);

/* The descriptor for a job's terminal_fd, or -1.  Its start takes the foreground
 * if weir's group has it. */
int terminal_offer(struct terminal *terminal);

/* Whether weir's process group is in the foreground. */
int terminal_is_ours(const struct terminal *terminal);

/* Gives the foreground to the job if weir's group has it, with the modes the job had when it
 * stopped. Returns whether it did. */
int terminal_lend(struct terminal *terminal);

/* Takes the foreground back, if the job has it. */
void terminal_take_back(struct terminal *terminal);

/* The same when the job has stopped: saves its modes. */
void terminal_pause(struct terminal *terminal);

/* The same when it has ended. If it was killed, the modes are reset to those at its start. */
void terminal_close(struct terminal *terminal, int killed);

/* Raw mode, in which keys are only bytes; and the modes at the start again. */
void terminal_set_raw(const struct terminal *terminal);
void terminal_restore(const struct terminal *terminal);

/* Whether there was a terminal, and is no more. */
int terminal_is_gone(const struct terminal *terminal);

#endif
