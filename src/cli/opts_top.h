/* cli/opts_top.h - what the options of weir top set. */
#ifndef WEIR_CLI_OPTS_TOP_H
#define WEIR_CLI_OPTS_TOP_H

#include <stdint.h>

#include "cli/options.h"

/* What workers are sorted by: the choices of --sort, in their order. */
enum top_sort { TOP_BY_CALLS, TOP_BY_RATE, TOP_BY_MEMORY, TOP_BY_PID, TOP_BY_STATE, TOP_SORTS };

struct top_values {
    const char *socket; /* NULL: the default */
    int64_t every_ms;
    uint64_t count; /* 0: not given */
    int sort;       /* enum top_sort */
    int json;
};

enum top_option { TOP_SOCKET, TOP_EVERY, TOP_COUNT, TOP_SORT, TOP_JSON, TOP_OPTION_COUNT };

extern const struct cli_option top_options[TOP_OPTION_COUNT];

/* cmd_top.c: does what they ask for. */
int cmd_top(int argc, char **argv);

#endif
