/* cli/launcher.h - what the subcommands with --launcher share. */
#ifndef WEIR_CLI_LAUNCHER_H
#define WEIR_CLI_LAUNCHER_H

#include "cli/options.h"

/* Splits the launchers, or their stop commands, of count workers: none; one for all; or one for
 * each, in the same order, where an empty one is none. The caller owns *words, an array of count
 * entries: launchers_free(). Returns 0, or the status to exit with, after a message. */
int launchers_split(const struct cli_command *command, const char *option,
                    const struct cli_list *texts, size_t count, char ****words);
void launchers_free(char ***words, size_t count);

/* The warning for a launcher that hands its words to a shell and lacks --launcher-shell; NULL:
 * none. words may be NULL. */
const char *launcher_warning(const char *const *words, int is_shell);

#endif
