/* cli/signals.h - the signals of the program, as bytes in a pipe. The library does not use it. */
#ifndef WEIR_CLI_SIGNALS_H
#define WEIR_CLI_SIGNALS_H

struct caught {
    int number;
    int by_kernel; /* sent by the terminal, not by a process */
};

/* Catches the signals that would end weir (SIGINT, SIGTERM, SIGUSR1, real-time signals..., except
 * those for its own faults and those ignored at its start) and job control (SIGTSTP, SIGTTIN,
 * SIGTTOU). Returns 0 or an errno. */
int signals_catch(void);

/* Also catches SIGWINCH, for a job that gets it. */
void signals_catch_window(void);

/* Readable when a signal was caught. */
int signals_fd(void);

/* Takes the next caught signal. Returns 0 if there is none. */
int signals_take(struct caught *caught);

/* Puts it back for the next signals_take(). */
void signals_put_back(const struct caught *caught);

/* Stops the whole process group with the signal, as if weir did not catch it. Returns 1 when it
 * is continued, or 0 if it did not stop (an orphaned process group). */
int signals_stop(int number);

/* Ends weir with the signal itself, so that the parent sees it. */
_Noreturn void signals_die(int number);

/* Blocks or unblocks SIGTTOU, so that a background process can write to the terminal and hand it
 * over. */
void signals_hold_ttou(int hold);

#endif
