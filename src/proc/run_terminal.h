/* proc/run_terminal.h - the new terminal that is a run's stdin, stdout and stderr.
 *
 * The host has its master: one descriptor is read like a pipe from an output, one written like a
 * pipe to stdin.  What the input comes from, if that is a descriptor, is read here.
 */
#ifndef WEIR_PROC_RUN_TERMINAL_H
#define WEIR_PROC_RUN_TERMINAL_H

#include <weir/run.h>

#include "loop/loop.h"
#include "proc/stdin_writer.h"

struct weir__run_terminal;

/* Opens it as the options say, and starts writer, whose on_room and owner are set, with bytes of
 * the options, or with what is read from descriptor from, which is borrowed (-1: none). *for_output
 * is a master to read from, non-blocking and the caller's.  Returns NULL on failure.
 * Errors: SYSTEM, NOMEM. */
struct weir__run_terminal *weir__run_terminal_open(weir__loop *loop,
                                                   const struct weir_run_options *options,
                                                   struct weir__stdin_writer *writer, int from,
                                                   int *for_output, struct weir_error *error);

/* The master for the child's start, borrowed. */
int weir__run_terminal_master(const struct weir__run_terminal *terminal);

/* Stops reading what the input comes from, or goes on. */
void weir__run_terminal_pause(struct weir__run_terminal *terminal, int pause);

/* Closes it, after the writer: what still runs there is hung up.  Accepts NULL. */
void weir__run_terminal_close(struct weir__run_terminal **terminal);

#endif
