/* pool/client.h - a connection to a server: a pool whose one worker is a pair of descriptors. */
#ifndef WEIR_POOL_CLIENT_H
#define WEIR_POOL_CLIENT_H

#include <weir/client.h>

#include "pool/pool_types.h"

/* Makes a socket for a server's path.  Returns a descriptor, or a negative status.
 * Errors: INVALID, SYSTEM. */
int weir__client_socket(const char *path, struct weir_error *error);

/* Tries to connect it, without waiting, and checks the server's user unless any_server.  Returns
 * 1; 0: try again, the server's queue is full; or a negative status. */
int weir__client_try(int fd, const char *path, int any_server, struct weir_error *error);

/* The socket's path: given, or the default.  The caller owns it.  Errors: INVALID, NOMEM. */
char *weir__client_path(const char *given, struct weir_error *error);

/* As weir_client_over(), without waiting for hello, which has start_timeout_ms: see
 * weir_pool_on_ready() for its pool. */
weir_client_t *weir__client_open(weir_t *weir, int in, int out, int64_t start_timeout_ms,
                                 struct weir_error *error);

weir_pool_t *weir__client_pool(weir_client_t *client);

#endif
