#include "config.h"

#include "cli/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/opts_trace.h"

enum { DEFAULT_SIZE = 32 << 20 };

static int ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);

    return length >= size && strcmp(text + length - size, end) == 0;
}

int trace_begin(struct weir__trace **trace, const struct cli_command *command,
                const struct cli_parsed *parsed, const char *target)
{
    const struct cli_trace_values *values = &parsed->trace;
    char name[200], context[WEIR__TRACEPARENT_SIZE];
    struct weir__trace_options options = {
        .path = values->file,
        .max_size = values->max_size > 0 ? values->max_size : DEFAULT_SIZE,
        .keeps_last = values->keeps_last,
        .name = name,
        .parent = getenv("TRACEPARENT"),
    };
    struct weir_error error;

    *trace = NULL;
    if (values->file == NULL)
        return parsed->given[CLI_TABLE_TRACE] == 0
                   ? 0
                   : cli_bad_usage(command, "this option requires --trace FILE");
    if (values->format == TRACE_OTLP
        || (values->format == TRACE_AUTO && ends_with(values->file, ".otlp.json")))
        options.format = WEIR__TRACE_OTLP;
    snprintf(name, sizeof name, "weir %s%s%s", command->name, target != NULL ? " " : "",
             target != NULL ? target : "");
    *trace = weir__trace_open(&options, &error);
    if (*trace == NULL) {
        cli_say(command, "--trace: %s: nothing was started", error.text);
        return error.status == WEIR_ERR_INVALID ? command->usage_status : CLI_FAILED;
    }
    weir__trace_context(*trace, context);
    if (setenv("TRACEPARENT", context, 1) == 0)
        return 0;
    cli_say(command, "--trace: no memory for the environment: nothing was started");
    return trace_end(trace, command, CLI_FAILED, NULL);
}

int trace_end(struct weir__trace **trace, const struct cli_command *command, int status,
              const char *detail)
{
    struct weir__trace *open = *trace;
    struct weir_error error;

    *trace = NULL;
    if (open == NULL || weir__trace_close(open, status, detail, &error) == 0)
        return status;
    cli_say(command, "--trace: %s", error.text);
    return CLI_FAILED;
}
