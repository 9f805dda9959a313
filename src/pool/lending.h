/* pool/lending.h - workers lent to the client of a private server.
 *
 * The client calls a lent worker itself, on the worker's own pipes: docs/protocol.md section 11.
 * Start, replacement, limits, signals and stderr remain the pool's.
 *
 *   READY, free --weir/lend--> LENT --weir/return--> READY, free
 *                               | |
 *                               | +--replaced, or the pool drains: recalled--weir/return--> it ends
 *                               +--its end--> weir/gone
 *
 *   The client disconnects: its workers end.
 */
#ifndef WEIR_POOL_LENDING_H
#define WEIR_POOL_LENDING_H

#include "pool/connection_out.h"

/* Answers weir/lend, as soon as a worker is free. */
void weir__lending_ask(struct weir__connection *connection, const struct weir__batch *batch,
                       const struct weir__message *message);

/* Handles a notification about a lent worker. Returns 0 if it is about something else. */
int weir__lending_notice(struct weir__connection *connection, const struct weir__message *message);

/* The client has disconnected. */
void weir__lending_end(struct weir__connection *connection);

#endif
