/* cli/serve_kinds.h - the kinds of workers that weir serve starts: those of --worker, of --server,
 * and of a file of MCP servers. */
#ifndef WEIR_CLI_SERVE_KINDS_H
#define WEIR_CLI_SERVE_KINDS_H

#include "cli/cli.h"
#include "cli/mcp_file.h"
#include "cli/opts_serve.h"

struct serve_kinds {
    size_t count;
    const struct weir_command **commands;
    const struct weir_kind_options **options;
    struct weir__gateway_kind *tools; /* what MCP clients see of each */

    struct serve_kind *all;
    struct mcp_servers servers;
};

/* Reads them. Says what is wrong, and returns the exit status; 0: nothing is. */
int serve_kinds_read(struct serve_kinds *kinds, const struct serve_values *values,
                     const struct cli_parsed *parsed);

/* Not before the pool is open: what it points to is copied. The front needs tools until its end. */
void serve_kinds_clear(struct serve_kinds *kinds);

#endif
