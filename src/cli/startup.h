/* cli/startup.h - how each program of the command line begins and ends. */
#ifndef WEIR_CLI_STARTUP_H
#define WEIR_CLI_STARTUP_H

#include "cli/cli.h"

/* Prepares the process: memory, standard descriptors, the duties of process 1, stdout.  main()
 * calls it first. */
void startup(void);

/* Flushes stdout.  Returns status or, having reported it, a failure when output was lost. */
int startup_finish(const struct cli_command *command, int status);

#endif
