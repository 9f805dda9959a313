/* cli/opts_report.h - what the options of weir report set. */
#ifndef WEIR_CLI_OPTS_REPORT_H
#define WEIR_CLI_OPTS_REPORT_H

#include "cli/options.h"

struct report_values {
    const char *html; /* NULL: print text */
};

enum report_option { REPORT_HTML, REPORT_OPTION_COUNT };

extern const struct cli_option report_options[REPORT_OPTION_COUNT];

/* cmd_report.c: does what they ask for. */
int cmd_report(int argc, char **argv);

#endif
