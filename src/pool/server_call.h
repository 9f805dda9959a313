/* pool/server_call.h - a client's call, from request to answer. */
#ifndef WEIR_POOL_SERVER_CALL_H
#define WEIR_POOL_SERVER_CALL_H

#include "pool/connection_out.h"

/* Starts the requested call, or answers with an error. */
void weir__server_call_start(struct weir__connection *connection, struct weir__batch *batch,
                             const struct weir__message *message);

/* Handles a notification from the client, which may concern one of its calls. */
void weir__server_call_notice(struct weir__connection *connection,
                              const struct weir__message *message);

/* The client sends nothing more: breaks open input streams, and lets output streams run as fast as
 * the client reads. */
void weir__server_call_end_input(struct weir__connection *connection);

/* Cancels the call without an answer: the client has disconnected. */
void weir__server_call_drop(struct weir__server_call *call);

/* Recounts the memory that a connection's calls hold for their workers. */
void weir__server_call_weigh(struct weir__connection *connection);

#endif
