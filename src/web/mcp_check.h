/* web/mcp_check.h - what a message of MCP over HTTP must have, and refusals. */
#ifndef WEIR_WEB_MCP_CHECK_H
#define WEIR_WEB_MCP_CHECK_H

#include "rpc/mcp_server.h"
#include "web/web.h"

struct weir__http_text weir__web_mcp_field(const struct weir__web_client *client, const char *name);

/* Answers with an error of JSON-RPC, which no server was asked for. */
void weir__web_mcp_refuse(struct weir__web_client *client, int status, struct weir__slice id,
                          int64_t code, const char *message);

/* Without a body. */
void weir__web_mcp_answer_empty(struct weir__web_client *client, int status);

/* Each of these returns 0, or refuses the request. */

/* Content-Type and Accept. */
int weir__web_mcp_check_fields(struct weir__web_client *client);

/* What the fields of a request of 2026-07-28 repeat of it must be the same: what stands between
 * looks at the fields only. */
int weir__web_mcp_check_modern(struct weir__web_client *client, const struct weir__message *message,
                               const struct weir__mcp_meta *meta);

/* Mcp-Protocol-Version of an earlier revision, if it is there. */
int weir__web_mcp_check_version(struct weir__web_client *client, struct weir__slice id);

/* The rate of the token, for each call of the message. */
int weir__web_mcp_take_rate(struct weir__web_client *client, const struct weir__message *message);

#endif
