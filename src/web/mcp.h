/* web/mcp.h - MCP over HTTP ("Streamable HTTP"), at /mcp.
 *
 * Each POST is a connection of the server, without descriptors: what the server sends on it is the
 * response, one JSON text or a stream of events, and the connection ends with the answer.
 *
 *   2026-07-28    a POST stands for itself; a client that goes cancels what it asked for
 *   before that   "initialize" begins a session, which has an id.  A call goes on without its
 *                 client, who says when it is cancelled; a GET is told what changes; DELETE ends it
 */
#ifndef WEIR_WEB_MCP_H
#define WEIR_WEB_MCP_H

#include "web/web.h"

/* For /mcp. */
weir__web_handler weir__web_mcp_post, weir__web_mcp_get, weir__web_mcp_delete;

/* Its client has room for more. */
void weir__web_mcp_flush(struct weir__web_client *client);

/* The response has begun, or begins now, to be a stream of events. */
void weir__web_mcp_begin_events(struct weir__web_client *client);

/* Its client is over. */
void weir__web_mcp_drop(struct weir__web_client *client);

/* Ends the streams of those that are only told what changes: of sessions, and, unless the front
 * does that itself, subscriptions. */
void weir__web_mcp_end_streams(struct weir__web_door *door, int with_subscriptions);

/* Cancels what runs, and forgets all sessions. */
void weir__web_mcp_clear(struct weir__web_door *door);

#endif
