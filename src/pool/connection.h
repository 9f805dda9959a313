/* pool/connection.h - a connection to a server: requests, start and end. */
#ifndef WEIR_POOL_CONNECTION_H
#define WEIR_POOL_CONNECTION_H

#include "pool/connection_out.h"

/* Takes fd and out_fd, which are one socket (fd == out_fd) or two descriptors.
 * Errors: SYSTEM, NOMEM. */
int weir__connection_open(struct weir__server *server, int fd, int out_fd,
                          struct weir_error *error);

/* Cancels its calls and closes it. */
void weir__connection_close(struct weir__connection *connection);

#endif
