/* cli/cli.h - what every subcommand is made of, and the statuses they share.
 *
 * A subcommand is a struct cli_command.  The parser, --help, the man page and
 * the completions are all made from it, so that each fact stands in one place:
 * opts_NAME.c says what people are told, cmd_NAME.c does it.
 */
#ifndef WEIR_CLI_CLI_H
#define WEIR_CLI_CLI_H

#include <stddef.h>
#include <stdio.h>
#include <weir/event.h>

/* Statuses of weir's own; a program's is passed through. */
enum {
    CLI_OK = 0,
    CLI_USAGE = 2,      /* what was asked for means nothing; for run it is CLI_FAILED */
    CLI_FAILED = 125,   /* weir could not do its part */
    CLI_SIGNALED = 128, /* plus the number of the signal that ended weir */
};

/* Where options may stand. */
enum cli_words {
    CLI_WORDS_END_OPTIONS, /* the first word that is no option: the rest belongs to PROGRAM */
    CLI_WORDS_MIX,         /* before, between and after the words, until "--" */
};

struct cli_example {
    const char *command;
    const char *what;
};

struct cli_exit {
    const char *status;
    const char *meaning;
};

/* Tables of text end with an entry that is NULL.  In prose `x` marks a word to be typed. */
struct cli_command {
    const char *name;
    const char *summary;              /* one line, no full stop */
    const char *const *synopsis;      /* what follows "weir NAME", a form each */
    const char *const *description;   /* paragraphs */
    const struct cli_option *options; /* cli/options.h */
    size_t option_count;
    const struct cli_example *examples;
    const struct cli_exit *exits;
    enum cli_words words;
    int starts_program;                /* it has the options of cli/opts_child.c */
    int audited;                       /* it has the options of cli/audit_common.h */
    int usage_status;                  /* what a bad command line exits with */
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name; NULL: weir-NAME,
                                          a program of its own, is executed */
};

extern const struct cli_command cli_weir; /* the program as a whole */
extern const struct cli_command cli_run, cli_pipe, cli_map, cli_call, cli_serve, cli_probe,
    cli_audit, cli_help;

/* All subcommands, ending with NULL. */
extern const struct cli_command *const cli_commands[];

/* Finds a subcommand; "weir" is the program as a whole.  NULL when there is none. */
const struct cli_command *cli_find(const char *name);

/* Prints "weir NAME: " and the message as one line on stderr, escaped (base/printable.h). */
void cli_say(const struct cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints the message alone, as a line of its own. */
void cli_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As cli_say() for news while a job goes on: dropped where standard error has no room, so that
 * the loop is never held up. */
void cli_note(const struct cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As cli_say() for a command line that cannot be, with the usage after it.  Returns
 * the command's usage_status. */
int cli_bad_usage(const struct cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints lines that others wrote, such as a traceback, on stderr: line feeds stay, all other
 * characters that are not printable are escaped, and none looks like a message of weir's. */
void cli_say_lines(const char *text, size_t length);

/* Prints a piece of a line, escaped as a message is; a line feed at the end of format is one.  What
 * people read on stdout goes this way wherever others have a word in it. */
void cli_put(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Refuses a standard output that is closed or cannot be written to, with a message.  Returns 0 or
 * status. */
int cli_check_stdout(const struct cli_command *command, int status);

/* Writes out what stands in stdout's buffer.  Returns 0, or the errno with which
 * it did not arrive. */
int cli_flush(void);

/* Tells of a worker's end, what it has for the log, and lines of it that are no
 * messages; of other events nothing. */
void cli_say_worker(const struct cli_command *command, const struct weir_event *event);

#endif
