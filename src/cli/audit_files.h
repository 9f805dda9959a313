/* cli/audit_files.h - the files of an audit log, opened in order. */
#ifndef WEIR_CLI_AUDIT_FILES_H
#define WEIR_CLI_AUDIT_FILES_H

#include <stddef.h>

#include <weir/error.h>

#include "audit/verify.h"

struct audit_files {
    struct weir__audit_file *files;
    size_t count;
};

/* Opens the named files; a single file stands for its whole log, with its rotated files before
 * it. Errors: SYSTEM, INVALID, NOMEM. Must be closed in any case. */
int audit_files_open(struct audit_files *log, const char *const *names, size_t count,
                     struct weir_error *error);

void audit_files_close(struct audit_files *log);

#endif
