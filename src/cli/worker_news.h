/* cli/worker_news.h - what happens to workers that are called, on standard error. */
#ifndef WEIR_CLI_WORKER_NEWS_H
#define WEIR_CLI_WORKER_NEWS_H

#include <weir/event.h>

#include "cli/cli.h"

/* Tells of a worker's end, what it has for the log, and lines of it that are no
 * messages; of other events nothing. */
void worker_news_tell(const struct cli_command *command, const struct weir_event *event);

#endif
