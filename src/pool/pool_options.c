#include "config.h"

#include "pool/pool_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/lines.h>

#include "base/error.h"
#include "base/options.h"
#include "proc/command.h"
#include "rpc/mcp.h"
#include "work/handshake.h"

void weir_pool_options_init_sized(struct weir_pool_options *options, size_t size)
{
    struct weir_pool_options defaults = {
        .size = sizeof defaults,
        .max_queue = 1024,
        .max_line = WEIR_MAX_LINE,
        .start_timeout_ms = 10000,
        .cancel_grace_ms = 5000,
        .interrupt_grace_ms = 1000,
        .grace_ms = 5000,
        .backoff_ms = 100,
        .backoff_max_ms = 30000,
        .start_attempts = 5,
        .recycle_age_ms = WEIR_FOREVER,
        .stderr_fd = STDERR_FILENO,
        .start_patience_ms = 2000,
    };

    weir__options_init(options, size, &defaults, sizeof defaults);
}

void weir_kind_options_init_sized(struct weir_kind_options *options, size_t size)
{
    struct weir_kind_options defaults = {.size = sizeof defaults, .stuck_ms = 30000};

    weir__options_init(options, size, &defaults, sizeof defaults);
}

void weir_call_options_init_sized(struct weir_call_options *options, size_t size)
{
    struct weir_call_options defaults = {
        .size = sizeof defaults,
        .timeout_ms = WEIR_FOREVER,
        .credit = 64,
        .kind = -1,
    };

    weir__options_init(options, size, &defaults, sizeof defaults);
}

void weir_call_sink_init_sized(struct weir_call_sink *sink, size_t size)
{
    struct weir_call_sink defaults = {.size = sizeof defaults};

    weir__options_init(sink, size, &defaults, sizeof defaults);
}

static int check(const struct weir_pool_options *options, struct weir_error *error)
{
    if (options->command_count == 0 || options->commands == NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a pool needs a command: set commands and command_count");
    return 0;
}

static unsigned count_processors(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors > 0 ? (unsigned)processors : 1;
}

/* Runs where and as the launcher does, with the worker's limits. */
static int copy_stop(struct weir__worker_group *group, const char *const *argv,
                     struct weir_error *error)
{
    struct weir_command stop = group->command;

    stop.argv = argv;
    for (int i = 0; i < WEIR_LIMITS; i++)
        stop.limits[i] = WEIR_NO_LIMIT;
    return weir__command_copy(&group->stop, &stop, NULL, error);
}

/* What of its own one kind has, with the pool's values for the rest. */
static int copy_kind(struct weir__worker_group *group, const struct weir_pool_options *options,
                     struct weir_error *error)
{
    struct weir_kind_options *kind = &group->kind;
    const char *label, *version;
    int status = 0;

    weir_kind_options_init(kind);
    kind->dialect = options->dialect;
    if (options->kinds != NULL && options->kinds[group->number] != NULL)
        status = weir__options_take(kind, sizeof *kind, options->kinds[group->number],
                                    "weir_kind_options", error);
    label = kind->label;
    version = kind->mcp_version;
    kind->label = kind->mcp_version = NULL; /* until they are copied */
    if (status < 0)
        return status;
    if ((int)kind->dialect < WEIR_DIALECT_AUTO || kind->dialect > WEIR_DIALECT_MCP)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "dialect is not a value of weir_dialect");
    if (version != NULL && strcmp(version, WEIR__MCP_LEGACY_VERSION) != 0
        && strcmp(version, WEIR__MCP_MODERN_VERSION) != 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "mcp_version is " WEIR__MCP_LEGACY_VERSION
                          " or " WEIR__MCP_MODERN_VERSION);
    if ((label != NULL && (kind->label = strdup(label)) == NULL)
        || (version != NULL && (kind->mcp_version = strdup(version)) == NULL))
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a pool");
    group->mcp_start = weir__mcp_start_of(version);
    if (kind->workers == 0)
        kind->workers = options->workers > 0                ? options->workers
                        : kind->dialect == WEIR_DIALECT_MCP ? 1
                                                            : count_processors();
    if (kind->window == 0)
        kind->window = options->window;
    if (kind->start_timeout_ms == 0)
        kind->start_timeout_ms = options->start_timeout_ms;
    group->pool->has_mcp |= kind->dialect == WEIR_DIALECT_MCP;
    if (options->warm && (group->is_launched || kind->dialect == WEIR_DIALECT_MCP))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "warm is for Python workers on this machine: not with %s",
                          group->is_launched ? "a launcher" : "MCP servers");
    return 0;
}

