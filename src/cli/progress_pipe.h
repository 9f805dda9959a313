/* cli/progress_pipe.h - what a pipeline's stages are doing.
 *
 * tty:  a line for each stage, redrawn in place; what stages say on stderr is
 *       printed above it.
 * json: a JSON object a line for every change: {"kind": ..., "elapsed_ms": ...}.
 */
#ifndef WEIR_CLI_PROGRESS_PIPE_H
#define WEIR_CLI_PROGRESS_PIPE_H

#include <weir/weir.h>

#include "cli/progress.h"

/* Begins a show, drawn first after delay_ms.  style is tty or json.  Returns NULL
 * when memory is short.  The caller owns it: progress_free(). */
struct progress *pipe_progress_new(enum progress_style style, int delay_ms);

/* Whose stages are to be shown.  Returns 0, or -1 when memory is short. */
int pipe_progress_follow(struct progress *progress, const weir_pipeline_t *pipeline);

/* The run is over: the last drawing stands, and messages come below it. */
void pipe_progress_settle(struct progress *progress);

/* The last word.  report: NULL when there is none. */
void pipe_progress_end(struct progress *progress, const struct weir_pipe_report *report,
                       int status);

#endif
