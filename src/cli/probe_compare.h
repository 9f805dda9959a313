/* cli/probe_compare.h - weir probe --compare: the differences of two reports. */
#ifndef WEIR_CLI_PROBE_COMPARE_H
#define WEIR_CLI_PROBE_COMPARE_H

#include "cli/opts_probe.h"

/* Compares the two named reports. Returns the exit status: 0 if all differences are allowed,
 * otherwise 1. */
int probe_compare(const struct probe_values *values, const struct cli_list *words);

#endif
