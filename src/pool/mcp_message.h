/* pool/mcp_message.h - what an MCP client says: its messages, and the session that they make.
 *
 * The fronts themselves, weir__front_mcp and weir__front_unknown, are declared in front.h.
 */
#ifndef WEIR_POOL_MCP_MESSAGE_H
#define WEIR_POOL_MCP_MESSAGE_H

#include "pool/front.h"

/* The session of this connection was initialized on another one. is_told: it is told that lists
 * have changed. Errors: NOMEM. */
int weir__mcp_session_resume(struct weir__connection *connection, bool is_told);

/* Whether the client is told that lists have changed. */
bool weir__mcp_is_told(const struct weir__connection *connection);

/* What the notification "notifications/cancelled" asks for: nothing is sent for that request any
 * more. Returns whether it was open. */
bool weir__mcp_request_cancel(struct weir__connection *connection, struct weir__slice id);

#endif
