/* cli/man.h - manual pages, made from the command tables. */
#ifndef WEIR_CLI_MAN_H
#define WEIR_CLI_MAN_H

#include <stdio.h>

#include "cli/cli.h"

/* Prints the manual page as roff for man(7). */
void man_print(const struct cli_command *command, FILE *out);

#endif
