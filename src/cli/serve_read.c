#include "config.h"

#include "cli/serve_read.h"

#include <stdlib.h>

#include "base/digest.h"
#include "cli/files.h"
#include "cli/launcher.h"
#include "work/dialect.h"

enum { STUCK_MS = 30000 };

void serve_values_init(struct serve_values *values)
{
    struct weir_pool_options defaults;

    weir_pool_options_init(&defaults);
    *values = (struct serve_values){
        .count = defaults.workers,
        .max_queue = defaults.max_queue,
        .max_calls = WEIR__MAX_CALLS,
        .max_connections = WEIR__MAX_CONNECTIONS,
        .max_memory = WEIR__MAX_MEMORY,
        .max_result = WEIR__MCP_MAX_RESULT,
        .start_timeout_ms = defaults.start_timeout_ms,
        .stuck_ms = STUCK_MS,
        .recycle_age_ms = defaults.recycle_age_ms,
        .drain_ms = 30000,
        .linger_ms = -1,
        .http_timeout_ms = 60000,
        .http_head_timeout_ms = 5000,
        .http_max_body = 1 << 20,
        .http_connections = 256,
    };
}

void serve_values_clear(struct serve_values *values)
{
    free(values->workers.items);
    free(values->servers.items);
    free(values->http_hosts.items);
    free(values->http_origins.items);
    free(values->exposed.items);
    free(values->breakers.items);
    free(values->fallbacks.items);
    free(values->launchers.items);
    free(values->launcher_stops.items);
}

static int is_one_empty(const struct cli_list *texts)
{
    return texts->count == 1 && *texts->items[0] == '\0';
}

/* Returns 0, or the exit status. */
static int read_launchers(struct serve_cmd *cmd)
{
    const struct serve_values *values = &cmd->values;
    size_t count = cmd->kinds.count;
    const char *warning = NULL;
    int status;

    if (values->launchers.count == 0
        && (values->launcher_stops.count > 0 || values->launcher_shell))
        return serve_fail(cmd, CLI_USAGE,
                          values->launcher_shell ? "--launcher-shell requires --launcher"
                                                 : "--launcher-stop requires --launcher");
    status = launchers_split(&cli_serve, "--launcher", &values->launchers, count, &cmd->launchers);
    if (status == 0)
        status = launchers_split(&cli_serve, "--launcher-stop", &values->launcher_stops, count,
                                 &cmd->launcher_stops);
    for (size_t i = 0; status == 0 && cmd->launchers != NULL && i < count && warning == NULL; i++)
        warning = launcher_warning((const char *const *)cmd->launchers[i], values->launcher_shell);
    if (warning != NULL)
        cli_say(&cli_serve, "%s", warning);
    return status;
}

/* Returns 0, or the exit status. */
static int read_pins(struct serve_cmd *cmd)
{
    const struct serve_values *values = &cmd->values;
    struct weir_error error;

    if (values->pin == NULL)
        return values->pin_update ? cli_bad_usage(&cli_serve, "--pin-update requires --pin FILE")
                                  : 0;
    if (weir__pins_open(&cmd->pins, values->pin, values->pin_update, weir__sha256, &error) == 0)
        return 0;
    return serve_fail_by(cmd, &error);
}

