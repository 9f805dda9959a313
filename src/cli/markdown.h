/* cli/markdown.h - manual pages in Markdown, made from the command tables. */
#ifndef WEIR_CLI_MARKDOWN_H
#define WEIR_CLI_MARKDOWN_H

#include <stdio.h>

#include "cli/cli.h"

/* Prints the manual page in Markdown. */
void markdown_print(const struct cli_command *command, FILE *out);

#endif
