/* cli/serve_read.h - from the options of weir serve to what it starts. */
#ifndef WEIR_CLI_SERVE_READ_H
#define WEIR_CLI_SERVE_READ_H

#include "cli/serve_cmd.h"

/* The defaults. */
void serve_values_init(struct serve_values *values);

void serve_values_clear(struct serve_values *values);

/* Reads what the command line asks for.  Returns 0, or the exit status after a message. */
int serve_read(struct serve_cmd *cmd);

/* Whether the files that options name can be used together.  Returns as serve_read(). */
int serve_read_files(const struct serve_cmd *cmd);

/* The options of the pool; they point into *cmd. */
void serve_read_pool(const struct serve_cmd *cmd, struct weir_pool_options *options);

#endif
