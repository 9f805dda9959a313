/* cli/opts_trace.h - --trace and its companions. */
#ifndef WEIR_CLI_OPTS_TRACE_H
#define WEIR_CLI_OPTS_TRACE_H

#include "cli/options.h"

/* Positions in cli_trace_options, which every audited subcommand has. */
enum trace_shared { TRACE_FILE, TRACE_FORMAT, TRACE_SIZE, TRACE_LAST, TRACE_SHARED_COUNT };

enum trace_format { TRACE_AUTO, TRACE_CHROME, TRACE_OTLP };

#endif
