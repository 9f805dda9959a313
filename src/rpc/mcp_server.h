/* rpc/mcp_server.h - messages of weir as an MCP server: what a client's request is, and answers.
 *
 * As in rpc/mcp.h: no I/O, no state, and payloads are copied as they are. Functions that write
 * append a whole line, or leave the buffer as it was and return NOMEM.
 */
#ifndef WEIR_RPC_MCP_SERVER_H
#define WEIR_RPC_MCP_SERVER_H

#include "rpc/mcp.h"

/* Why a request is refused. */
struct weir__mcp_refusal {
    int64_t code; /* 0: it is not */
    const char *message;
    struct weir__slice unsupported; /* of -32022: the version that the client wants */
};

/* Finds the era of a request and reads its _meta. initialized: an "initialize" came before on
 * this connection. */
void weir__mcp_request_check(const struct weir__message *request, bool initialized,
                             enum weir__mcp_era *era, struct weir__mcp_meta *meta,
                             struct weir__mcp_refusal *refusal);

/* An error response; id may be none. */
int weir__mcp_write_error(struct weir__buffer *to, struct weir__slice id, int64_t code,
                          const char *message);
int weir__mcp_write_refusal(struct weir__buffer *to, struct weir__slice id,
                            const struct weir__mcp_refusal *refusal);

/* Results. version: what the client asked for; capabilities: those besides tools, enum
 * weir__mcp_capability. */
int weir__mcp_write_initialized(struct weir__buffer *to, struct weir__slice id,
                                struct weir__slice version, unsigned capabilities);
int weir__mcp_write_discovered(struct weir__buffer *to, struct weir__slice id,
                               unsigned capabilities);
int weir__mcp_write_pong(struct weir__buffer *to, struct weir__slice id);

/* A list, such as "tools": a JSON array. */
int weir__mcp_write_list(struct weir__buffer *to, struct weir__slice id, enum weir__mcp_era era,
                         const char *member, struct weir__slice list);

/* How the value of a call becomes structuredContent. */
enum weir__mcp_structure {
    WEIR__MCP_TEXT_ONLY, /* the type is not known: not at all */
    WEIR__MCP_OBJECT,    /* as it is */
    WEIR__MCP_WRAPPED,   /* {"result":VALUE} */
};

/* The result of a tool: its value as text, and as structure. A value {"weir/content":[...]}
 * consists of content blocks: they are the content. */
int weir__mcp_write_value(struct weir__buffer *to, struct weir__slice id, enum weir__mcp_era era,
                          struct weir__slice value, enum weir__mcp_structure structure);

/* The tool has failed: isError, with a text for the model. */
int weir__mcp_write_tool_error(struct weir__buffer *to, struct weir__slice id,
                               enum weir__mcp_era era, const char *text);

/* The result of an MCP server behind weir, changed to what the client's era has. Any result
 * object, also of other requests than tools/call. may_be_kept: in the modern era it says for how
 * long. */
int weir__mcp_write_passed(struct weir__buffer *to, struct weir__slice id, enum weir__mcp_era era,
                           struct weir__slice result, bool may_be_kept);

/* notifications/progress; total and message may be none. */
int weir__mcp_write_progress(struct weir__buffer *to, struct weir__slice token,
                             struct weir__slice progress, struct weir__slice total,
                             struct weir__slice message);

/* notifications/tools/list_changed; listener: the id of a subscriptions/listen, or none. */
int weir__mcp_write_changed(struct weir__buffer *to, struct weir__slice listener);

/* subscriptions/listen: its first notification, and its end. tools: list_changed is honoured. */
int weir__mcp_write_listening(struct weir__buffer *to, struct weir__slice id, bool tools);
int weir__mcp_write_listened(struct weir__buffer *to, struct weir__slice id);

#endif
