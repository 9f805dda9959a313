/* The options, help and manual page of weir audit. */
#include "config.h"

#include "cli/opts_audit.h"

#define AT(member) offsetof(struct audit_values, member)

static const char verify[] = "Options of verify and report";
static const char show[] = "Options of show";
static const char report[] = "Options of report";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option audit_options[AUDIT_OPTION_COUNT] = {
    [AUDIT_KEY_FILE] = {
        .name = "key-file", .kind = CLI_FILE, .offset = AT(key_file), .metavar = "FILE|none",
        .group = verify,
        .help = "key that the records were signed with (WEIR_AUDIT_KEY_FILE)",
        .more = "With a key, only records that were signed with it are valid. Use `none` for a "
                "log without a key.",
    },
    [AUDIT_EXPECT_LAST] = {
        .name = "expect-last", .kind = CLI_TEXT, .offset = AT(expect_last), .metavar = "HASH",
        .group = verify,
        .help = "hash that the last record must have",
        .more = "Without it, verify cannot notice that whole records were cut off the end. Keep "
                "the hash that verify prints, or the syslog copy, in another place.",
    },
    [AUDIT_AFTER] = {
        .name = "after", .kind = CLI_TEXT, .offset = AT(after), .metavar = "HASH",
        .group = verify,
        .help = "hash of the record before the first one, kept elsewhere",
        .more = "Without it, the first record must be number 1.",
    },
    [AUDIT_REPAIR_TAIL] = {
        .name = "repair-tail", .kind = CLI_FLAG, .offset = AT(repair_tail),
        .group = verify,
        .help = "remove an incomplete last record, and nothing else",
        .more = "Removes nothing if any record before it is not valid.",
    },
    [AUDIT_SINCE] = {
        .name = "since", .kind = CLI_TEXT, .offset = AT(since), .metavar = "TIME",
        .group = show,
        .help = "start at this time: 2026-01-02, 2026-01-02T03:04Z, or 2h for two hours ago",
    },
    [AUDIT_UNTIL] = {
        .name = "until", .kind = CLI_TEXT, .offset = AT(until), .metavar = "TIME",
        .group = show,
        .help = "stop before this time",
    },
    [AUDIT_OUTCOME] = {
        .name = "outcome", .kind = CLI_TEXT, .offset = AT(outcome), .metavar = "NAME",
        .group = show,
        .help = "only this outcome: ok, failed, timed_out, ..., or unfinished",
        .more = "One of ok, failed, signaled, timed_out, idle, cancelled, overflow, not_started, "
                "status_lost, error, or `unfinished`: the log has the start but no end, because "
                "the job is still running or weir was killed.",
    },
    [AUDIT_SUBCOMMAND] = {
        .name = "subcommand", .kind = CLI_TEXT, .offset = AT(subcommand), .metavar = "NAME",
        .group = show,
        .help = "only records of this subcommand: run, pipe, map, ...",
    },
    [AUDIT_JSON] = {
        .name = "json", .kind = CLI_FLAG, .offset = AT(json),
        .group = show,
        .help = "print the lines as they are in the log; report: print JSON",
    },
    [AUDIT_MONTH] = {
        .name = "month", .kind = CLI_TEXT, .offset = AT(month), .metavar = "YYYY-MM",
        .group = report,
        .help = "the month to report, in UTC",
    },
    [AUDIT_STANDARD] = {
        .name = "standard", .kind = CLI_FILE, .offset = AT(standard), .metavar = "iso27001|FILE",
        .group = report,
        .help = "the controls: those of ISO/IEC 27001:2022, Annex A (default), or a table",
        .more = "docs/audit.md describes the table: a JSON file.",
    },
    [AUDIT_MARKDOWN] = {
        .name = "markdown", .kind = CLI_FLAG, .offset = AT(markdown),
        .group = report,
        .help = "print Markdown",
    },
    [AUDIT_HTML] = {
        .name = "html", .kind = CLI_FLAG, .offset = AT(html),
        .group = report,
        .help = "print a page for a browser",
    },
    [AUDIT_UNVERIFIED] = {
        .name = "unverified", .kind = CLI_FLAG, .offset = AT(unverified),
        .group = report,
        .help = "report also a log that does not verify, and say so in the first line",
    },
};
/* clang-format on */

static const char *const synopsis[] = {"verify [OPTION...] FILE...", "show [OPTION...] FILE...",
                                       "report --month YYYY-MM [OPTION...] FILE...", NULL};

static const char *const description[] = {
    "Reads the log that `--audit` FILE, an option of every subcommand that starts programs, "
    "appends to. `verify` checks that the log is unchanged. It prints the number of records and "
    "the hash of the last one, or the first line that was changed, removed, duplicated, "
    "reordered or truncated. `show` prints one line for each record.",
    "`report` prints what the log shows of a month, by the controls of a standard: counts, gaps "
    "such "
    "as days without records, and the hash of the last record. It verifies the log first. The same "
    "log gives the same bytes.",
    "One FILE stands for the whole log: weir reads rotated files, FILE.000001 and so on, before "
    "it. If you name several files, name the oldest first.",
    "With a key (an HMAC), valid records cannot be made without the key. Without a key, anyone "
    "who can write to the file can rewrite all of it; only the hash of the last record, kept "
    "elsewhere, then reveals the change.",
    "weir removes secrets from the command lines in the log by rule: the word after `--password` "
    "and similar options, the value of TOKEN= and similar variables, an Authorization header, "
    "and what precedes the host in a URL. docs/audit.md describes the rules, the records, and "
    "the limits of what the log proves.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir run --audit audit.log -- make", "write one record before and one after"},
    {"weir audit verify audit.log", "check that the log is unchanged"},
    {"weir audit show --since 24h --outcome failed audit.log",
     "show what failed in the last 24 hours"},
    {"weir audit show --outcome unfinished audit.log", "show what started and has not ended"},
    {"weir audit report --month 2026-11 audit.log", "show what a month proves"},
    {"weir audit verify audit.log | sed -n 's/^last: //p' >last-hash",
     "save the hash of the last record, to keep it elsewhere"},
    {"weir audit verify --expect-last \"$(cat last-hash)\" audit.log",
     "check also that no record was cut off the end"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "the log is valid, or was shown"},
    {"1", "`verify`, `report`: the log was changed; `show`: a line is not a record"},
    {"2", "invalid option, unreadable file, or a key that is missing or open to others"},
    {"125", "`weir` failed"},
    {NULL, NULL},
};

const struct cli_command cli_audit = {
    .name = "audit",
    .summary = "verify and show the log of everything that weir ran",
    .synopsis = synopsis,
    .description = description,
    .options = audit_options,
    .option_count = AUDIT_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .verbs = (const char *const[]){"verify", "show", "report", NULL},
    .operands = CLI_OPERANDS_FILES,
    .usage_status = CLI_USAGE,
    .run = cmd_audit,
};
