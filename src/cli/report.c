#include "config.h"

#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/document.h"
#include "cli/output.h"

int report_check(const char *path, const char *mixes, struct weir_error *error)
{
    struct weir_error fault;

    if (path == NULL)
        return 0;
    if (strcmp(path, "-") == 0 && mixes != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "--report - %s", mixes);
    if (strcmp(path, "-") == 0 || document_check(path, &fault) == 0)
        return 0;
    return weir__fail(error, WEIR_ERR_SYSTEM, 0, "--report: %.400s: nothing was started",
                      fault.text);
}

static int print(const char *document, struct weir_error *error)
{
    int failed;

    failed = output_write(STDOUT_FILENO, document, strlen(document));
    return failed == 0 ? 0 : weir__peer_fail(error, failed, "write the report to", "standard output");
}

int report_file(const char *path, char *document, struct weir_error *error)
{
    struct weir_error fault;
    int status = 0;

    if (document == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for the report");
    if (strcmp(path, "-") == 0) {
        status = print(document, error);
    } else if (document_write(path, document, &fault) < 0) {
        status = weir__fail(error, fault.status, 0, "--report: %.400s", fault.text);
        error->sys_errno = fault.sys_errno;
    }
    free(document);
    return status;
}
