/* cli/opts_map.h - what the options of weir map set. */
#ifndef WEIR_CLI_OPTS_MAP_H
#define WEIR_CLI_OPTS_MAP_H

#include <stdint.h>

#include "cli/options.h"

struct map_values {
    struct cli_stop stop;
    uint64_t workers, retries, window, max_dead;
    uint64_t window_bytes, max_record, reorder_bytes;
    int64_t start_timeout_ms, record_timeout_ms, timeout_ms;
    const char *input, *output, *dead_letter, *checkpoint, *report, *launcher, *launcher_stop,
        *node_from, *call, *key;
    int on_error, encoding; /* enum weir_map_on_error, enum weir_map_encoding */
    int format;             /* enum weir_map_format */
    int protocol;           /* enum weir_dialect */
    int check;              /* 0: syntax, 1: none */
    int unordered, drop_null, drop_missing, line_buffered, pty_output, launcher_shell, warm,
        hadoop_counters;
    int progress; /* enum progress_style */
};

/* Positions in cli_map's options, for cli_given(). */
enum map_option {
    MAP_INPUT,
    MAP_OUTPUT,
    MAP_FORMAT,
    MAP_UNORDERED,
    MAP_DROP_NULL,
    MAP_KEY,
    MAP_DROP_MISSING,
    MAP_CHECK,
    MAP_ENCODING,
    MAP_MAX_RECORD,
    MAP_ON_ERROR,
    MAP_DEAD_LETTER,
    MAP_MAX_DEAD,
    MAP_RETRIES,
    MAP_RECORD_TIMEOUT,
    MAP_CHECKPOINT,
    MAP_WORKERS,
    MAP_CALL,
    MAP_PROTOCOL,
    MAP_LINE_BUFFERED,
    MAP_PTY_OUTPUT,
    MAP_WARM,
    MAP_LAUNCHER,
    MAP_LAUNCHER_SHELL,
    MAP_LAUNCHER_STOP,
    MAP_NODE_FROM,
    MAP_START_TIMEOUT,
    MAP_WINDOW,
    MAP_WINDOW_BYTES,
    MAP_REORDER_BYTES,
    MAP_TIMEOUT,
    MAP_GRACE,
    MAP_STOP,
    MAP_REPORT,
    MAP_PROGRESS,
    MAP_HADOOP_COUNTERS,
    MAP_OPTION_COUNT
};

extern const struct cli_option map_options[MAP_OPTION_COUNT];

/* cmd_map.c: does what they ask for. */
int cmd_map(int argc, char **argv);

#endif