/* Whether an option is given that only MCP servers have: its name, or NULL. */
static const char *find_mcp_option(const struct serve_cmd *cmd)
{
    static const struct {
        enum serve_option option;
        const char *name;
    } rows[] = {
        {SERVE_MCP_VERSION, "--mcp-version"},
        {SERVE_NO_RETRY, "--no-retry"},
        {SERVE_STUCK, "--stuck"},
        {SERVE_CHECK, "--check"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (cli_given(&cmd->parsed, rows[i].option))
            return rows[i].name;
    return NULL;
}

int serve_read(struct serve_cmd *cmd)
{
    struct serve_values *values = &cmd->values;
    int status = 0;

    if (cmd->parsed.words.count > 0)
        return cli_bad_usage(
            &cli_serve,
            "unexpected argument \"%.100s\": pass the worker's program as one argument of -w",
            cmd->parsed.words.items[0]);
    if (values->protocol == WEIR_DIALECT_MCP && !cli_given(&cmd->parsed, SERVE_START_TIMEOUT))
        values->start_timeout_ms = WEIR__MCP_START_MS;
#ifdef WEIR_HTTP
    if (serve_pair_option(cmd) != NULL && values->http != NULL)
        return cli_bad_usage(&cli_serve,
                             "%s serves one client on stdin and stdout: leave --http out",
                             serve_pair_option(cmd));
    status = serve_web_read(&cmd->web, values);
    if (status != 0)
        return status;
#endif
    status = serve_guard_read(&cmd->guard, values);
    if (status != 0)
        return status;
    if (is_one_empty(&values->launchers) || is_one_empty(&values->launcher_stops))
        return serve_fail(cmd, CLI_USAGE,
                          is_one_empty(&values->launchers)
                              ? "--launcher is empty: use a program, such as ssh"
                              : "--launcher-stop is empty: use a program, such as ssh");
    if (values->protocol != WEIR_DIALECT_MCP && values->file == NULL && values->servers.count == 0
        && find_mcp_option(cmd) != NULL)
        return cli_bad_usage(&cli_serve, "%s requires --protocol mcp", find_mcp_option(cmd));
    if (values->stdio && values->mcp)
        return cli_bad_usage(&cli_serve, "--mcp and --stdio exclude each other");
    if (serve_pair_option(cmd) != NULL && values->socket != NULL)
        return cli_bad_usage(&cli_serve,
                             "%s serves one client on stdin and stdout: "
                             "leave --socket out",
                             serve_pair_option(cmd));
    if (values->linger_ms >= 0 && (serve_pair_option(cmd) != NULL || serve_has_web(cmd)))
        return cli_bad_usage(&cli_serve, "--linger is for a socket alone: leave %s out",
                             serve_pair_option(cmd) != NULL ? serve_pair_option(cmd) : "--http");
    status = serve_kinds_read(&cmd->kinds, values, &cmd->parsed);
    if (status != 0)
        return status;
    cmd->unready_since_ns = calloc(cmd->kinds.count, sizeof *cmd->unready_since_ns);
    if (cmd->unready_since_ns == NULL)
        return serve_fail(cmd, CLI_FAILED, "no memory");
    status = read_launchers(cmd);
    if (status == 0)
        status = read_pins(cmd);
    if (status == 0 && values->min_ready > 0 && values->count > 0
        && values->min_ready > values->count) {
        cli_say(&cli_serve, "--min-ready %llu is more than the --workers %llu",
                (unsigned long long)values->min_ready, (unsigned long long)values->count);
        status = CLI_USAGE;
    }
    if (status == 0 && values->max_memory < WEIR__MAX_MEMORY_LEAST) {
        cli_say(&cli_serve, "--max-memory must be at least 1M");
        status = CLI_USAGE;
    }
    return status;
}

void serve_read_pool(const struct serve_cmd *cmd, struct weir_pool_options *options)
{
    const struct serve_values *values = &cmd->values;

    weir_pool_options_init(options);
    options->commands = cmd->kinds.commands;
    options->command_count = cmd->kinds.count;
    options->kinds = cmd->kinds.options;
    options->launchers = (const char *const *const *)cmd->launchers;
    options->launcher_stops = (const char *const *const *)cmd->launcher_stops;
    options->launcher_shell = values->launcher_shell;
    options->warm = values->warm;
    options->workers = (unsigned)values->count;
    options->window = (unsigned)values->window;
    options->max_queue = (size_t)values->max_queue;
    options->start_timeout_ms = values->start_timeout_ms;
    options->stop = values->stop.steps;
    options->stop_count = values->stop.count;
    if (values->stop.count > 0)
        options->cancel_grace_ms = values->stop.steps[0].wait_ms;
    options->recycle_calls = values->recycle_calls;
    options->recycle_age_ms = values->recycle_age_ms;
    options->recycle_rss_kb = values->recycle_rss / 1024;
    options->schemas = 1;
}

int serve_read_files(const struct serve_cmd *cmd)
{
    struct weir__file_set files = {0};
    struct weir_error error;

    files_begin(&files, &cmd->parsed);
    weir__file_set_path(&files, WEIR__FILE_READ, "--http-tokens", cmd->values.http_tokens);
    weir__file_set_path(&files, WEIR__FILE_WRITTEN, "--http-state", cmd->values.http_state);
    weir__file_set_path(&files, cmd->values.pin_update ? WEIR__FILE_WRITTEN : WEIR__FILE_READ,
                        "--pin", cmd->values.pin);
    if (weir__file_set_end(&files, &error) == 0)
        return 0;
    cli_say(&cli_serve, "%s: nothing was started", error.text);
    return files_status(&cli_serve, &error);
}
