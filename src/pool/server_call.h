/* pool/server_call.h - a client's call: from its request to its answer. */
#ifndef WEIR_POOL_SERVER_CALL_H
#define WEIR_POOL_SERVER_CALL_H

#include "pool/connection_out.h"

/* Starts the call that a request asks for, or answers why not. */
void weir__server_call_start(struct weir__connection *connection, struct weir__batch *batch,
                             const struct weir__message *message);

/* Takes a notification of the client, which may be about one of its calls. */
void weir__server_call_notice(struct weir__connection *connection,
                              const struct weir__message *message);

/* Cancels it without an answer: the client has gone. */
void weir__server_call_drop(struct weir__server_call *call);

/* Counts again what a connection's calls hold for their workers. */
void weir__server_call_weigh(struct weir__connection *connection);

#endif
