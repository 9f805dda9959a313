/* cli/files.h - all files of a command line, compared before any is opened.
 *
 *     struct weir__file_set files = {0};
 *
 *     files_begin(&files, &parsed);                  standard error, and what --audit needs
 *     weir__file_set_path(&files, WEIR__FILE_READ, "--input", path);
 *     ...
 *     if (weir__file_set_end(&files, &error) < 0)    files_status(&cli_x, &error)
 */
#ifndef WEIR_CLI_FILES_H
#define WEIR_CLI_FILES_H

#include "base/file_set.h"
#include "cli/options.h"

void files_begin(struct weir__file_set *files, const struct cli_parsed *parsed);

/* Adds a file of an option, for which "-" is standard input or output. */
void files_add(struct weir__file_set *files, int use, const char *option, const char *path);

/* The whole check for a command without other files than --audit needs. Returns 0, or reports the
 * error and returns the exit status. */
int files_check(const struct cli_command *command, const struct cli_parsed *parsed, int reads_stdin,
                int writes_stdout);

/* The exit status for an error. */
int files_status(const struct cli_command *command, const struct weir_error *error);

#endif
