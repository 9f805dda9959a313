/* A map's copy of its options. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/pool.h>

#include "base/error.h"
#include "base/options.h"
#include "map/each.h"
#include "map/map.h"
#include "proc/command.h"
#include "base/utf8.h"
#include "text/pointer.h"
#include "work/dialect.h"

enum { LAUNCH_TIMEOUT_MS = 60000 }; /* from a launcher's start to its worker's */

void weir_map_options_init_sized(struct weir_map_options *options, size_t size)
{
    struct weir_map_options defaults = {
        .size = sizeof defaults,
        .start_timeout_ms = WEIR_FOREVER,
        .record_timeout_ms = WEIR_FOREVER,
        .timeout_ms = WEIR_FOREVER,
        .grace_ms = 5000,
        .retries = 2,
        .max_record = 16 * 1024 * 1024,
        .output_fd = STDOUT_FILENO,
        .stderr_fd = STDERR_FILENO,
        .window = 4096,
        .window_bytes = 1024 * 1024,
        .reorder_bytes = 64 * 1024 * 1024,
    };

    weir__options_init(options, size, &defaults, sizeof defaults);
}

static const char *copy(const char *text, int *failed)
{
    char *made = text != NULL ? strdup(text) : NULL;

    if (text != NULL && made == NULL)
        *failed = 1;
    return made;
}

/* Names reserved by the protocols are not functions. */
int weir__map_call_is_name(const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F)
            return 0;
    return length > 0 && length <= 128 && weir__utf8_valid(name, length)
           && strncmp(name, "weir/", 5) != 0 && strncmp(name, "rpc.", 4) != 0;
}

/* A call is a line of JSON in UTF-8, so the record must be, too. */
static int check_call(const struct weir_map_options *options, struct weir_error *error)
{
    const char *name = options->call;

    if (options->dialect < WEIR_DIALECT_AUTO || options->dialect > WEIR_DIALECT_MCP)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "dialect is not a value of weir_dialect");
    if (name == NULL && options->dialect != WEIR_DIALECT_AUTO)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a dialect is for a worker that is called: set call");
    if (name == NULL)
        return 0;
    if (!weir__map_call_is_name(name))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "\"%.128s\" is not a function name: name a function of the worker",
                          weir__utf8_valid(name, strlen(name)) ? name : "?");
    if (options->unchecked || options->encoding == WEIR_MAP_RAW)
        return weir__fail(
            error, WEIR_ERR_INVALID, 0,
            "records of a call must be JSON in UTF-8: they cannot be unchecked or raw");
    return 0;
}

static int check_format(const struct weir_map_options *options, struct weir_error *error)
{
    const char *what = options->call != NULL                   ? "a called function"
                       : options->key != NULL                  ? "a key"
                       : options->drop_null                    ? "dropping null replies"
                       : options->encoding == WEIR_MAP_REPLACE ? "replacing bytes"
                                                               : NULL;

    if ((unsigned)options->format > WEIR_MAP_NUL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "format is not in enum weir_map_format");
    if (options->format != WEIR_MAP_NDJSON && what != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "%s requires JSON records: use the format ndjson", what);
    return 0;
}

static int check_launcher(const struct weir_map_options *options, struct weir_error *error)
{
    const char *name = options->node_from;

    if (options->launcher_shell && options->each == NULL
        && (options->launcher == NULL || options->launcher[0] == NULL))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "launcher_shell requires a launcher");
    if (name != NULL && (*name == '\0' || strchr(name, '=') != NULL))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "node_from is not the name of an environment variable");
    return 0;
}

static int check_warm(const struct weir_map_options *options, struct weir_error *error)
{
    const char *what = options->call == NULL                  ? "without call"
                       : options->dialect == WEIR_DIALECT_MCP ? "with MCP servers"
                       : options->launcher != NULL && options->launcher[0] != NULL
                           ? "with a launcher"
                           : NULL;

    if (options->warm && what != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "warm is for Python workers on this machine: not %s", what);
    return 0;
}

