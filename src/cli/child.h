/* cli/child.h - the options about the process itself, of subcommands that start a program:
 * where it begins, its environment, its limits. */
#ifndef WEIR_CLI_CHILD_H
#define WEIR_CLI_CHILD_H

#include <stdint.h>

#include <weir/command.h>

#include "cli/options.h"

struct child_values {
    const char *cwd;
    int env_clear;
    struct cli_list env, env_pass;
    uint64_t limits[WEIR_LIMIT_COUNT];
};

/* What they are when nothing is said. */
void child_init(struct child_values *child);

/* Makes the command of them and of the words that are left; it borrows both. */
void child_command(const struct child_values *child, const struct cli_list *words,
                   struct weir_command *command);

void child_clear(struct child_values *child);

#endif
