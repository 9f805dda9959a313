/* cli/startup.h - startup and exit of the command-line programs. */
#ifndef WEIR_CLI_STARTUP_H
#define WEIR_CLI_STARTUP_H

#include "cli/cli.h"

/* Prepares the process for the command, or NULL: memory, standard descriptors, PID 1, weir-spawner,
 * stdout. */
void startup(const struct cli_command *command);

/* Ends a weir-spawner that was not needed, and flushes stdout. Returns status, or reports lost
 * output and returns its status. */
int startup_finish(const struct cli_command *command, int status);

#endif
