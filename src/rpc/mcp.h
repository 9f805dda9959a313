/* rpc/mcp.h - messages of MCP (the Model Context Protocol): for weir as the host of an MCP
 * server (work/dialect_mcp.c), and for weir as an MCP server.
 *
 * MCP has two eras.  Legacy revisions (2024-11-05 to 2025-11-25) begin with the request
 * "initialize".  The modern one (2026-07-28) has no handshake: params._meta of each request
 * says its version.  weir speaks both.  All version strings and names of members are here.
 *
 * No I/O and no state.  Payloads are copied as they are, results are slices of their line.
 * Functions that write append a whole line, or leave the buffer as it was and return NOMEM.
 */
#ifndef WEIR_RPC_MCP_H
#define WEIR_RPC_MCP_H

#include "base/buffer.h"
#include "rpc/rpc_parse.h"
#include "rpc/rpc_write.h"

enum weir__mcp_era { WEIR__MCP_LEGACY, WEIR__MCP_MODERN };

#define WEIR__MCP_MODERN_VERSION "2026-07-28"
#define WEIR__MCP_LEGACY_VERSION "2025-11-25" /* the newest with "initialize" */

/* Members of _meta. */
#define WEIR__MCP_META(name)   "io.modelcontextprotocol/" name
#define WEIR__MCP_VERSION      WEIR__MCP_META("protocolVersion")
#define WEIR__MCP_CLIENT       WEIR__MCP_META("clientInfo")
#define WEIR__MCP_CAPABILITIES WEIR__MCP_META("clientCapabilities")
#define WEIR__MCP_SERVER       WEIR__MCP_META("serverInfo")
#define WEIR__MCP_SUBSCRIPTION WEIR__MCP_META("subscriptionId")

enum { WEIR__MCP_UNSUPPORTED_VERSION = -32022, WEIR__MCP_TOOL_FAILED = 1000 };

/* Whether a slice is the version string of a legacy revision that weir speaks. */
bool weir__mcp_is_legacy(struct weir__slice version);

/* {"name":"weir","version":"..."}, as clientInfo and serverInfo. */
struct weir__slice weir__mcp_self(void);

/* --- Requests of a host -------------------------------------------------------- */

/* Requests that weir passes on as they are, with an object as params, and whose whole result
 * is the value of the call; the capability of a server that answers them. */
enum weir__mcp_capability {
    WEIR__MCP_TOOLS = 1,
    WEIR__MCP_RESOURCES = 2,
    WEIR__MCP_PROMPTS = 4,
    WEIR__MCP_COMPLETIONS = 8,
    WEIR__MCP_LOGGING = 16,
    WEIR__MCP_TOOLS_CHANGE = 32, /* capabilities.tools.listChanged */
};

/* 0: not one of those requests. */
unsigned weir__mcp_request(const char *method);

/* The tool that a request tools/call names. NULL: it is another request, or names none, or memory
 * is short. The caller owns it: free(). */
char *weir__mcp_tool(const char *method, struct weir__slice params);

/* What a server's "capabilities" has. */
unsigned weir__mcp_capabilities(struct weir__slice capabilities);

struct weir__mcp_terms {
    enum weir__mcp_era era;
    bool wants_progress;                  /* the request's id is its progressToken */
    const char *traceparent, *tracestate; /* NULL: none */
    struct weir__slice request_state;     /* of the answer "input_required"; none: bytes NULL */
};

/* params is an object, or none.  Its _meta is kept: what weir says itself in _meta has
 * precedence, except for clientCapabilities; a legacy server is not sent modern members. */
int weir__mcp_write_request(struct weir__buffer *to, struct weir__slice id, const char *method,
                            struct weir__slice params, const struct weir__mcp_terms *terms);

/* tools/call.  arguments is an object, or none. */
int weir__mcp_write_tool_call(struct weir__buffer *to, struct weir__slice id, const char *tool,
                              struct weir__slice arguments, const struct weir__mcp_terms *terms);

int weir__mcp_write_initialize(struct weir__buffer *to, struct weir__slice id);

/* params is an object, or none. */
int weir__mcp_write_notification(struct weir__buffer *to, const char *method,
                                 struct weir__slice params);

/* notifications/cancelled for the request with this id. */
int weir__mcp_write_cancelled(struct weir__buffer *to, struct weir__slice id, const char *reason);

/* --- Requests that a client sent ------------------------------------------------ */

/* params._meta; what is not there has bytes NULL. */
struct weir__mcp_meta {
    struct weir__slice version, client, capabilities, progress_token, traceparent, tracestate;
};

void weir__mcp_meta_read(struct weir__slice params, struct weir__mcp_meta *meta);

/* --- Results -------------------------------------------------------------------- */

enum weir__mcp_result_kind {
    WEIR__MCP_VALUE,   /* value: what the call returns */
    WEIR__MCP_FAILED,  /* isError */
    WEIR__MCP_REPEAT,  /* input_required that asks for nothing: repeat it with request_state */
    WEIR__MCP_ASKS,    /* input_required: asks for the request with the method `asked` */
    WEIR__MCP_UNKNOWN, /* a resultType that weir does not know */
};

struct weir__mcp_result {
    enum weir__mcp_result_kind kind;
    struct weir__slice whole, value;
    struct weir__slice content, structured, request_state, type;
    struct weir__slice asked; /* a string */
};

/* Cuts the result of a call: value is the structured content, else the text of the only block,
 * a text, else the blocks; else the whole result. */
void weir__mcp_result_read(struct weir__slice result, struct weir__mcp_result *read);

/* Whether a tool says in its result that it has failed. */
bool weir__mcp_is_error(struct weir__slice result);

/* The texts of content blocks, joined by line feeds, at most `most` bytes.  Errors: NOMEM. */
int weir__mcp_text(struct weir__slice content, size_t most, struct weir__buffer *to);

/* The error object of a result that is not a value, without a line end. */
int weir__mcp_write_failure(struct weir__buffer *to, const struct weir__mcp_result *read);

#endif
