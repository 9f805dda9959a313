/* cli/audit_show.h - an audit log for people to read. */
#ifndef WEIR_CLI_AUDIT_SHOW_H
#define WEIR_CLI_AUDIT_SHOW_H

#include "cli/opts_audit.h"
#include "cli/audit_files.h"

/* Prints the records that values ask for.  Returns the status to exit with. */
int audit_show(const struct audit_values *values, const struct audit_files *log);

#endif
