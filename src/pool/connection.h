/* pool/connection.h - one connection to a server: its requests, its start and end. */
#ifndef WEIR_POOL_CONNECTION_H
#define WEIR_POOL_CONNECTION_H

#include "pool/connection_out.h"

/* Takes fd.  Errors: SYSTEM, NOMEM. */
int weir__session_open(struct weir__server *server, int fd, struct weir_error *error);

/* Cancels its calls and closes it. */
void weir__session_close(struct weir__session *session);

#endif
