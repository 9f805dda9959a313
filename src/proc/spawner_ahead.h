/* proc/spawner_ahead.h - a weir-spawner that is started before the context that will use it.
 *
 * For the command: weir-spawner is executed while the command line is still being read.  A spawner
 * inherits the environment, the limits and the directory of its host at its own start; what the
 * host changes afterwards travels with each job, as for any other spawner.  One thread only.
 */
#ifndef WEIR_PROC_SPAWNER_AHEAD_H
#define WEIR_PROC_SPAWNER_AHEAD_H

#include "proc/spawner_process.h"

/* Starts the spawner that a context with spawner_stays_child, and without a path of its own, would
 * start.  A failure is not reported: then the context starts one, and reports its own. */
void weir__spawner_ahead_start(void);

/* Takes the spawner, and the path it has: both are the caller's.  Returns NULL if there is none. */
struct weir__spawner *weir__spawner_ahead_take(char **path, const char **from);

/* Ends a spawner that nobody took. */
void weir__spawner_ahead_drop(void);

#endif
