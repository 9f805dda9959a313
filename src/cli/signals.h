/* cli/signals.h - the program's signals, as bytes in a pipe.  Never the library's. */
#ifndef WEIR_CLI_SIGNALS_H
#define WEIR_CLI_SIGNALS_H

struct caught {
    int number;
    int by_kernel; /* from the terminal, not from a process */
};

/* Catches what asks weir to end (SIGINT, SIGTERM, SIGUSR1, real-time signals...: all that would
 * end it, but for those of its own faults and what was ignored when it started) and what the
 * terminal has to say (SIGTSTP, SIGTTIN, SIGTTOU).  Returns 0 or an errno. */
int signals_catch(void);

/* Readable when something was caught. */
int signals_fd(void);

/* Takes the next caught signal.  Returns 0 when there is none. */
int signals_take(struct caught *caught);

/* Leaves it to whoever takes the next one. */
void signals_put_back(const struct caught *caught);

/* Stops the whole process group by the signal, as if weir did not catch it.
 * Returns when somebody continues it: 1; or 0 when it never stopped, since
 * nobody could continue it (an orphaned process group). */
int signals_stop(int number);

/* Ends weir by the signal itself, so that the parent sees what happened. */
_Noreturn void signals_die(int number);

/* Holds back SIGTTOU, so that the terminal can be written and given away from
 * the background; then lets it come again. */
void signals_hold_ttou(int hold);

#endif
