/* cli/help.h - help text and completions, made from the command tables. */
#ifndef WEIR_CLI_HELP_H
#define WEIR_CLI_HELP_H

#include <stdio.h>

#include "cli/cli.h"

/* "weir run", or "weir" for the program as a whole. */
struct help_words {
    char text[32];
};
struct help_words help_words(const struct cli_command *command);

/* What --help prints. */
void help_print(const struct cli_command *command, FILE *out);

/* The usage lines alone. */
void help_usage(const struct cli_command *command, FILE *out);

/* Completions of all subcommands, for "bash" or "zsh".  Returns 0, or -1 for
 * another shell. */
int completion_print(const char *shell, FILE *out);

#endif
