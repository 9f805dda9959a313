/* pool/connection.h - a connection to a server: requests, start and end. */
#ifndef WEIR_POOL_CONNECTION_H
#define WEIR_POOL_CONNECTION_H

#include "pool/connection_out.h"

/* Takes fd and out_fd, which are one socket (fd == out_fd) or two descriptors.
 * Errors: SYSTEM, NOMEM. */
int weir__connection_open(struct weir__server *server, int fd, int out_fd,
                          struct weir_error *error);

/* Opens a connection without descriptors. Returns NULL where there are too many, or no memory. */
struct weir__connection *weir__connection_carry(struct weir__server *server,
                                                const struct weir__front *front,
                                                const struct weir__carrier *carrier, void *context);

/* A message, or a batch of them, from the client of such a connection: a JSON text without line
 * feeds. last: nothing follows, so that the connection ends once it is answered. */
void weir__connection_hear(struct weir__connection *connection, const char *bytes, size_t length,
                           int last);

/* Cancels its calls and closes it. */
/* The client of such a connection has gone, and its calls go on: it no longer counts as one, unless
 * there are as many of these as there may be connections. */
void weir__connection_leave(struct weir__connection *connection);

void weir__connection_close(struct weir__connection *connection);

#endif
