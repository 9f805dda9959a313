/* cli/opts_call.h - what the options of weir call set. */
#ifndef WEIR_CLI_OPTS_CALL_H
#define WEIR_CLI_OPTS_CALL_H

#include <stdint.h>

#include "cli/options.h"

struct call_values {
    const char *worker, *socket, *launcher;
    int64_t timeout_ms, start_timeout_ms;
    int input, json, list, any_server;
};

/* Positions in cli_call's options, for cli_given(). */
enum call_option {
    CALL_WORKER,
    CALL_SOCKET,
    CALL_ANY_SERVER,
    CALL_LAUNCHER,
    CALL_STDIN,
    CALL_LIST,
    CALL_JSON,
    CALL_TIMEOUT,
    CALL_START_TIMEOUT,
    CALL_OPTION_COUNT
};

extern const struct cli_option call_options[CALL_OPTION_COUNT];

/* cmd_call.c: does what they ask for. */
int cmd_call(int argc, char **argv);

#endif
