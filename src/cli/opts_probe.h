/* cli/opts_probe.h - what the options of weir probe set. */
#ifndef WEIR_CLI_OPTS_PROBE_H
#define WEIR_CLI_OPTS_PROBE_H

#include <stdint.h>

#include "cli/options.h"

struct probe_values {
    int json, list, compare;
    int64_t timeout_ms;
    const char *activate, *report, *contract, *env;
    struct cli_list only, detectors;
};

/* Positions in cli_probe's options, for cli_given(). */
enum probe_option {
    PROBE_ONLY,
    PROBE_DETECTOR,
    PROBE_LIST,
    PROBE_TIMEOUT,
    PROBE_ACTIVATE,
    PROBE_CONTRACT,
    PROBE_COMPARE,
    PROBE_ENV,
    PROBE_JSON,
    PROBE_REPORT,
    PROBE_OPTION_COUNT
};

extern const struct cli_option probe_options[PROBE_OPTION_COUNT];

#endif
