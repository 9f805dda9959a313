/* The options that subcommands share: --help, --version, --audit and its like. */
#include "config.h"

#include "cli/opts_audit.h"

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

#define SHARED(member) offsetof(struct cli_audit_values, member)

/* In the order of enum audit_fsync. */
static const char *const fsync_words[] = {"always", "never", NULL};

static const char record[] = "A record of it";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option cli_audit_options[] = {
    [AUDIT_FILE] = {
        .name = "audit", .kind = CLI_FILE, .offset = SHARED(file), .metavar = "FILE",
        .group = record,
        .help = "append a record before it starts and one when it has ended",
        .more = "Or WEIR_AUDIT in the environment. Each record says who did what, where and what "
                "came of it, and holds the hash of the one before; under the key in the file that "
                "WEIR_AUDIT_KEY_FILE names, where there is one. What cannot be recorded is not "
                "started: 125. See weir-audit(1).",
    },
    [AUDIT_FSYNC] = {
        .name = "audit-fsync", .kind = CLI_CHOICE, .offset = SHARED(fsync), .metavar = "WHEN",
        .choices = fsync_words,
        .group = record,
        .help = "wait for the disk: always (default) or never",
        .more = "Or WEIR_AUDIT_FSYNC. With `never` a record survives all but a crash of the whole "
                "machine.",
    },
    [AUDIT_MAX_SIZE] = {
        .name = "audit-max-size", .kind = CLI_SIZE, .offset = SHARED(max_size), .metavar = "SIZE",
        .group = record,
        .help = "rename the log to FILE.000001 and so on before it gets larger",
        .more = "Or WEIR_AUDIT_MAX_SIZE. The chain goes on in the new file. Without it the log "
                "grows.",
    },
    [AUDIT_SYSLOG] = {
        .name = "audit-syslog", .kind = CLI_FILE, .offset = SHARED(syslog), .metavar = "SOCKET",
        .group = record,
        .help = "send each record to the system's log too, such as /dev/log",
        .more = "Or WEIR_AUDIT_SYSLOG. As RFC 5424 has it, facility 13, with seq and hash as "
                "structured data.",
    },
};
/* clang-format on */
const size_t cli_audit_count = AUDIT_SHARED_COUNT;

void cli_tables(const struct cli_command *command, struct cli_table tables[CLI_TABLES])
{
    tables[CLI_TABLE_OWN] = (struct cli_table){command->options, command->option_count};
    tables[CLI_TABLE_CHILD] =
        (struct cli_table){cli_child_options, command->starts_program ? cli_child_count : 0};
    tables[CLI_TABLE_AUDIT] =
        (struct cli_table){cli_audit_options, command->audited ? cli_audit_count : 0};
    tables[CLI_TABLE_COMMON] = (struct cli_table){cli_common_options, cli_common_count};
}
