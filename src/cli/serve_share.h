/* cli/serve_share.h - weir serve --mcp --join SOCKET -f FILE: clients share a server that the first
 * of them starts.
 *
 * A lock beside the socket, SOCKET.lock, is held by a client until it is connected, and by the
 * server while it takes its socket away.  So no client meets a server that is leaving. */
#ifndef WEIR_CLI_SERVE_SHARE_H
#define WEIR_CLI_SERVE_SHARE_H

#include <weir/error.h>

enum { SERVE_SHARE_IS_SERVER = -100 };

/* Connects to the server at path, and starts it where none listens.  Returns a descriptor; or
 * SERVE_SHARE_IS_SERVER in a new process without a terminal, which is to be the server, with
 * SOCKET.log as standard error; or a negative status with *exit_status set.  Errors: SYSTEM,
 * TIMEOUT, INVALID. */
int serve_share_connect(const char *path, int *exit_status, struct weir_error *error);

/* Takes the lock, unless a client has it.  Returns a descriptor to close, or -1. */
int serve_share_lock(const char *path);

#endif
