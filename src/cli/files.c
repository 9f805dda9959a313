#include "config.h"

#include "cli/files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/key.h"
#include "audit/rotation.h"

static void add_audit_log(struct weir__file_set *files, const char *path)
{
    uint64_t *numbers = NULL;
    size_t count = 0;

    weir__file_set_path(files, WEIR__FILE_WRITTEN, "--audit", path);
    if (weir__audit_rotated(path, &numbers, &count, NULL) < 0)
        return; /* opening it says why */
    for (size_t i = 0; i < count; i++) {
        char *name = weir__audit_rotated_name(path, numbers[i]);

        weir__file_set_path(files, WEIR__FILE_WRITTEN, "a rotated file of --audit", name);
        free(name);
    }
    free(numbers);
}

void files_begin(struct weir__file_set *files, const struct cli_parsed *parsed)
{
    const char *log = parsed->audit.file != NULL ? parsed->audit.file : getenv("WEIR_AUDIT");
    const char *key = getenv(WEIR__AUDIT_KEY_VARIABLE);

    weir__file_set_fd(files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDERR_FILENO);
    if (parsed->trace.file != NULL)
        weir__file_set_path(files, WEIR__FILE_WRITTEN, "--trace", parsed->trace.file);
    if (log == NULL || *log == '\0')
        return;
    add_audit_log(files, log);
    if (key != NULL && *key != '\0')
        weir__file_set_path(files, WEIR__FILE_READ, WEIR__AUDIT_KEY_VARIABLE, key);
}

void files_add(struct weir__file_set *files, int use, const char *option, const char *path)
{
    if (path != NULL && strcmp(path, "-") != 0)
        weir__file_set_path(files, use, option, path);
}

int files_status(const struct cli_command *command, const struct weir_error *error)
{
    return error->status == WEIR_ERR_INVALID ? command->usage_status : CLI_FAILED;
}

int files_check(const struct cli_command *command, const struct cli_parsed *parsed, int reads_stdin,
                int writes_stdout)
{
    struct weir__file_set files = {0};
    struct weir_error error;

    files_begin(&files, parsed);
    if (reads_stdin)
        weir__file_set_fd(&files, WEIR__FILE_READ, NULL, STDIN_FILENO);
    if (writes_stdout)
        weir__file_set_fd(&files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDOUT_FILENO);
    if (weir__file_set_end(&files, &error) == 0)
        return 0;
    cli_say(command, "%s: nothing was started", error.text);
    return files_status(command, &error);
}
