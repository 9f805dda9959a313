/* cli/map_cmd.h - one run of weir map or weir each: cmd_map.c has what they have in common. */
#ifndef WEIR_CLI_MAP_CMD_H
#define WEIR_CLI_MAP_CMD_H

#include <weir/weir.h>

#include "cli/hadoop.h"
#include "cli/opts_map.h"
#include "cli/progress.h"
#include "cli/watch.h"

enum { OWN_FILES_FAILED = 5 }; /* see include/weir/map.h for the others */

struct map_cmd {
    const struct cli_command *command;
    struct map_values *values;
    struct cli_parsed parsed;
    int on_error_given, max_dead_given;
    const struct weir_each_options *each; /* a program for each record; NULL: workers */

    char **launcher, **launcher_stop; /* their words */
    struct weir_command child;
    struct weir_map_options options;
    int output_fd, hosts_fd; /* FIFOs, opened here; -1: none */
    struct watch watch;
    weir_map_t *map;
    struct voice voice;
    struct hadoop hadoop;
    int have_report;
    struct weir_map_report report;
};

/* The defaults of weir map. */
void map_cmd_defaults(struct map_values *values);

/* Everything after the command line is parsed: the members above the blank line are set, the
 * others zero. Clears it. Returns the exit status. */
int map_cmd_execute(struct map_cmd *cmd);

#endif
