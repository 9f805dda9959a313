/* cli/trace.h - the option --trace.
 *
 * audit_begin() and audit_end() open and close the trace, because a trace has the same beginning
 * and end as a record of the audit log.  Without --trace the pointer is NULL.
 */
#ifndef WEIR_CLI_TRACE_H
#define WEIR_CLI_TRACE_H

#include "base/trace.h"
#include "cli/options.h"

/* Opens the trace, and puts its context into the environment of weir, and so of its children.
 * target: what is started, or NULL.  Returns 0, or reports the error and returns the exit status:
 * nothing may be started. */
int trace_begin(struct weir__trace **trace, const struct cli_command *command,
                const struct cli_parsed *parsed, const char *target);

/* Closes the trace.  Returns status, or reports the error and returns CLI_FAILED. */
int trace_end(struct weir__trace **trace, const struct cli_command *command, int status,
              const char *detail);

#endif