static int copy_dead_letter(struct weir_map_options *ours, const struct weir_map_options *options,
                            struct weir_error *error)
{
    if (ours->max_dead > 0 && ours->on_error == WEIR_MAP_FAIL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "dead records cannot be allowed if the first one ends the run: skip "
                          "them, or give a dead-letter file");
    if (options->dead_letter == NULL)
        return 0;
    if (options->checkpoint != NULL && strstr(options->dead_letter, "%p") != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the dead-letter file of a run with a checkpoint needs a fixed name: %%p "
                          "changes each time");
    return weir__dead_letter_path(options->dead_letter, (char **)&ours->dead_letter, error);
}

/* The results go where the records come from. */
static int check_fed(const struct weir_map_options *options, struct weir_error *error)
{
    const char *what = options->output != NULL        ? "an output file"
                       : options->dead_letter != NULL ? "a dead-letter file"
                       : options->checkpoint != NULL  ? "a checkpoint"
                                                      : NULL;

    if (options->input == WEIR_MAP_FED && what != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a map that is fed gives its results to weir_map_next(): it cannot have "
                          "%s",
                          what);
    if (options->input != WEIR_MAP_FED && (options->on_item != NULL || options->on_room != NULL))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "on_item and on_room are for a map that is fed: set input to "
                          "WEIR_MAP_FED");
    return 0;
}

static int check_pty(const struct weir_map_options *options, struct weir_error *error)
{
    if (options->pty_output && options->launcher != NULL && options->launcher[0] != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the worker of a launcher does not see a pseudo-terminal here: remove "
                          "--pty-output%s",
                          options->each == NULL ? ", or use --line-buffered" : "");
    return 0;
}

static int check_key(const struct weir_map_options *options, struct weir_error *error)
{
    const char *fault = options->key != NULL ? weir__pointer_fault(options->key) : NULL;

    if (fault != NULL)
        return weir__fail(
            error, WEIR_ERR_INVALID, 0, "the key \"%.100s\" %s: give a JSON Pointer, such as /id",
            weir__utf8_valid(options->key, strlen(options->key)) ? options->key : "?", fault);
    if (options->key != NULL && options->call != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a worker that is called needs no key: its answers have ids");
    if (options->key != NULL && options->drop_null)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a null reply has no member for --key: have the worker leave the record "
                          "out, with --drop-missing instead of --drop-null");
    if (options->key != NULL && options->unchecked)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "records with a key must be JSON: they cannot be unchecked");
    if (options->drop_missing && options->key == NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "missing records are only known with a key: give one");
    return 0;
}

/* Goes between the launcher and the worker's words. */
static const char *const by_line[] = {"env", "PYTHONUNBUFFERED=1", "stdbuf", "-oL", NULL};
static const char *const by_byte[] = {"env", "PYTHONUNBUFFERED=1", "stdbuf", "-o0", NULL};

static void add_file(struct weir__file_set *set, int use, const char *dashes, const char *option,
                     const char *path)
{
    char name[64];

    snprintf(name, sizeof name, "%s%s", dashes, option);
    weir__file_set_path(set, use, name, path);
}

void weir__map_files(struct weir__file_set *set, const struct weir_map_options *options,
                     const char *letters, const char *dashes)
{
    weir__file_set_fd(set, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, options->stderr_fd);
    if (options->input == WEIR_MAP_FED)
        return;
    if (options->input == NULL)
        weir__file_set_fd(set, WEIR__FILE_READ, NULL, options->input_fd);
    if (options->output == NULL)
        weir__file_set_fd(set, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, options->output_fd);
    add_file(set, WEIR__FILE_READ, dashes, "input", options->input);
    add_file(set, WEIR__FILE_WRITTEN, dashes, "output", options->output);
    add_file(set, WEIR__FILE_WRITTEN, dashes, "dead-letter", letters);
    add_file(set, WEIR__FILE_WRITTEN, dashes, "checkpoint", options->checkpoint);
}

int weir__map_options_copy(struct weir_map *map, const struct weir_map_options *given,
                           struct weir_error *error)
{
    struct weir_map_options taken, *ours = &map->options;
    const struct weir_map_options *options = &taken;
    struct weir_command command;
    struct weir__launcher launcher = {0};
    struct weir__file_set files = {0};
    int failed = 0, status;

