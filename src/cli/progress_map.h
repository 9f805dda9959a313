/* cli/progress_map.h - progress of a map: a line of counts. */
#ifndef WEIR_CLI_PROGRESS_MAP_H
#define WEIR_CLI_PROGRESS_MAP_H

#include <weir/weir.h>

#include "cli/progress.h"

/* Creates a progress of weir map or weir each, first drawn after delay_ms. style is tty or json.
 * Returns NULL if memory is short. The caller owns it: progress_free(). */
struct progress *map_progress_new(const struct cli_command *command, enum progress_style style,
                                  int delay_ms);

/* Sets the map to show, after it has started. */
void map_progress_follow(struct progress *progress, weir_map_t *map);

/* The map is over: shows the report from now on. */
void map_progress_report(struct progress *progress, const struct weir_map_report *report);

#endif
