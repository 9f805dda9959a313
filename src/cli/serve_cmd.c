#include "config.h"

#include "cli/serve_cmd.h"

#include <stdio.h>


int serve_has_web(const struct serve_cmd *cmd)
{
#ifdef WEIR_HTTP
    return cmd->values.http != NULL || cmd->web.fd >= 0 || cmd->web.door != NULL;
#else
    (void)cmd;
    return 0;
#endif
}

int serve_fail(struct serve_cmd *cmd, int status, const char *sentence)
{
    snprintf(cmd->error_text, sizeof cmd->error_text, "%s", sentence);
    cli_say(&cli_serve, "%s", sentence);
    return status;
}

int serve_fail_by(struct serve_cmd *cmd, const struct weir_error *error)
{
    return serve_fail(cmd, error->status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED, error->text);
}

const char *serve_pair_option(const struct serve_cmd *cmd)
{
    return cmd->values.mcp ? "--mcp" : cmd->values.stdio ? "--stdio" : NULL;
}

int serve_is_at_once(const struct serve_cmd *cmd)
{
    return cmd->values.mcp || cmd->values.linger_ms >= 0;
}

void serve_end(struct serve_cmd *cmd, int status)
{
    cmd->status = status;
    cmd->state = SERVER_OVER;
}
