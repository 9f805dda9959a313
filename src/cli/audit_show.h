/* cli/audit_show.h - prints an audit log. */
#ifndef WEIR_CLI_AUDIT_SHOW_H
#define WEIR_CLI_AUDIT_SHOW_H

#include "cli/opts_audit.h"
#include "cli/audit_files.h"

/* Prints the selected records. Returns the exit status. */
int audit_show(const struct audit_values *values, const struct audit_files *log);

#endif
