/* cli/serve_cmd.h - weir serve, as its files share it.
 *
 * serve_read.c reads the options, serve_doors.c opens what clients reach, serve_run.c goes from
 * state to state, and cmd_serve.c puts them together. */
#ifndef WEIR_CLI_SERVE_CMD_H
#define WEIR_CLI_SERVE_CMD_H

#include <weir/weir.h>

#include "cli/opts_serve.h"
#include "cli/output_check.h"
#include "cli/serve_audit.h"
#include "cli/serve_guard.h"
#include "cli/serve_kinds.h"
#ifdef WEIR_HTTP
#include "cli/serve_web.h"
#endif
#include "pool/front_mcp.h"
#include "pool/pins.h"
#include "pool/server.h"

/* Pauses between looks at what cannot be waited for, and the last responses to slow clients. */
enum { SERVE_LOOK_MS = 50, SERVE_FLUSH_MS = 2000 };

/*   STARTING --workers ready--> SERVING --signal--> LEAVING --delay, signal--> DRAINING
 *       |                                                                         |
 *       +--they cannot be, signal--> over          no call left, signal--> over --+
 *
 *   LEAVING: the web door is not ready any more, so that others stop to send it requests. */
enum serve_state { SERVER_STARTING, SERVER_SERVING, SERVER_LEAVING, SERVER_DRAINING, SERVER_OVER };

struct serve_cmd {
    struct serve_values values;
    struct cli_parsed parsed;
    struct serve_kinds kinds;
    char ***launchers, ***launcher_stops; /* of each worker; NULL: none */
    int64_t *unready_since_ns;            /* of each worker; 0: some process is ready */
    int is_down;                          /* --exit-when-down applied */
    char *path;                           /* NULL: the socket was passed by the service manager */
    int fd;
    int in, out; /* of --stdio and --mcp; in == out: a socket */
    weir_t *weir;
    weir_pool_t *pool;
    struct weir__server server;
#ifdef WEIR_HTTP
    struct serve_web web;
#endif
    struct serve_guard guard;
    struct output_check check;
    struct weir__mcp_front mcp;
    struct weir__pins pins;
    int pins_failed; /* they could not be written */
    struct serve_audit calls;
    char error_text[600]; /* what went wrong, for the audit log */
    enum serve_state state;
    int status;
    int64_t leave_ns;
    int64_t linger_ns; /* --linger: when the server ends if nobody comes */
    int is_hurried;    /* there was a second signal */
};

/* Whether there is a web door. */
int serve_has_web(const struct serve_cmd *cmd);

/* Whether one client is served on stdin and stdout: the option that says so, or NULL. */
const char *serve_pair_option(const struct serve_cmd *cmd);

/* Whether clients are served before workers are ready: they give up on servers that answer slowly.
 */
int serve_is_at_once(const struct serve_cmd *cmd);

/* Prints the sentence, and keeps it for the audit log.  Returns the status. */
int serve_fail(struct serve_cmd *cmd, int status, const char *sentence);

/* The same for an error.  Returns the exit status for it. */
int serve_fail_by(struct serve_cmd *cmd, const struct weir_error *error);

/* The server ends with this status. */
void serve_end(struct serve_cmd *cmd, int status);

#endif
