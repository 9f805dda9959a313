/* Options that subcommands share: --help, --version, --audit and --trace with their companions. */
#include "config.h"

#include "cli/opts_audit.h"
#include "cli/opts_trace.h"

const struct cli_option cli_common_options[] = {
    [CLI_COMMON_HELP] = {.name = "help",
                         .letter = 'h',
                         .group = "Help",
                         .help = "print this and exit"},
    [CLI_COMMON_VERSION] = {.name = "version",
                            .group = "Help",
                            .help = "print the version and exit",
                            .more = "With `--licenses` after it: also the licences of weir and of "
                                    "the libraries that it uses."},
};
const size_t cli_common_count = sizeof cli_common_options / sizeof cli_common_options[0];

const char *const cli_protocols[] = {"auto", "native", "plain", "mcp", NULL};
const char *const cli_mcp_versions[] = {"any", "2025-11-25", "2026-07-28", NULL};

const char *cli_mcp_version(int choice)
{
    return choice == 0 ? NULL : cli_mcp_versions[choice];
}

#define SHARED(member) offsetof(struct cli_audit_values, member)

/* In the order of enum audit_fsync. */
static const char *const fsync_words[] = {"always", "never", NULL};

static const char audit_log[] = "Audit log";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option cli_audit_options[] = {
    [AUDIT_FILE] = {
        .name = "audit", .kind = CLI_FILE, .offset = SHARED(file), .metavar = "FILE",
        .group = audit_log,
        .help = "append a record before the job starts and one after it ends",
        .more = "Or set WEIR_AUDIT in the environment. Each record says who ran what, where, and "
                "with what result, and contains the hash of the record before. The hash is an "
                "HMAC if WEIR_AUDIT_KEY_FILE names a file with a key. If weir cannot write the "
                "record it does not start the job, and exits with status 125. See weir-audit(1).",
    },
    [AUDIT_FSYNC] = {
        .name = "audit-fsync", .kind = CLI_CHOICE, .offset = SHARED(fsync), .metavar = "WHEN",
        .choices = fsync_words,
        .group = audit_log,
        .help = "when to sync the log to disk: always (default) or never",
        .more = "Or set WEIR_AUDIT_FSYNC. With `never`, records survive everything but a crash "
                "of the whole machine.",
    },
    [AUDIT_MAX_SIZE] = {
        .name = "audit-max-size", .kind = CLI_SIZE, .offset = SHARED(max_size), .metavar = "SIZE",
        .group = audit_log,
        .help = "rename the log to FILE.000001 and so on before it exceeds this size",
        .more = "Or set WEIR_AUDIT_MAX_SIZE. The hash chain continues in the new file. By "
                "default the log is not rotated.",
    },
    [AUDIT_SYSLOG] = {
        .name = "audit-syslog", .kind = CLI_FILE, .offset = SHARED(syslog), .metavar = "SOCKET",
        .group = audit_log,
        .help = "also send each record to a syslog socket, such as /dev/log",
        .more = "Or set WEIR_AUDIT_SYSLOG. Uses the format of RFC 5424, facility 13, with seq "
                "and hash as structured data.",
    },
};
/* clang-format on */

#undef SHARED
#define SHARED(member) offsetof(struct cli_trace_values, member)

/* In the order of enum trace_format. */
static const char *const trace_formats[] = {"auto", "chrome", "otlp", NULL};

static const char trace[] = "Trace";

/* clang-format off */
const struct cli_option cli_trace_options[] = {
    [TRACE_FILE] = {
        .name = "trace", .kind = CLI_FILE, .offset = SHARED(file), .metavar = "FILE",
        .group = trace,
        .help = "write a trace: what ran when, as spans",
        .more = "In Chrome's format, which https://ui.perfetto.dev shows, or as OTLP/JSON for an "
                "OpenTelemetry collector. Programs get the trace's context in the environment "
                "variable TRACEPARENT, functions with each call. weir continues the trace that "
                "TRACEPARENT or a call names.",
    },
    [TRACE_FORMAT] = {
        .name = "trace-format", .kind = CLI_CHOICE, .offset = SHARED(format), .metavar = "FORMAT",
        .choices = trace_formats,
        .group = trace,
        .help = "`chrome` or `otlp` (default: `otlp` if FILE ends with .otlp.json)",
    },
    [TRACE_SIZE] = {
        .name = "trace-size", .kind = CLI_SIZE, .offset = SHARED(max_size), .metavar = "SIZE",
        .group = trace,
        .help = "stop adding spans when the file has this size (32M)",
        .more = "The span of the command itself is always written. It has the number of spans that "
                "were left out.",
    },
    [TRACE_LAST] = {
        .name = "trace-last", .kind = CLI_FLAG, .offset = SHARED(keeps_last),
        .group = trace,
        .help = "keep the last spans instead of the first",
        .more = "They stay in memory until the end: at least half of the size, at most all of it.",
    },
};
/* clang-format on */

void cli_tables(const struct cli_command *command, struct cli_table tables[CLI_TABLES])
{
    tables[CLI_TABLE_OWN] = (struct cli_table){command->options, command->option_count};
    tables[CLI_TABLE_CHILD] =
        (struct cli_table){cli_child_options, command->starts_program ? cli_child_count : 0};
    tables[CLI_TABLE_AUDIT] =
        (struct cli_table){cli_audit_options, command->audited ? AUDIT_SHARED_COUNT : 0};
    tables[CLI_TABLE_TRACE] =
        (struct cli_table){cli_trace_options, command->audited ? TRACE_SHARED_COUNT : 0};
    tables[CLI_TABLE_COMMON] = (struct cli_table){cli_common_options, cli_common_count};
}
