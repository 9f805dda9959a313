/* cli/call_cmd.h - weir call, as its files share it.
 *
 * call_output.c writes to standard output and shows the progress, call_reply.c takes what the
 * remote reports, call_input.c sends --stdin, and cmd_call.c has the command line and the loop. */
#ifndef WEIR_CLI_CALL_CMD_H
#define WEIR_CLI_CALL_CMD_H

#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

#include "base/buffer.h"
#include "cli/audit_common.h"
#include "cli/opts_call.h"
#include "cli/output_check.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "rpc/credit.h"

/* Exit statuses. */
enum { CALL_FUNCTION_FAILED = 1, CALL_DEADLINE = 124 };

/* What the function has said of its progress, drawn on a terminal. */
struct call_progress {
    struct progress progress; /* first */
    double at, total;         /* -1: unknown */
    char message[200];
};

struct call_cmd {
    struct call_values values;
    struct output_check check;
    struct cli_parsed parsed;
    struct weir__buffer params;
    char **worker, **launcher, **launcher_stop; /* their words */
    weir_t *weir;                               /* NULL: the function is behind a socket */
    struct remote *remote;

    int has_output_stream;
    struct weir__receiver output;
    weir_lines_t *input; /* NULL: none, or at its end */
    int input_fd_open, called;
    struct weir__buffer out; /* for standard output */
    size_t written;          /* of it */
    int64_t pending_credit;
    int is_done;                     /* the call has ended: out is being written */
    int64_t deadline_ns, give_up_ns; /* CLOCK_MONOTONIC; 0: never */
    struct audit audit;
    struct call_progress shown;
    int shows_progress;
    char error_text[600]; /* what went wrong, for the audit log */
    int over, status;
    int ended_by; /* the first signal; 0: none */
    int by_terminal;
    int hurries; /* there was a second signal */
};

/* --- call_output.c ---------------------------------------------------------- */

extern const struct progress_ops call_progress_ops;

/* Of remote_owner. */
void call_on_progress(void *owner, const struct weir_progress *progress);

/* Before anything else is written to the terminal. */
void call_hide_progress(struct call_cmd *cmd);

/* Says what went wrong, also in the audit log.  Returns status. */
int call_fail(struct call_cmd *cmd, int status, const char *sentence);

/* Ends the loop: unwritten output is dropped. */
void call_end(struct call_cmd *cmd, int status);

/* The call has ended; unwritten output gets time, except after a signal, and only a moment after
 * the deadline. */
void call_finish(struct call_cmd *cmd, int status);

/* Adds a line to the output. */
void call_put_line(struct call_cmd *cmd, struct weir__slice text);

/* Writes what it can, and grants credit for more when all is written. */
void call_write(struct call_cmd *cmd);

/* Ends the loop, and the function with it: freeing the remote cancels its call. */
void call_output_failed(struct call_cmd *cmd, int failed);

/* Gives up on output that is not read, and how long until then, for poll(2). */
void call_check_deadline(struct call_cmd *cmd);
int call_time_left_ms(const struct call_cmd *cmd);

/* --- call_reply.c ----------------------------------------------------------- */

/* The callbacks of a remote whose owner is the struct call_cmd. */
extern const struct remote_owner call_owner;

/* --- call_input.c ----------------------------------------------------------- */

/* Sends what the credit allows. */
void call_send_input(struct call_cmd *cmd);

/* Reads from standard input, which is readable. */
void call_read_input(struct call_cmd *cmd);

#endif
