/* cli/opts_pipe.h - what the options of weir pipe set. */
#ifndef WEIR_CLI_OPTS_PIPE_H
#define WEIR_CLI_OPTS_PIPE_H

#include <stdint.h>

#include "cli/options.h"

struct pipe_values {
    struct cli_stop stop;
    const char *file, *input, *output, *report;
    int64_t timeout_ms, drain_ms;
    int pipefail; /* enum weir_pipefail */
    int progress; /* enum progress_style */
    int meter, check, close_fds;
};

/* Positions in cli_pipe's options, for cli_given(). */
enum pipe_option {
    PIPE_FILE,
    PIPE_CHECK,
    PIPE_INPUT,
    PIPE_OUTPUT,
    PIPE_CLOSE_FDS,
    PIPE_TIMEOUT,
    PIPE_GRACE,
    PIPE_STOP,
    PIPE_DRAIN,
    PIPE_PIPEFAIL,
    PIPE_REPORT,
    PIPE_METER,
    PIPE_PROGRESS,
    PIPE_OPTION_COUNT
};

extern const struct cli_option pipe_options[PIPE_OPTION_COUNT];

/* cmd_pipe.c: does what they ask for. */
int cmd_pipe(int argc, char **argv);

#endif
