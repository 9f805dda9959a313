/* cli/serve_run.h - a server from state to state: signals, draining, and when it ends by itself. */
#ifndef WEIR_CLI_SERVE_RUN_H
#define WEIR_CLI_SERVE_RUN_H

#include "cli/serve_cmd.h"

/* Runs until the server has left this state. */
void serve_run(struct serve_cmd *cmd, enum serve_state left);

#endif
