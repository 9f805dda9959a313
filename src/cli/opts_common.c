/* --help and --version, and which tables of options a subcommand has. */
#include "config.h"

#include "cli/options.h"

const struct cli_option cli_common_options[] = {
    [CLI_COMMON_HELP] = {.name = "help",
                         .letter = 'h',
                         .group = "Help",
                         .help = "print this and exit"},
    [CLI_COMMON_VERSION] = {.name = "version",
                            .group = "Help",
                            .help = "print the version and exit"},
};
const size_t cli_common_count = sizeof cli_common_options / sizeof cli_common_options[0];

void cli_tables(const struct cli_command *command, struct cli_table tables[CLI_TABLES])
{
    tables[CLI_TABLE_OWN] = (struct cli_table){command->options, command->option_count};
    tables[CLI_TABLE_CHILD] =
        (struct cli_table){cli_child_options, command->starts_program ? cli_child_count : 0};
    tables[CLI_TABLE_AUDIT] =
        (struct cli_table){cli_audit_options, command->audited ? cli_audit_count : 0};
    tables[CLI_TABLE_COMMON] = (struct cli_table){cli_common_options, cli_common_count};
}
