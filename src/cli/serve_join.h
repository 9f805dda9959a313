/* cli/serve_join.h - weir serve --mcp --join: an MCP client's stdin and stdout, and a server's
 * socket. */
#ifndef WEIR_CLI_SERVE_JOIN_H
#define WEIR_CLI_SERVE_JOIN_H

#include <weir/error.h>

/* Connects to the server at path. Returns a descriptor, or a negative status. Errors: SYSTEM,
 * INVALID. */
int serve_join_connect(const char *path, struct weir_error *error);

/* Passes bytes on between the client's two descriptors, which are non-blocking, and the server's.
 * Ends at the end of the client's input, when nobody reads its output, on a signal (status 0), and
 * when the server goes away: then each open request is answered with an error (status 1). Signals
 * must be caught. Takes all three. Returns the exit status. */
int serve_join(int in, int out, int server);

#endif
