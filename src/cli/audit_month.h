/* cli/audit_month.h - weir audit report: what a log shows of a month, by the controls of a
 * standard.
 *
 * The document depends on the records alone: whoever has the same log gets the same bytes. Records
 * after the month change nothing.
 */
#ifndef WEIR_CLI_AUDIT_MONTH_H
#define WEIR_CLI_AUDIT_MONTH_H

#include <jansson.h>

#include "cli/audit_files.h"
#include "cli/opts_audit.h"

/* Reads the log, which is verified, with this verdict.  Prints the document.  Returns the exit
 * status. */
int audit_month(const struct audit_values *values, const struct audit_files *log,
                const struct weir__audit_verdict *verdict);

/* Checks the options of the report.  Returns 0, or the exit status. */
int audit_month_check(const struct audit_values *values);

#endif
