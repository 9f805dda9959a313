/* cli/opts_each.h - what the options of weir each set. */
#ifndef WEIR_CLI_OPTS_EACH_H
#define WEIR_CLI_OPTS_EACH_H

#include <stdint.h>

#include "cli/options.h"
#include "cli/opts_map.h"

struct each_values {
    struct map_values map; /* what both have */
    const char *hosts, *replace, *shell, *tag, *results, *ok_exit, *rate, *load;
    uint64_t max_output, memory_free;
    int64_t retry_delay_ms, delay_ms;
    int to_stdin, json, live, jobserver, dry_run;
};

/* Positions in cli_each's options, for cli_given(). */
enum each_option {
    EACH_INPUT,
    EACH_FORMAT,
    EACH_MAX_RECORD,
    EACH_REPLACE,
    EACH_STDIN,
    EACH_SHELL,
    EACH_OUTPUT,
    EACH_UNORDERED,
    EACH_LIVE,
    EACH_TAG,
    EACH_PTY_OUTPUT,
    EACH_JSON,
    EACH_MAX_OUTPUT,
    EACH_RESULTS,
    EACH_REORDER_BYTES,
    EACH_OK_EXIT,
    EACH_RECORD_TIMEOUT,
    EACH_RETRIES,
    EACH_RETRY_DELAY,
    EACH_ON_ERROR,
    EACH_DEAD_LETTER,
    EACH_MAX_DEAD,
    EACH_CHECKPOINT,
    EACH_WORKERS,
    EACH_DELAY,
    EACH_RATE,
    EACH_LOAD,
    EACH_MEMORY_FREE,
    EACH_JOBSERVER,
    EACH_HOSTS,
    EACH_LAUNCHER,
    EACH_LAUNCHER_SHELL,
    EACH_LAUNCHER_STOP,
    EACH_TIMEOUT,
    EACH_GRACE,
    EACH_STOP,
    EACH_REPORT,
    EACH_PROGRESS,
    EACH_DRY_RUN,
    EACH_OPTION_COUNT
};

extern const struct cli_option each_options[EACH_OPTION_COUNT];

/* cmd_each.c: does what they ask for. */
int cmd_each(int argc, char **argv);

#endif
