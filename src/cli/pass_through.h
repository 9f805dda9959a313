/* cli/pass_through.h - weir's own terminal while the program has one of its own (run --pty).
 *
 * What is typed is the program's, the keys for signals too: weir's terminal is in raw mode as long
 * as weir is in the foreground, and is read only then.
 */
#ifndef WEIR_CLI_PASS_THROUGH_H
#define WEIR_CLI_PASS_THROUGH_H

#include <weir/run.h>

#include "cli/terminal.h"

struct pass_through {
    const struct terminal *terminal; /* NULL: there is no such run */
    weir_run_t *run;
    int is_typed; /* the run's input is the terminal */
    int is_raw;
    int rows, columns; /* as last told to the run */
};

/* Sets the options of a run on a terminal of its own: its size is weir's. is_typed: its input
 * comes from weir's terminal. */
void pass_through_prepare(struct pass_through *through, const struct terminal *terminal,
                          int is_typed, struct weir_run_options *options);

/* Takes the keyboard if weir is in the foreground, and leaves it if not. Returns in how many
 * milliseconds to look again, or -1. */
int pass_through_follow(struct pass_through *through);

/* Tells the run the size of weir's terminal. Returns 0 if there is nothing new. */
int pass_through_resize(struct pass_through *through);

/* Gives the terminal its modes back: before weir stops, and at the end. */
void pass_through_leave(struct pass_through *through);

#endif
