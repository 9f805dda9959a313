/* pool/mcp_request.h - a request of an MCP client, from its arrival until it is answered or runs.
 */
#ifndef WEIR_POOL_MCP_REQUEST_H
#define WEIR_POOL_MCP_REQUEST_H

#include "pool/mcp_answer.h"
#include "rpc/mcp.h"

/* Answers a request with an error. */
void weir__mcp_refuse(struct weir__connection *connection, struct weir__batch *batch,
                      struct weir__slice id, int64_t code, const char *message);

/* A request that waits, runs or listens. Returns NULL if it was refused. */
struct weir__mcp_request *weir__mcp_request_open(struct weir__connection *connection,
                                                 struct weir__batch *batch,
                                                 const struct weir__message *message,
                                                 enum weir__mcp_era era);

/* Starts the request: at once, or when the tools are known. */
void weir__mcp_request_begin(struct weir__mcp_request *request);

/* The same for one that has waited: the tools are known. */
void weir__mcp_request_go_on(struct weir__mcp_request *request);

/* Ends the request with an error. */
void weir__mcp_request_fail(struct weir__mcp_request *request, int64_t code, const char *message);

#endif
