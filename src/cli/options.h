/* cli/options.h - the option tables and the parser. */
#ifndef WEIR_CLI_OPTIONS_H
#define WEIR_CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include <weir/command.h>
#include <weir/error.h>

#include "cli/cli.h"

/* The format of a value, and the type of its place. */
enum cli_kind {
    CLI_FLAG,       /* no value; int, set to 1 */
    CLI_TEXT,       /* const char * */
    CLI_FILE,       /* const char *; completions offer files */
    CLI_DIRECTORY,  /* const char * */
    CLI_CHARSET,    /* const char *, a known character set, or "binary" */
    CLI_DURATION,   /* int64_t milliseconds, more than 0 */
    CLI_GRACE,      /* int64_t milliseconds, 0 too */
    CLI_SIZE,       /* uint64_t bytes */
    CLI_COUNT,      /* uint64_t, 1 to CLI_COUNT_MAX */
    CLI_NUMBER,     /* the same, 0 too */
    CLI_CHOICE,     /* int, index into choices */
    CLI_VARIABLE,   /* struct cli_list of NAME=VALUE; repeatable */
    CLI_NAME,       /* struct cli_list of NAME; repeatable */
    CLI_TEXTS,      /* struct cli_list of any text; repeatable */
    CLI_FILES,      /* struct cli_list; repeatable; completions offer files */
    CLI_STOP,       /* struct cli_stop, from a stop sequence */
    CLI_STOP_GRACE, /* struct cli_stop, from the time after SIGTERM */
    CLI_LIMIT,      /* uint64_t[WEIR_LIMIT_COUNT]; repeatable */
};

/* Fits any int. */
enum { CLI_COUNT_MAX = 1000000000 };

/* A stop sequence; count is 0 where none was given. */
struct cli_stop {
    struct weir_stop_step steps[WEIR_STOP_STEPS];
    size_t count;
};

struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* '\0': none */
    enum cli_kind kind;
    size_t offset;              /* of its place in the subcommand's struct of values */
    const char *metavar;        /* NULL for a flag */
    const char *const *choices; /* CLI_CHOICE; ends with NULL */
    const char *group;          /* the heading it stands under */
    const char *help;           /* in --help and in the man page */
    const char *more;           /* in the man page only; NULL: nothing */
};

/* --help and --version, which every subcommand has: opts_common.c. */
enum { CLI_COMMON_HELP, CLI_COMMON_VERSION };
extern const struct cli_option cli_common_options[];
extern const size_t cli_common_count;

/* --cwd, --env and so on, of the subcommands that start a program: opts_child.c. */
extern const struct cli_option cli_child_options[];
extern const size_t cli_child_count;

/* --audit and so on, of the subcommands that are audited: opts_common.c. */
extern const struct cli_option cli_audit_options[];

struct cli_audit_values {
    const char *file, *syslog; /* NULL: none */
    uint64_t max_size;         /* 0: none */
    int fsync;                 /* enum audit_fsync */
};

/* --trace and so on, of the same subcommands: opts_common.c. */
extern const struct cli_option cli_trace_options[];

struct cli_trace_values {
    const char *file;  /* NULL: none */
    int format;        /* enum trace_format */
    uint64_t max_size; /* 0: the default */
    int keeps_last;
};

/* The option tables of a subcommand; count is 0 for a table it does not have. */
enum cli_table_name {
    CLI_TABLE_OWN,
    CLI_TABLE_CHILD,
    CLI_TABLE_AUDIT,
    CLI_TABLE_TRACE,
    CLI_TABLE_COMMON,
    CLI_TABLES
};
struct cli_table {
    const struct cli_option *options;
    size_t count;
};
void cli_tables(const struct cli_command *command, struct cli_table tables[CLI_TABLES]);

/* The choices of --protocol, in the order of enum weir_dialect, and of --mcp-version, of which the
 * first is any: opts_common.c. */
extern const char *const cli_protocols[], *const cli_mcp_versions[];

/* The mcp_version of struct weir_kind_options for a choice. */
const char *cli_mcp_version(int choice);

/* Strings, borrowed from argv; items ends with NULL once there is one. */
struct cli_list {
    const char **items;
    size_t count;
};

/* Adds an item.  Ends the program when memory is short. */
void cli_list_add(struct cli_list *list, const char *item);

struct cli_child_values {
    const char *cwd;
    int env_clear;
    struct cli_list env, env_pass;
    uint64_t limits[WEIR_LIMIT_COUNT];
};

/* A parsed command line. */
struct cli_parsed {
    struct cli_list words;
    uint64_t given[CLI_TABLES]; /* bits 1 << index into the table */
    char *const *argv;          /* from the subcommand on; borrowed */
    struct cli_child_values child;
    struct cli_audit_values audit;
    struct cli_trace_values trace;
};

/* Fills the command from the child options and the words; it borrows both. */
void cli_child_command(const struct cli_parsed *parsed, struct weir_command *command);

/* Whether an option of the command's own table was given. */
int cli_given(const struct cli_parsed *parsed, size_t option);

enum { CLI_GO_ON = -1 };

/* Reads argv (argv[0] is the subcommand) into values. Returns CLI_GO_ON, or the exit status after
 * --help, --version or an error. */
int cli_parse(const struct cli_command *command, int argc, char **argv, void *values,
              struct cli_parsed *parsed);

/* values.c: parses value into the option's place. Returns 0, or a negative status and sets error.
 */
int cli_store(const struct cli_option *option, const char *value, void *place,
              struct weir_error *error);

/* Splits the value of an option into words, as a shell does; text NULL: there is none.
 * The caller owns words.  Returns 0, or the status to exit with, after a message. */
int cli_split_words(const struct cli_command *command, const char *option, const char *text,
                    char ***words);

void cli_parsed_clear(struct cli_parsed *parsed);

#endif
