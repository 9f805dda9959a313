/* What people are told about weir audit. */
#include "config.h"

#include "cli/opts_audit.h"

#define AT(member) offsetof(struct audit_values, member)

static const char verifying[] = "With verify";
static const char showing[] = "With show";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option audit_options[AUDIT_OPTION_COUNT] = {
    [AUDIT_KEY_FILE] = {
        .name = "key-file", .kind = CLI_FILE, .offset = AT(key_file), .metavar = "FILE|none",
        .group = verifying,
        .help = "the key that the records were made under (WEIR_AUDIT_KEY_FILE)",
        .more = "With a key only records made under it hold; `none` is for a log made without "
                "one.",
    },
    [AUDIT_EXPECT_LAST] = {
        .name = "expect-last", .kind = CLI_TEXT, .offset = AT(expect_last), .metavar = "HASH",
        .group = verifying,
        .help = "the hash that the last record must have",
        .more = "Without it, whole records cut off the end cannot be noticed: keep the hash that "
                "verify prints, or the system's log, in another place.",
    },
    [AUDIT_AFTER] = {
        .name = "after", .kind = CLI_TEXT, .offset = AT(after), .metavar = "HASH",
        .group = verifying,
        .help = "the hash of the record before the first, kept elsewhere",
        .more = "Without it the first record must be number 1.",
    },
    [AUDIT_REPAIR_TAIL] = {
        .name = "repair-tail", .kind = CLI_FLAG, .offset = AT(repair_tail),
        .group = verifying,
        .help = "cut a last record that was not written whole, and only that",
        .more = "Nothing is cut where anything before it does not hold.",
    },
    [AUDIT_SINCE] = {
        .name = "since", .kind = CLI_TEXT, .offset = AT(since), .metavar = "TIME",
        .group = showing,
        .help = "from this time on: 2026-01-02, 2026-01-02T03:04Z, or 2h for two hours ago",
    },
    [AUDIT_UNTIL] = {
        .name = "until", .kind = CLI_TEXT, .offset = AT(until), .metavar = "TIME",
        .group = showing,
        .help = "before this time",
    },
    [AUDIT_OUTCOME] = {
        .name = "outcome", .kind = CLI_TEXT, .offset = AT(outcome), .metavar = "NAME",
        .group = showing,
        .help = "what came of it: ok, failed, timed_out, ..., or unfinished",
        .more = "ok, failed, signaled, timed_out, idle, cancelled, overflow, not_started, "
                "status_lost, error; `unfinished` is for what started and has no end in the log: "
                "it runs, or weir was killed.",
    },
    [AUDIT_SUBCOMMAND] = {
        .name = "subcommand", .kind = CLI_TEXT, .offset = AT(subcommand), .metavar = "NAME",
        .group = showing,
        .help = "of this subcommand: run, pipe, map, ...",
    },
    [AUDIT_JSON] = {
        .name = "json", .kind = CLI_FLAG, .offset = AT(json),
        .group = showing,
        .help = "the lines as they are in the log",
    },
};
/* clang-format on */

static const char *const synopsis[] = {"verify [OPTION...] FILE...", "show [OPTION...] FILE...",
                                       NULL};

static const char *const description[] = {
    "Reads the log that `--audit` FILE, an option of every subcommand that starts something, "
    "appends to. `verify` says whether it is as it was written: how many records, and the hash of "
    "the last; or the first line that is changed, missing, doubled, reordered or cut. `show` "
    "prints it for people, a line for each record.",
    "One FILE stands for the whole log: files that were rotated out of it, FILE.000001 and so on, "
    "are read before it. Several are read as they are named, oldest first.",
    "Under a key (an HMAC) nobody without the key can make records that hold. Without one, "
    "whoever may write the file can write all of it anew; then the hash of the last record, "
    "kept elsewhere, is what shows it.",
    "The command lines in the log have secrets taken out by rule: what stands behind `--password` "
    "and its like, in TOKEN= and its like, in an Authorization header, in front of a URL's host. "
    "docs/audit.md has the rules, the records and what is not promised.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir run --audit audit.log -- make", "a record before, and one after"},
    {"weir audit verify audit.log", "is it as it was written?"},
    {"weir audit show --since 24h --outcome failed audit.log", "what failed since yesterday"},
    {"weir audit show --outcome unfinished audit.log", "what started and has not ended"},
    {"weir audit verify audit.log | sed -n 's/^last: //p' >last-hash",
     "the hash of the last record, to be kept elsewhere"},
    {"weir audit verify --expect-last \"$(cat last-hash)\" audit.log",
     "and nothing was cut off its end"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "the log is sound; it was shown"},
    {"1", "it is not as it was written; show: a line is no record"},
    {"2", "usage, a file that cannot be read, a key that is missing or open to others"},
    {"125", "weir could not do its part"},
    {NULL, NULL},
};

const struct cli_command cli_audit = {
    .name = "audit",
    .summary = "verify and show the record of what was started, and what came of it",
    .synopsis = synopsis,
    .description = description,
    .options = audit_options,
    .option_count = AUDIT_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .usage_status = CLI_USAGE,
    .run = cmd_audit,
};
