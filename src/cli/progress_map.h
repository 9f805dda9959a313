/* cli/progress_map.h - how far a map is, on standard error, while it runs.
 *
 * tty:  one line, redrawn in place; what workers say on stderr is printed above it.
 * json: a JSON object a line.
 *
 *   {"kind":"progress","elapsed_ms":1000,"records":5000,"bytes":501000,"settled":4100,
 *    "dead":0,"in_flight":900,"rate":4100,"input_size":null,"input_offset":410000,
 *    "workers":[{"pid":4711,"records":2100,"in_flight":450},...]}
 *   {"kind":"record_failed","elapsed_ms":7,"line":12,"offset":1100,"reason":"crash"}
 *   {"kind":"stderr","elapsed_ms":5,"pid":4711,"line":"no such table"}
 *   {"kind":"message","elapsed_ms":9,"text":"1 of 5000 records is dead"}
 *   {"kind":"end","elapsed_ms":9,"ok":false,"status":1,"why":"none","records":5000,...}
 */
#ifndef WEIR_CLI_PROGRESS_MAP_H
#define WEIR_CLI_PROGRESS_MAP_H

#include <weir/weir.h>

#include "cli/progress.h"

/* Begins a show, drawn first after delay_ms.  style is tty or json.  Returns NULL
 * when memory is short.  The caller owns it: progress_free(). */
struct progress *map_progress_new(enum progress_style style, int delay_ms);

/* Which map is to be shown; before the first tick. */
void map_progress_follow(struct progress *progress, weir_map_t *map);

/* The run is over: the last drawing stands, and messages come below it. */
void map_progress_settle(struct progress *progress, const struct weir_map_report *report);

/* The last word. */
void map_progress_end(struct progress *progress, const struct weir_map_report *report, int status);

#endif
