/* cli/mcp_file.h - the servers of a gateway: a file with "mcpServers", as MCP clients have it.
 *
 * The file belongs to the client: members that are not known are ignored. What is weir's own is in
 * the member "weir" of a server, and there an unknown member is an error. docs/mcp.md has them.
 */
#ifndef WEIR_CLI_MCP_FILE_H
#define WEIR_CLI_MCP_FILE_H

#include <jansson.h>

#include <weir/command.h>
#include <weir/pool.h>

#include "pool/gateway.h"

struct mcp_server {
    char *label;
    const char **argv, **env;
    const char *cwd;
    enum weir_dialect dialect;
    unsigned workers, window;
    struct weir__gateway_kind kind; /* all it points to is of this server */
};

struct mcp_servers {
    struct mcp_server *items;
    size_t count;
    json_t *document; /* has the strings */
};

/* Adds the servers of a file. Entries that weir cannot start (with "url") are left out: note is
 * told. Errors: INVALID (text says where), SYSTEM, NOMEM. */
int mcp_servers_read(struct mcp_servers *servers, const char *path, void (*note)(const char *text),
                     struct weir_error *error);

void mcp_servers_clear(struct mcp_servers *servers);

/* Whether text may be a label: 1 to 40 of [A-Za-z0-9-]. */
int mcp_is_label(const char *text, size_t length);

#endif
