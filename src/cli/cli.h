/* cli/cli.h - the parts of a subcommand, and the exit statuses they share.
 *
 * A subcommand is a struct cli_command.  The parser, --help, the man page and
 * the completions are all made from it, so that each fact stands in one place:
 * opts_NAME.c has the options and help, cmd_NAME.c the implementation.
 */
#ifndef WEIR_CLI_CLI_H
#define WEIR_CLI_CLI_H

#include <stddef.h>
#include <stdio.h>
#include <weir/event.h>

/* weir's own statuses; a program's status is passed through. */
enum {
    CLI_OK = 0,
    CLI_USAGE = 2,      /* invalid command line; for run it is CLI_FAILED */
    CLI_FAILED = 125,   /* weir could not do its part */
    CLI_SIGNALED = 128, /* plus the number of the signal that ended weir */
};

/* Where options may stand. */
enum cli_words {
    CLI_WORDS_END_OPTIONS, /* the first non-option: the rest belongs to PROGRAM */
    CLI_WORDS_MIX,         /* before, between and after the words, until "--" */
};

/* What the words are, for completions. */
enum cli_operands {
    CLI_OPERANDS_FREE, /* nothing that a completion knows */
    CLI_OPERANDS_FILES,
    CLI_OPERANDS_STAGES,  /* programs, a word each */
    CLI_OPERANDS_PROGRAM, /* a program, then its arguments */
};

struct cli_example {
    const char *command;
    const char *what;
};

struct cli_exit {
    const char *status;
    const char *meaning;
};

/* Tables of text end with NULL. In prose `x` marks literal text. */
struct cli_command {
    const char *name;
    const char *summary;              /* one line, no full stop */
    const char *const *synopsis;      /* what follows "weir NAME", a form each */
    const char *const *description;   /* paragraphs */
    const struct cli_option *options; /* cli/options.h */
    size_t option_count;
    const struct cli_example *examples;
    const struct cli_exit *placeholders; /* for --help; NULL: none */
    const struct cli_exit *exits;
    enum cli_words words;
    const char *const *verbs; /* what the first word is one of; NULL: any word */
    enum cli_operands operands;
    int starts_program;                /* it has the options of cli/opts_child.c */
    int audited;                       /* it has the options of cli/audit_common.h and
                                          cli/trace.h */
    int starts_at_once;                /* weir-spawner is started before its command line is read */
    int usage_status;                  /* exit status for an invalid command line */
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name; NULL: weir-NAME,
                                          a program of its own, is executed */
};

extern const struct cli_command cli_weir; /* the program as a whole */
extern const struct cli_command cli_run, cli_pipe, cli_map, cli_each, cli_call, cli_serve,
    cli_probe, cli_audit, cli_token, cli_report, cli_top, cli_help;

/* All subcommands, ending with NULL. */
extern const struct cli_command *const cli_commands[];

/* Finds a subcommand; "weir" is the program as a whole.  NULL when there is none. */
const struct cli_command *cli_find(const char *name);

/* Prints "weir NAME: " and the message as one line on stderr, escaped (base/printable.h). */
void cli_say(const struct cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints the message alone, as a line of its own. */
void cli_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Like cli_say(), while a job is running: dropped if standard error has no room, so that it never
 * blocks the loop. */
void cli_note(const struct cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Like cli_say() for an invalid command line, followed by the usage. Returns the command's
 * usage_status. */
int cli_bad_usage(const struct cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints foreign lines, such as a traceback, on stderr: other unprintable characters are escaped,
 * and no line looks like a message of weir. */
void cli_say_lines(const char *text, size_t length);

/* Prints part of a line, escaped like a message; a line feed at the end of format is kept. Used
 * for text on stdout that contains foreign words. */
void cli_put(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Refuses a standard output that is closed or cannot be written to, with a message.  Returns 0 or
 * status. */
int cli_check_stdout(const struct cli_command *command, int status);

/* Flushes stdout. Returns 0 or an errno. */
int cli_flush(void);

/* Reports a worker's end, its log messages, and lines that are not messages; ignores other
 * events. */
void cli_say_worker(const struct cli_command *command, const struct weir_event *event);

#endif
