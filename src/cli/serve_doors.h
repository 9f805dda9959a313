/* cli/serve_doors.h - where the clients of weir serve reach it: its socket or one that was passed,
 * stdin and stdout, and the web door. */
#ifndef WEIR_CLI_SERVE_DOORS_H
#define WEIR_CLI_SERVE_DOORS_H

#include "cli/serve_cmd.h"

/* Each returns 0, or the exit status after a message. */

/* Finds out which doors there are, and takes those that are open already. */
int serve_doors_choose(struct serve_cmd *cmd);

/* Takes descriptors 0 and 1 for the client alone: what else is written to stdout goes to
 * stderr. */
int serve_doors_take_stdio(struct serve_cmd *cmd);

/* Opens them. The socket exists only when clients can be served. */
int serve_doors_open(struct serve_cmd *cmd);

/* There are no workers: a client on stdin that asks for something within a moment gets the
 * reason. */
void serve_doors_refuse(struct serve_cmd *cmd);

/* Removes the socket that was made. */
void serve_doors_unbind(struct serve_cmd *cmd);

#endif
