/* cli/opts_call.h - what the options of weir call set. */
#ifndef WEIR_CLI_OPTS_CALL_H
#define WEIR_CLI_OPTS_CALL_H

#include <stdint.h>

#include "cli/options.h"

struct call_values {
    struct cli_stop stop;
    const char *worker, *socket, *launcher, *launcher_stop;
    int64_t timeout_ms, start_timeout_ms;
    int protocol;    /* enum weir_dialect */
    int mcp_version; /* index into cli_mcp_versions */
    int check;       /* index into output_check_words */
    int input, json, list, any_server, whole, no_retry, launcher_shell;
};

/* Positions in cli_call's options, for cli_given(). */
enum call_option {
    CALL_WORKER,
    CALL_SOCKET,
    CALL_ANY_SERVER,
    CALL_LAUNCHER,
    CALL_LAUNCHER_SHELL,
    CALL_LAUNCHER_STOP,
    CALL_PROTOCOL,
    CALL_MCP_VERSION,
    CALL_NO_RETRY,
    CALL_STDIN,
    CALL_LIST,
    CALL_JSON,
    CALL_WHOLE,
    CALL_CHECK,
    CALL_TIMEOUT,
    CALL_START_TIMEOUT,
    CALL_STOP,
    CALL_OPTION_COUNT
};

extern const struct cli_option call_options[CALL_OPTION_COUNT];

/* cmd_call.c: does what they ask for. */
int cmd_call(int argc, char **argv);

#endif
