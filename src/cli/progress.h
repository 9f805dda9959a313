/* cli/progress.h - what a pipeline is doing, on standard error, while it does it.
 *
 * tty:  a line for each stage, redrawn in place; what stages say on stderr is
 *       printed above it.
 * json: a JSON object a line for every change: {"kind": ..., "elapsed_ms": ...}.
 */
#ifndef WEIR_CLI_PROGRESS_H
#define WEIR_CLI_PROGRESS_H

#include <weir/weir.h>

enum progress_style { PROGRESS_AUTO, PROGRESS_TTY, PROGRESS_JSON, PROGRESS_NONE };

/* What auto means here: tty, or none.  to_terminal: the data goes to standard
 * output, which may be the same terminal. */
enum progress_style progress_choose(enum progress_style asked, int to_terminal);

struct progress;

/* Begins a show, drawn first after delay_ms.  style is tty or json.  Returns NULL
 * when memory is short.  The caller owns it. */
struct progress *progress_new(enum progress_style style, int delay_ms);

/* Whose stages are to be shown.  Returns 0, or -1 when memory is short. */
int progress_follow(struct progress *progress, const weir_pipeline_t *pipeline);

/* Takes news in; from a context's sink. */
void progress_event(struct progress *progress, const struct weir_event *event);

/* Draws what is due.  Returns milliseconds until there is more to draw, -1 for
 * only when there is news. */
int progress_tick(struct progress *progress);

/* Takes the drawing off the terminal; it comes back with the next tick. */
void progress_hide(struct progress *progress);

/* Says a message of weir's in the style's way. */
void progress_say(struct progress *progress, const char *kind, const char *message);

/* The run is over: the last drawing stands, and messages come below it. */
void progress_settle(struct progress *progress);

/* The last word; report is NULL when there is none. */
void progress_end(struct progress *progress, const struct weir_pipe_report *report, int status);

/* Accepts NULL. */
void progress_free(struct progress *progress);

#endif
