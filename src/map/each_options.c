/* Options of a program for each record. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/options.h"
#include "map/each.h"
#include "map/map.h"

void weir_each_options_init_sized(struct weir_each_options *options, size_t size)
{
    struct weir_each_options defaults = {
        .size = sizeof defaults,
        .max_output = 1024 * 1024,
    };

    weir__options_init(options, size, &defaults, sizeof defaults);
}

void weir_each_set_up(struct weir_map_options *options, const struct weir_each_options *each)
{
    options->each = each;
    options->format = WEIR_MAP_LINE;
    options->retries = 0;
    options->on_error = WEIR_MAP_SKIP;
}

/* --- What cannot be meant ----------------------------------------------------- */

static int check_map(const struct weir_map_options *options, struct weir_error *error)
{
    const char *what = options->call != NULL    ? "the function to call"
                       : options->key != NULL   ? "the key"
                       : options->drop_null     ? "drop_null"
                       : options->line_buffered ? "line_buffered"
                                                : NULL;

    if (what != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a program for each record has no replies: leave out %s", what);
    return 0;
}

static int check(const struct weir_map *map, const struct weir_each_options *options,
                 struct weir_error *error)
{
    if ((unsigned)options->output > WEIR_EACH_FILES)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "output is not in enum weir_each_output");
    if ((options->output == WEIR_EACH_FILES) != (options->results != NULL))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "results and WEIR_EACH_FILES require each other");
    if (options->tag != NULL && options->output != WEIR_EACH_LIVE)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "a tag requires live output");
    if (map->options.pty_output && (options->output == WEIR_EACH_FILES || options->hosts != NULL))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--results and --hosts cannot give a program a pseudo-terminal: remove "
                          "--pty-output");
    if (options->output == WEIR_EACH_LIVE && map->options.input == WEIR_MAP_FED)
        return weir__fail(
            error, WEIR_ERR_INVALID, 0,
            "live output goes to a descriptor: a map that is fed has whole output, or "
            "documents");
    if (options->output == WEIR_EACH_LIVE && map->options.checkpoint != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "live output cannot be resumed: leave out the checkpoint, or have the "
                          "output written whole");
    if (options->dry_run && map->options.checkpoint != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a dry run has nothing to resume: leave out the checkpoint");
    if (options->retry_delay_ms < 0 || options->delay_ms < 0 || options->interval_ns < 0
        || options->max_load < 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "times, rates and loads cannot be negative");
    return 0;
}

/* --- Copies --------------------------------------------------------------------- */

static const char *copy(const char *text, int *failed)
{
    char *made = text != NULL ? strdup(text) : NULL;

    if (text != NULL && made == NULL)
        *failed = 1;
    return made;
}

/* The variables of the command, with room for ours. */
static int copy_variables(struct weir__each *each, const struct weir_command *command)
{
    while (command->env != NULL && command->env[each->variable_count] != NULL)
        each->variable_count++;
    each->variables = calloc(each->variable_count + 3, sizeof *each->variables);
    if (each->variables == NULL)
        return WEIR_ERR_NOMEM;
    for (size_t i = 0; i < each->variable_count; i++)
        each->variables[i] = command->env[i];
    return 0;
}

int weir__each_options_dup(struct weir_each_options *ours, const struct weir_each_options *options)
{
    int failed = 0;
    int *exits = NULL;

    *ours = *options;
    if (ours->ok_exit_count > 0) {
        exits = calloc(ours->ok_exit_count, sizeof *exits);
        failed = exits == NULL;
        if (exits != NULL)
            memcpy(exits, options->ok_exits, ours->ok_exit_count * sizeof *exits);
    }
    ours->ok_exits = exits;
    ours->replace = copy(ours->replace, &failed);
    ours->tag = copy(ours->tag, &failed);
    ours->results = copy(ours->results, &failed);
    ours->jobserver = copy(ours->jobserver, &failed);
    ours->hosts = copy(ours->hosts, &failed);
    return failed ? WEIR_ERR_NOMEM : 0;
}

void weir__each_options_free(struct weir_each_options *ours)
{
    free((int *)ours->ok_exits);
    free((char *)ours->replace);
    free((char *)ours->tag);
    free((char *)ours->results);
    free((char *)ours->jobserver);
    free((char *)ours->hosts);
    *ours = (struct weir_each_options){0};
}

/* Reads the placeholders of the command and of the tag. */
static int read_words(struct weir_map *map, struct weir_error *error)
{
    struct weir__each *each = map->each;
    const struct weir_each_options *options = &each->options;
    const char *tag[] = {options->tag != NULL ? options->tag : "{#}: ", NULL};
    struct weir__each_syntax syntax = {
        .replace = options->replace,
        .style = options->is_shell ? WEIR__EACH_SHELL : WEIR__EACH_PLAIN,
        .appends = !options->to_stdin,
    };
    int status = weir__each_words_read(&each->words, map->command.argv, &syntax, error);

    if (status == 0 && options->output == WEIR_EACH_LIVE) {
        syntax = (struct weir__each_syntax){.replace = options->replace};
        status = weir__each_words_read(&each->tag, tag, &syntax, error);
    }
    if (status == 0 && map->options.format != WEIR_MAP_NDJSON
        && (weir__each_words_have_member(&each->words) || weir__each_words_have_member(&each->tag)))
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "a placeholder such as {@/id} requires JSON records: use the format "
                            "ndjson");
    return status;
}

