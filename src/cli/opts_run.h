/* cli/opts_run.h - what the options of weir run set. */
#ifndef WEIR_CLI_OPTS_RUN_H
#define WEIR_CLI_OPTS_RUN_H

#include <stdint.h>

#include "cli/options.h"
#include "cli/options.h"

struct run_values {
    struct cli_stop stop;
    int leave_running, pty;
    int json, merge_stderr, close_fds;
    int64_t timeout_ms, idle_ms, drain_ms;
    const char *input, *encoding, *report;
    int on_error, overflow; /* enum weir_on_error, enum weir_overflow */
    uint64_t max_output;
};

/* Positions in cli_run's options, for cli_given(). */
enum run_option {
    RUN_TIMEOUT,
    RUN_IDLE,
    RUN_GRACE,
    RUN_STOP,
    RUN_DRAIN,
    RUN_LEAVE_RUNNING,
    RUN_INPUT,
    RUN_CLOSE_FDS,
    RUN_PTY,
    RUN_MERGE_STDERR,
    RUN_JSON,
    RUN_REPORT,
    RUN_ENCODING,
    RUN_ON_ERROR,
    RUN_MAX_OUTPUT,
    RUN_OVERFLOW,
    RUN_OPTION_COUNT
};

extern const struct cli_option run_options[RUN_OPTION_COUNT];

/* cmd_run.c: does what they ask for. */
int cmd_run(int argc, char **argv);

#endif
