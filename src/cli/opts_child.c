/* The options for a child process: its directory, environment and limits. */
#include "config.h"

#include <string.h>

#include "cli/options.h"

#define AT(member) offsetof(struct cli_child_values, member)

static const char environment[] = "Environment and limits";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option cli_child_options[] = {
    {
        .name = "cwd", .kind = CLI_DIRECTORY, .offset = AT(cwd), .metavar = "DIR",
        .group = environment,
        .help = "run it in this directory; a relative PROGRAM is resolved from there",
    },
    {
        .name = "env", .kind = CLI_VARIABLE, .offset = AT(env), .metavar = "NAME=VALUE",
        .group = environment,
        .help = "set an environment variable; repeatable",
    },
    {
        .name = "env-clear", .kind = CLI_FLAG, .offset = AT(env_clear),
        .group = environment,
        .help = "start with an empty environment",
    },
    {
        .name = "env-pass", .kind = CLI_NAME, .offset = AT(env_pass), .metavar = "NAME",
        .group = environment,
        .help = "pass only the named environment variables; repeatable",
    },
    {
        .name = "limit", .kind = CLI_LIMIT, .offset = AT(limits), .metavar = "NAME=VALUE",
        .group = environment,
        .help = "limit cpu (seconds), memory, files, file-size, processes or core; repeatable",
        .more = "The limits are those of setrlimit(2). They apply to each process, not to the "
                "sum of all. Example: `--limit cpu=60 --limit memory=2G`.",
    },
};
/* clang-format on */
const size_t cli_child_count = sizeof cli_child_options / sizeof cli_child_options[0];

void cli_child_command(const struct cli_parsed *parsed, struct weir_command *command)
{
    const struct cli_child_values *child = &parsed->child;

    weir_command_init(command);
    command->argv = parsed->words.items;
    command->cwd = child->cwd;
    command->env_clear = child->env_clear;
    command->env_pass = child->env_pass.items;
    command->env = child->env.items;
    memcpy(command->limits, child->limits, sizeof child->limits);
}