static int copy_group(struct weir__worker_group *group, const struct weir_pool_options *options,
                      struct weir_error *error)
{
    struct weir__launcher launcher = {.words = options->launcher,
                                      .is_shell = options->launcher_shell};
    const char *const *stop = options->launcher_stop;
    struct weir_command command;
    int status = weir__command_take(&command, options->commands[group->number], error);

    if (options->launchers != NULL)
        launcher.words = options->launchers[group->number];
    if (options->launcher_stops != NULL)
        stop = options->launcher_stops[group->number];
    group->is_launched = launcher.words != NULL && launcher.words[0] != NULL;
    if (status == 0)
        status = weir__command_copy(&group->command, &command, &launcher, error);
    return status == 0 && stop != NULL ? copy_stop(group, stop, error) : status;
}

/* How long starts may fail before they are given up. */
static int64_t patience_of(const struct weir__worker_group *group)
{
    const struct weir_pool_options *options = &group->pool->options;

    if (options->start_attempts <= 1)
        return 0;
    if (group->is_launched && options->start_patience_ms != WEIR_FOREVER
        && options->start_patience_ms < group->kind.start_timeout_ms)
        return group->kind.start_timeout_ms; /* old workers may have to leave first */
    return options->start_patience_ms;
}

int weir__pool_options_copy(struct weir_pool *pool, const struct weir_pool_options *given,
                            struct weir_error *error)
{
    struct weir_pool_options taken, *ours = &pool->options;
    const struct weir_pool_options *options = &taken;
    int status;

    weir_pool_options_init(&taken);
    status = weir__options_take(&taken, sizeof taken, given, "weir_pool_options", error);
    if (status == 0)
        status = check(options, error);
    if (status < 0)
        return status;
    status =
        weir__stop_sequence_take(&pool->stop, taken.stop, taken.stop_count, &taken.grace_ms, error);
    if (status < 0)
        return status;
    *ours = taken;
    ours->stop = NULL;
    ours->commands = NULL;
    ours->launcher_stop = NULL;
    ours->launcher = NULL;
    ours->kinds = NULL;
    ours->launchers = ours->launcher_stops = NULL;
    pool->groups = calloc(options->command_count, sizeof *pool->groups);
    if (pool->groups == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a pool");
    pool->group_count = options->command_count;
    for (size_t i = 0; i < pool->group_count && status == 0; i++) {
        pool->groups[i].pool = pool;
        pool->groups[i].number = i;
        status = copy_group(&pool->groups[i], options, error);
        if (status == 0)
            status = copy_kind(&pool->groups[i], options, error);
    }
    if (ours->max_line == 0 || ours->max_line > WEIR_MAX_LINE)
        ours->max_line = WEIR_MAX_LINE;
    for (size_t i = 0; i < pool->group_count && status == 0; i++) {
        struct weir__supervisor *supervisor = &pool->groups[i].supervisor;

        supervisor->first_ms = ours->backoff_ms;
        supervisor->most_ms = ours->backoff_max_ms;
        supervisor->patience_ms = patience_of(&pool->groups[i]);
        if (weir__supervisor_open(supervisor, pool->groups[i].kind.workers) < 0)
            status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %u workers",
                                pool->groups[i].kind.workers);
    }
    return status;
}

void weir__pool_options_clear(struct weir_pool *pool)
{
    for (size_t i = 0; i < pool->group_count; i++) {
        weir__command_clear(&pool->groups[i].command);
        weir__command_clear(&pool->groups[i].stop);
        json_decref(pool->groups[i].methods);
        free((char *)pool->groups[i].kind.label);
        free((char *)pool->groups[i].kind.mcp_version);
        weir__supervisor_close(&pool->groups[i].supervisor);
    }
    free(pool->groups);
    weir__figures_clear(&pool->figures);
}