    weir_map_options_init(ours);
    weir_map_options_init(&taken);
    status = weir__options_take(&taken, sizeof taken, given, "weir_map_options", error);
    if (status == 0)
        status = weir__command_take(&command, taken.command, error);
    if (status == 0)
        status = check_call(options, error);
    if (status == 0)
        status = check_key(options, error);
    if (status == 0)
        status = check_fed(options, error);
    if (status == 0)
        status = check_pty(options, error);
    if (status == 0)
        status = check_warm(options, error);
    if (status == 0)
        status = check_format(options, error);
    if (status == 0)
        status = check_launcher(options, error);
    if (status == 0)
        status = weir__stop_sequence_take(&map->stop, taken.stop, taken.stop_count, &taken.grace_ms,
                                          error);
    if (status < 0)
        return status;
    *ours = taken;
    ours->stop = NULL;
    ours->command = &map->command;
    ours->key = copy(ours->key, &failed);
    ours->each = NULL;
    map->is_launched = options->launcher != NULL && options->launcher[0] != NULL;
    ours->launcher = NULL;
    ours->launcher_stop = options->launcher_stop != NULL
                              ? (const char *const *)weir__argv_copy(options->launcher_stop)
                              : NULL;
    ours->call = copy(options->call, &failed);
    ours->dead_letter = NULL;
    if (options->input != WEIR_MAP_FED)
        ours->input = copy(options->input, &failed);
    ours->output = copy(options->output, &failed);
    ours->checkpoint = copy(options->checkpoint, &failed);
    ours->node_from = copy(options->node_from, &failed);
    launcher.words = options->launcher;
    launcher.is_shell = options->launcher_shell;
    if (options->line_buffered)
        launcher.before = options->format == WEIR_MAP_NUL ? by_byte : by_line;
    if (options->each != NULL)
        launcher.words = NULL; /* they come before the words of each record */
    status = weir__command_copy(&map->command, &command, &launcher, error);
    if (status == 0 && options->each != NULL)
        status = weir__each_options_copy(map, options->each, options->launcher, error);
    if (status == 0)
        status = copy_dead_letter(ours, options, error);
    if (status < 0)
        return status;
    if (map->is_launched && ours->start_timeout_ms == WEIR_FOREVER)
        ours->start_timeout_ms = LAUNCH_TIMEOUT_MS;
    if (ours->dialect == WEIR_DIALECT_MCP) {
        if (ours->start_timeout_ms == WEIR_FOREVER)
            ours->start_timeout_ms = WEIR__MCP_START_MS;
        if (ours->workers == 0)
            ours->workers = 1; /* its state is in its process */
    }

    weir__map_files(&files, ours, ours->dead_letter, "");
    status = weir__file_set_end(&files, error);
    if (status < 0)
        return status;
    if (failed || (ours->launcher_stop == NULL) != (options->launcher_stop == NULL))
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a map");
    map->stop_command = map->command;
    map->stop_command.argv = ours->launcher_stop;
    for (int i = 0; i < WEIR_LIMITS; i++)
        map->stop_command.limits[i] = WEIR_NO_LIMIT; /* limits are for the worker */
    if (ours->workers == 0) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);

        ours->workers = processors > 0 ? (unsigned)processors : 1;
    }
    /* One record is always allowed, however long: 0 would stop the flow. */
    if (ours->window == 0)
        ours->window = 1;
    if (ours->window_bytes == 0)
        ours->window_bytes = 1;
    if (ours->reorder_bytes == 0)
        ours->reorder_bytes = 1;
    return 0;
}

void weir__map_options_clear(struct weir_map *map)
{
    struct weir_map_options *ours = &map->options;

    weir__each_clear(map);
    weir__command_clear(&map->command);
    weir__argv_free((char **)ours->launcher_stop);
    free((char *)ours->call);
    free((char *)ours->key);
    free((char *)ours->node_from);
    free((char *)ours->dead_letter);
    if (ours->input != WEIR_MAP_FED)
        free((char *)ours->input);
    free((char *)ours->output);
    free((char *)ours->checkpoint);
}
