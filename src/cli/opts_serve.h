/* cli/opts_serve.h - what the options of weir serve set. */
#ifndef WEIR_CLI_OPTS_SERVE_H
#define WEIR_CLI_OPTS_SERVE_H

#include <stdint.h>

#include <weir/command.h>

#include "cli/options.h"

struct serve_values {
    struct cli_stop stop;
    struct cli_list workers, servers, launchers, launcher_stops;
    const char *file, *join;
    const char *socket;
    int protocol;    /* enum weir_dialect */
    int mcp_version; /* index into cli_mcp_versions */
    int check;       /* index into output_check_words */
    int no_retry;
    int64_t stuck_ms;
    int stdio, mcp, launcher_shell, warm;
    uint64_t count, max_queue, window, min_ready, recycle_calls, recycle_rss, max_calls,
        max_connections, max_memory, max_result;
    int64_t recycle_age_ms, exit_when_down_ms, start_timeout_ms, drain_ms;
    int64_t linger_ms; /* -1: the server does not end by itself */

    struct cli_list breakers, fallbacks;

    /* The web door. */
    const char *http, *http_tokens, *http_state;
    struct cli_list http_hosts, http_origins, exposed;
    int http_tracebacks, http_log, no_http_page;
    uint64_t http_connections, http_max_body;
    int audit_arguments, pin_update;
    const char *pin;
    int64_t http_timeout_ms, http_head_timeout_ms, drain_delay_ms;
};

/* Positions in cli_serve's options, for cli_given(). */
enum serve_option {
    SERVE_WORKER,
    SERVE_FILE,
    SERVE_SERVER,
    SERVE_COUNT,
    SERVE_WARM,
    SERVE_LAUNCHER,
    SERVE_LAUNCHER_SHELL,
    SERVE_LAUNCHER_STOP,
    SERVE_PROTOCOL,
    SERVE_MCP_VERSION,
    SERVE_NO_RETRY,
    SERVE_CHECK,
    SERVE_SOCKET,
    SERVE_STDIO,
    SERVE_MCP,
    SERVE_JOIN,
    SERVE_PIN,
    SERVE_PIN_UPDATE,
    SERVE_MAX_RESULT,
    SERVE_BREAKER,
    SERVE_FALLBACK,
    SERVE_MAX_QUEUE,
    SERVE_MAX_CALLS,
    SERVE_MAX_CONNECTIONS,
    SERVE_MAX_MEMORY,
    SERVE_WINDOW,
    SERVE_MIN_READY,
#ifdef WEIR_HTTP
    SERVE_HTTP,
    SERVE_HTTP_TOKENS,
    SERVE_HTTP_STATE,
    SERVE_EXPOSE,
    SERVE_HTTP_HOST,
    SERVE_HTTP_ORIGIN,
    SERVE_HTTP_TIMEOUT,
    SERVE_HTTP_HEAD_TIMEOUT,
    SERVE_HTTP_MAX_BODY,
    SERVE_HTTP_CONNECTIONS,
    SERVE_HTTP_TRACEBACKS,
    SERVE_HTTP_LOG,
    SERVE_NO_HTTP_PAGE,
    SERVE_DRAIN_DELAY,
#endif
    SERVE_RECYCLE_CALLS,
    SERVE_RECYCLE_AGE,
    SERVE_RECYCLE_RSS,
    SERVE_START_TIMEOUT,
    SERVE_STUCK,
    SERVE_GRACE,
    SERVE_STOP,
    SERVE_DRAIN,
    SERVE_LINGER,
    SERVE_EXIT_WHEN_DOWN,
    SERVE_AUDIT_ARGUMENTS,
    SERVE_OPTION_COUNT
};

extern const struct cli_option serve_options[SERVE_OPTION_COUNT];

/* cmd_serve.c: does what they ask for. */
int cmd_serve(int argc, char **argv);

#endif