/* The launcher for hosts: it must not ask for a password. */
static const char *const ssh[] = {"ssh", "-o", "BatchMode=yes", NULL};

/* Reads the hosts, which have a slot for each worker. */
static int read_hosts(struct weir_map *map, struct weir_error *error)
{
    struct weir__each *each = map->each;
    int status;

    if (each->options.hosts == NULL)
        return 0;
    status = weir__each_hosts_read(&each->hosts, each->options.hosts, error);
    if (status < 0)
        return status;
    if (map->options.workers == 0 || map->options.workers > each->hosts.count)
        map->options.workers = (unsigned)each->hosts.count;
    map->is_launched = 1;
    return 0;
}

int weir__each_options_copy(struct weir_map *map, const struct weir_each_options *given,
                            const char *const *launcher, struct weir_error *error)
{
    struct weir_each_options taken;
    struct weir__each *each = calloc(1, sizeof *each);
    int status;

    if (each == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a map");
    weir_each_options_init(&taken);
    status = weir__options_take(&taken, sizeof taken, given, "weir_each_options", error);
    if (status == 0)
        status = check_map(&map->options, error);
    if (status == 0)
        status = check(map, &taken, error);
    if (status < 0) {
        free(each);
        return status;
    }
    map->each = each;
    each->results = each->spool.fd = each->no_capture.fd = -1;
    each->last = &each->first;
    if (taken.max_output == 0)
        taken.max_output = 1;
    if (weir__each_options_dup(&each->options, &taken) < 0
        || copy_variables(each, &map->command) < 0)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a map");
    status = read_hosts(map, error);
    if (status < 0)
        return status;
    each->launcher.is_shell =
        map->options.launcher_shell || (each->hosts.count > 0 && launcher == NULL);
    if (map->is_launched) {
        each->launcher.words =
            (const char *const *)weir__argv_copy(launcher != NULL ? launcher : ssh);
        if (each->launcher.words == NULL)
            return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a map");
    }
    return read_words(map, error);
}

void weir__each_clear(struct weir_map *map)
{
    struct weir__each *each = map->each;

    if (each == NULL)
        return;
    weir__each_options_free(&each->options);
    weir__argv_free((char **)each->launcher.words);
    weir__each_hosts_clear(&each->hosts);
    free(each->variables);
    free(each->slots);
    weir__each_words_clear(&each->words);
    weir__each_words_clear(&each->tag);
    free(each);
    map->each = NULL;
}

/* --- While it runs ---------------------------------------------------------------- */

static int open_results(struct weir__each *each, struct weir_error *error)
{
    const char *path = each->options.results;
    int failed = mkdir(path, 0777) < 0 && errno != EEXIST ? errno : 0;

    if (failed == 0) {
        each->results = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        failed = each->results < 0 || faccessat(each->results, ".", W_OK | X_OK, AT_EACCESS) < 0
                     ? errno
                     : 0;
    }
    if (failed == 0)
        return weir__fd_above_stdio(&each->results, error);
    return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot write results to %s", path);
}

static void may_start(void *data, int bits)
{
    struct weir_map *map = data;

    (void)bits;
    map->changed(map);
}

/* A line of their stderr, where it is not forwarded. */
static void emit_line(void *owner, const struct weir_line *line)
{
    const struct weir_map *map = owner;

    weir__context_tell(map->operation.weir, (struct weir_event){
                                                .kind = WEIR_EVENT_STDERR_LINE,
                                                .stage = map->label.stage,
                                                .name = map->label.name,
                                                .number = !map->label.is_quiet,
                                                .text = line->bytes,
                                                .length = line->length,
                                            });
}

int weir__each_open(struct weir_map *map, struct weir_error *error)
{
    struct weir__each *each = map->each;
    int status;

    each->slots = calloc(map->options.workers, sizeof *each->slots);
    if (each->slots == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for workers");
    each->source = (struct weir__stderr_source){.capture = &each->no_capture, .owner = map};
    if (map->options.stderr_fd < 0 && map->operation.weir->on_event != NULL)
        each->source.on_line = emit_line;
    weir__stderr_source_add(&each->source, &map->forwarder);
    status =
        each->options.results != NULL && !each->options.dry_run ? open_results(each, error) : 0;
    if (status == 0)
        status = weir__each_pace_open(&each->pace, &each->options, map->operation.weir->loop,
                                      may_start, map, error);
    return status;
}

void weir__each_close(struct weir_map *map)
{
    struct weir__each *each = map->each;

    if (each == NULL)
        return;
    while (each->first != NULL) {
        struct weir__outputs *outputs = each->first;

        each->first = outputs->next;
        weir__outputs_free(outputs, &map->each->spool);
    }
    each->last = &each->first;
    weir__each_pace_close(&each->pace);
    weir__stderr_source_remove(&each->source);
    weir__spool_close(&each->spool);
    weir__close(&each->results);
}
