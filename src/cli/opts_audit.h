/* cli/opts_audit.h - what the options of weir audit set, and those of --audit. */
#ifndef WEIR_CLI_OPTS_AUDIT_H
#define WEIR_CLI_OPTS_AUDIT_H

#include "cli/options.h"

/* Positions in cli_audit_options, which every audited subcommand has. */
enum audit_shared { AUDIT_FILE, AUDIT_FSYNC, AUDIT_MAX_SIZE, AUDIT_SYSLOG, AUDIT_SHARED_COUNT };

enum audit_fsync { AUDIT_FSYNC_ALWAYS, AUDIT_FSYNC_NEVER };

struct audit_values {
    const char *key_file, *expect_last, *after;
    const char *since, *until, *outcome, *subcommand;
    const char *month, *standard;
    int repair_tail, json, markdown, html, unverified;
};

/* Positions in cli_audit's options, for cli_given(). */
enum audit_option {
    AUDIT_KEY_FILE,
    AUDIT_EXPECT_LAST,
    AUDIT_AFTER,
    AUDIT_REPAIR_TAIL,
    AUDIT_SINCE,
    AUDIT_UNTIL,
    AUDIT_OUTCOME,
    AUDIT_SUBCOMMAND,
    AUDIT_JSON,
    AUDIT_MONTH,
    AUDIT_STANDARD,
    AUDIT_MARKDOWN,
    AUDIT_HTML,
    AUDIT_UNVERIFIED,
    AUDIT_OPTION_COUNT
};

extern const struct cli_option audit_options[AUDIT_OPTION_COUNT];

/* cmd_audit.c: does what they ask for. */
int cmd_audit(int argc, char **argv);

#endif
