/* cli/progress_map.h - progress of a map: one line of counts. */
#ifndef WEIR_CLI_PROGRESS_MAP_H
#define WEIR_CLI_PROGRESS_MAP_H

#include <weir/weir.h>

#include "cli/progress.h"

/* Begins a show, drawn first after delay_ms.  style is tty or json.  Returns NULL
 * when memory is short.  The caller owns it: progress_free(). */
struct progress *map_progress_new(enum progress_style style, int delay_ms);

/* Which map to show.  Call it once the map has started. */
void map_progress_follow(struct progress *progress, weir_map_t *map);

/* The map is over: from now on the report is shown. */
void map_progress_report(struct progress *progress, const struct weir_map_report *report);

#endif
