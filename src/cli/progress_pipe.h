/* cli/progress_pipe.h - progress of a pipeline: a line for each stage. */
#ifndef WEIR_CLI_PROGRESS_PIPE_H
#define WEIR_CLI_PROGRESS_PIPE_H

#include <weir/weir.h>

#include "cli/progress.h"

/* Creates a progress, first drawn after delay_ms. style is tty or json. Returns NULL if memory is
 * short. The caller owns it: progress_free(). */
struct progress *pipe_progress_new(enum progress_style style, int delay_ms);

/* Sets the pipeline to show. Returns 0, or -1 if memory is short. */
int pipe_progress_follow(struct progress *progress, const weir_pipeline_t *pipeline);

#endif
