/* cli/probe_compare.h - weir probe --compare: two reports, and what differs. */
#ifndef WEIR_CLI_PROBE_COMPARE_H
#define WEIR_CLI_PROBE_COMPARE_H

#include "cli/opts_probe.h"

/* Compares the two reports that the words name.  Returns the status to exit with: 0
 * where nothing differs by more than it may, 1 where something does. */
int probe_compare(const struct probe_values *values, const struct cli_list *words);

#endif
