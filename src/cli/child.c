#include "config.h"

#include "cli/child.h"

#include <stdlib.h>
#include <string.h>

void child_init(struct child_values *child)
{
    *child = (struct child_values){0};
    for (int i = 0; i < WEIR_LIMIT_COUNT; i++)
        child->limits[i] = WEIR_NO_LIMIT;
}

void child_command(const struct child_values *child, const struct cli_list *words,
                   struct weir_command *command)
{
    weir_command_init(command);
    command->argv = words->items;
    command->cwd = child->cwd;
    command->env_clear = child->env_clear;
    command->env_pass = child->env_pass.items;
    command->env = child->env.items;
    memcpy(command->limits, child->limits, sizeof child->limits);
}

void child_clear(struct child_values *child)
{
    free(child->env.items);
    free(child->env_pass.items);
}
