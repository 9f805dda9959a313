#include "config.h"

#include "pipeline/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/text.h>

#include "base/error.h"
#include "base/options.h"
#include "base/units.h"
#include "map/dead_letter_file.h"
#include "map/each.h"
#include "proc/command.h"
#include "text/shell_words.h"

enum { DEFAULT_GRACE_MS = 5000, DEFAULT_DRAIN_MS = 1000, DEFAULT_MAX_STDERR = 64 * 1024 };

void weir_stage_init_sized(struct weir_stage *stage, size_t size)
{
    struct weir_stage defaults = {
        .size = sizeof defaults,
        .err = WEIR_STDERR_PREFIX,
        .timeout_ms = WEIR_FOREVER,
        .idle_ms = WEIR_FOREVER,
        .grace_ms = DEFAULT_GRACE_MS,
    };

    weir__options_init(stage, size, &defaults, sizeof defaults);
}

void weir_pipeline_settings_init_sized(struct weir_pipeline_settings *settings, size_t size)
{
    struct weir_pipeline_settings defaults = {
        .size = sizeof defaults,
        .pipefail = WEIR_PIPEFAIL_SMART,
        .timeout_ms = WEIR_FOREVER,
        .grace_ms = DEFAULT_GRACE_MS,
        .drain_ms = DEFAULT_DRAIN_MS,
        .input_fd = 0,
        .output_fd = 1,
        .stderr_fd = 2,
        .max_stderr = DEFAULT_MAX_STDERR,
        .terminal_fd = -1,
    };

    weir__options_init(settings, size, &defaults, sizeof defaults);
}

/* --- Copies ---------------------------------------------------------------- */

/* NULL stays NULL. */
static char **strings_copy(const char *const *strings)
{
    return strings != NULL ? weir__argv_copy(strings) : NULL;
}

static char *string_copy(const char *string)
{
    return string != NULL ? strdup(string) : NULL;
}

static void stage_clear(struct weir__stage *stage)
{
    free(stage->name);
    weir__argv_free(stage->argv);
    weir__argv_free(stage->env_pass);
    weir__argv_free(stage->env);
    free(stage->cwd);
    free(stage->charset);
    free(stage->ok_exit);
    free(stage->call);
    free(stage->key);
    free(stage->node_from);
    free(stage->dead_letter);
    weir__argv_free(stage->launcher);
    weir__argv_free(stage->launcher_stop);
    weir__each_options_free(&stage->each);
}

/* Copies a stage's map options, and all that their pointers refer to. Those that the pipeline
 * provides keep their defaults until the start. */
static int map_copy(struct weir__stage *copy, const struct weir_map_options *given)
{
    struct weir_map_options *map = &copy->map, defaults;

    weir_map_options_init(&defaults);
    *map = given != NULL ? *given : defaults;
    if (given == NULL)
        return 0;
    map->command = defaults.command;
    map->timeout_ms = defaults.timeout_ms;
    map->grace_ms = defaults.grace_ms;
    map->stop = defaults.stop;
    map->stop_count = defaults.stop_count;
    map->input = defaults.input;
    map->input_fd = defaults.input_fd;
    map->output = defaults.output;
    map->output_fd = defaults.output_fd;
    map->stderr_fd = defaults.stderr_fd;
    map->checkpoint = defaults.checkpoint;
    map->call = copy->call = string_copy(given->call);
    map->key = copy->key = string_copy(given->key);
    map->node_from = copy->node_from = string_copy(given->node_from);
    map->dead_letter = copy->dead_letter = string_copy(given->dead_letter);
    copy->launcher = strings_copy(given->launcher);
    copy->launcher_stop = strings_copy(given->launcher_stop);
    map->each = NULL; /* the stage moves when the array grows */
    copy->is_each = given->each != NULL;
    if (copy->is_each && weir__each_options_dup(&copy->each, given->each) < 0)
        return -1;
    map->launcher = (const char *const *)copy->launcher;
    map->launcher_stop = (const char *const *)copy->launcher_stop;
    return (given->call != NULL && copy->call == NULL) || (given->key != NULL && copy->key == NULL)
                   || (given->node_from != NULL && copy->node_from == NULL)
                   || (given->dead_letter != NULL && copy->dead_letter == NULL)
                   || (given->launcher != NULL && copy->launcher == NULL)
                   || (given->launcher_stop != NULL && copy->launcher_stop == NULL)
               ? -1
               : 0;
}

const struct weir_map_options *weir__stage_map(const struct weir__stage *stage)
{
    return stage->is_map ? &stage->map : NULL;
}

/* Makes *stage a copy of given. Returns 0, or -1 if out of memory. */
static int stage_copy(struct weir__stage *stage, const struct weir_stage *given)
{
    const struct weir_command *command = given->command;
    struct weir__stage copy = {
        .view = *given,
        .command = *command,
        .name = string_copy(given->name),
        .named = given->name != NULL,
        .argv = strings_copy(command->argv),
        .env_pass = strings_copy(command->env_pass),
        .env = strings_copy(command->env),
        .cwd = string_copy(command->cwd),
        .charset = string_copy(given->charset),
        .ok_exit = given->ok_exit != NULL ? malloc(given->ok_exit_count + 1) : NULL,
    };

    if ((given->name != NULL && copy.name == NULL) || copy.argv == NULL
        || (command->env_pass != NULL && copy.env_pass == NULL)
        || (command->env != NULL && copy.env == NULL) || (command->cwd != NULL && copy.cwd == NULL)
        || (given->charset != NULL && copy.charset == NULL)
        || (given->ok_exit != NULL && copy.ok_exit == NULL) || map_copy(&copy, given->map) < 0) {
        stage_clear(&copy);
        return -1;
    }
    if (copy.ok_exit != NULL)
        memcpy(copy.ok_exit, given->ok_exit, given->ok_exit_count);
    copy.view.name = copy.name;
    copy.command.argv = (const char *const *)copy.argv;
    copy.command.env_pass = (const char *const *)copy.env_pass;
    copy.command.env = (const char *const *)copy.env;
    copy.command.cwd = copy.cwd;
    copy.view.charset = copy.charset;
    copy.view.ok_exit = copy.ok_exit;
    copy.is_map = given->map != NULL;
    copy.view.command = NULL; /* the stage moves when the array grows */
    copy.view.map = NULL;     /* see weir__stage_map() */
    copy.view.stop = NULL;    /* copy.stop */
    copy.has_stop = given->stop != NULL && given->stop_count > 0;
    weir__stop_sequence_take(&copy.stop, given->stop, given->stop_count, &copy.view.grace_ms, NULL);
    *stage = copy;
    return 0;
}

/* --- Names ----------------------------------------------------------------- */

static struct weir__stage *find_name(const weir_pipeline_t *pipeline, const char *name)
{
    for (size_t i = 0; i < pipeline->count; i++)
        if (strcmp(pipeline->stages[i].name, name) == 0)
            return &pipeline->stages[i];
    return NULL;
}

/* Returns an unused name: the program's basename, with "#2", "#3"... appended if taken. NULL if
 * out of memory. */
static char *derived_name(const weir_pipeline_t *pipeline, const char *program)
{
    const char *slash = strrchr(program, '/');
    const char *base = slash != NULL && slash[1] != '\0' ? slash + 1 : program;
    size_t size = strlen(base) + sizeof "#4294967295";
    char *name = malloc(size);

    if (name == NULL)
        return NULL;
    snprintf(name, size, "%s", base);
    for (unsigned number = 2; find_name(pipeline, name) != NULL; number++)
        snprintf(name, size, "%s#%u", base, number);
    return name;
}

/* Names a new stage. A given name is kept; an equal derived name is changed. */
static int assign_name(weir_pipeline_t *pipeline, struct weir__stage *stage,
                       struct weir_error *error)
{
    struct weir__stage *holder = stage->named ? find_name(pipeline, stage->name) : NULL;
    struct weir__stage *renamed = stage->named ? holder : stage;
    char *name;

    if (renamed == NULL)
        return 0;
    if (holder != NULL && holder->named)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "stages %zu and %zu are both named \"%.200s\": give one another name",
                          (size_t)(holder - pipeline->stages) + 1, pipeline->count + 1,
                          stage->name);
    name = derived_name(pipeline, renamed->argv[0]);
    if (name == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a stage's name");
    free(renamed->name);
    renamed->name = name;
    renamed->view.name = name;
    return 0;
}

/* --- Stages ---------------------------------------------------------------- */

static int is_time(int64_t ms)
{
    return ms >= 0 && ms <= WEIR__DURATION_MAX_MS;
}

static int is_bound(int64_t ms)
{
    return ms == WEIR_FOREVER || is_time(ms);
}

/* Returns what is wrong with the fields of a stage, or NULL. */
static const char *check_stage_fields(const struct weir_stage *stage)
{
    if (stage->command->argv == NULL || stage->command->argv[0] == NULL
        || stage->command->argv[0][0] == '\0')
        return "is empty: give a program";
    if (stage->name != NULL && stage->name[0] == '\0')
        return "has an empty name: give one, or NULL for the program's";
    if ((unsigned)stage->err > WEIR_STDERR_STDOUT)
        return "has an err that is not in enum weir_stage_stderr";
    if (!is_bound(stage->timeout_ms) || !is_bound(stage->idle_ms) || !is_time(stage->grace_ms))
        return "has a negative or too large time: give milliseconds, or WEIR_FOREVER";
    if (stage->map != NULL
        && (stage->charset != NULL || stage->idle_ms != WEIR_FOREVER
            || stage->err == WEIR_STDERR_STDOUT))
        return "is a map: charset, idle_ms and stderr to stdout do not apply";
    if (stage->map != NULL && stage->pty_output)
        return "is a map: set pty_output in the map's options";
    if (stage->charset != NULL && strcmp(stage->charset, "auto") == 0)
        return "has charset \"auto\", but the encoding of a stream is only known at its end: "
               "name its character set";
    return NULL;
}

static int check_charset(const char *charset, struct weir_error *error)
{
    weir_decoder_t *decoder;

    if (charset == NULL)
        return 0;
    decoder = weir_decoder_new(charset, WEIR_REPLACE, NULL, error);
    weir_decoder_free(decoder);
    return decoder != NULL ? 0 : WEIR_ERR_INVALID;
}

static int check_stage(const weir_pipeline_t *pipeline, const struct weir_stage *stage,
                       struct weir_error *error)
{
    const char *problem = check_stage_fields(stage);
    struct weir_error why = {0};
    struct weir__stop_sequence stop;
    int64_t grace_ms;

    if (problem != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "stage %zu %s", pipeline->count + 1, problem);
    if (pipeline->count >= WEIR__STAGES_MAX)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "a pipeline can have at most %d stages",
                          WEIR__STAGES_MAX);
    if (weir__command_check(stage->command, &why) < 0 || check_charset(stage->charset, &why) < 0
        || weir__stop_sequence_take(&stop, stage->stop, stage->stop_count, &grace_ms, &why) < 0)
        return weir__fail(error, why.status == WEIR_ERR_NOMEM ? WEIR_ERR_NOMEM : WEIR_ERR_INVALID,
                          0, "stage %zu: %.450s", pipeline->count + 1, why.text);
    return 0;
}

/* A stage's structs in this version's size. */
struct taken {
    struct weir_stage stage;
    struct weir_command command;
    struct weir_map_options map;
    struct weir_each_options each;
};

static int take_stage(const struct weir_stage *given, struct taken *taken, struct weir_error *error)
{
    struct weir_stage *stage = &taken->stage;
    int status;

    weir_stage_init(stage);
    weir_command_init(&taken->command);
    weir_map_options_init(&taken->map);
    weir_each_options_init(&taken->each);
    status = weir__options_take(stage, sizeof *stage, given, "weir_stage", error);
    if (status == 0)
        status = weir__options_take(&taken->command, sizeof taken->command, stage->command,
                                    "weir_command", error);
    if (status == 0)
        status = weir__options_take(&taken->map, sizeof taken->map, stage->map, "weir_map_options",
                                    error);
    if (status == 0)
        status = weir__options_take(&taken->each, sizeof taken->each, taken->map.each,
                                    "weir_each_options", error);
    if (taken->map.each != NULL)
        taken->map.each = &taken->each;
    stage->command = &taken->command;
    if (stage->map != NULL)
        stage->map = &taken->map;
    return status;
}

/* Adds a stage given in this version's structs. */
static int add_stage(weir_pipeline_t *pipeline, const struct weir_stage *stage,
                     struct weir_error *error)
{
    struct weir__stage copy;
    struct weir__stage *stages;
    int status = check_stage(pipeline, stage, error);

    if (status < 0)
        return status;
    stages = realloc(pipeline->stages, (pipeline->count + 1) * sizeof *stages);
    if (stages != NULL)
        pipeline->stages = stages;
    if (stages == NULL || stage_copy(&copy, stage) < 0)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for stage %zu", pipeline->count + 1);
    status = assign_name(pipeline, &copy, error);
    if (status < 0) {
        stage_clear(&copy);
        return status;
    }
    pipeline->stages[pipeline->count++] = copy;
    return 0;
}

int weir_pipeline_add(weir_pipeline_t *pipeline, const struct weir_stage *stage,
                      struct weir_error *error)
{
    struct taken taken;
    int status = take_stage(stage, &taken, error);

    return status < 0 ? status : add_stage(pipeline, &taken.stage, error);
}

int weir_pipeline_add_line(weir_pipeline_t *pipeline, const char *line,
                           const struct weir_stage *stage, struct weir_error *error)
{
    struct weir_error why = {0};
    struct taken taken;
    char **words = NULL;
    size_t count = 0;
    int status = take_stage(stage, &taken, error);

    if (status < 0)
        return status;
    status = weir__words_split(line, &words, &count, &why);
    if (status < 0)
        return weir__fail(error, why.status, 0, "stage %zu: %.450s", pipeline->count + 1, why.text);
    taken.command.argv = (const char *const *)words;
    status = add_stage(pipeline, &taken.stage, error);
    weir__words_free(words);
    return status;
}

size_t weir_pipeline_count(const weir_pipeline_t *pipeline)
{
    return pipeline->count;
}

const char *weir_pipeline_stage_name(const weir_pipeline_t *pipeline, size_t index)
{
    return index < pipeline->count ? pipeline->stages[index].name : NULL;
}

/* --- The pipeline ---------------------------------------------------------- */

weir_pipeline_t *weir_pipeline_new(void)
{
    weir_pipeline_t *pipeline = calloc(1, sizeof *pipeline);

    if (pipeline != NULL)
        weir_pipeline_settings_init(&pipeline->settings);
    return pipeline;
}

void weir_pipeline_free(weir_pipeline_t *pipeline)
{
    if (pipeline == NULL)
        return;
    for (size_t i = 0; i < pipeline->count; i++)
        stage_clear(&pipeline->stages[i]);
    free(pipeline->stages);
    free(pipeline->input);
    free(pipeline->output);
    free(pipeline->report);
    free(pipeline);
}

void weir_pipeline_get_sized(const weir_pipeline_t *pipeline,
                             struct weir_pipeline_settings *settings, size_t size)
{
    weir__options_init(settings, size, &pipeline->settings, sizeof pipeline->settings);
}

/* Returns what is wrong with settings, or NULL. */
static const char *check_settings(const struct weir_pipeline_settings *settings)
{
    if ((unsigned)settings->pipefail > WEIR_PIPEFAIL_LAST)
        return "pipefail is not in enum weir_pipefail";
    if (!is_bound(settings->timeout_ms) || !is_time(settings->grace_ms)
        || !is_time(settings->drain_ms))
        return "a time is negative or too large: give milliseconds, or WEIR_FOREVER";
    if ((settings->input != NULL && settings->input[0] == '\0')
        || (settings->output != NULL && settings->output[0] == '\0')
        || (settings->report != NULL && settings->report[0] == '\0'))
        return "a file name is empty: give one, or NULL for none";
    return NULL;
}

int weir_pipeline_set(weir_pipeline_t *pipeline, const struct weir_pipeline_settings *settings,
                      struct weir_error *error)
{
    struct weir_pipeline_settings read;
    struct weir__stop_sequence stop;
    char *input, *output, *report;
    const char *problem;
    int status;

    weir_pipeline_settings_init(&read);
    status = weir__options_take(&read, sizeof read, settings, "weir_pipeline_settings", error);
    if (status == 0)
        status = weir__stop_sequence_take(&stop, read.stop, read.stop_count, &read.grace_ms, error);
    if (status < 0)
        return status;
    problem = check_settings(&read);
    if (problem != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "the pipeline's settings: %s", problem);
    input = string_copy(read.input);
    output = string_copy(read.output);
    report = string_copy(read.report);
    if ((read.input != NULL && input == NULL) || (read.output != NULL && output == NULL)
        || (read.report != NULL && report == NULL)) {
        free(input);
        free(output);
        free(report);
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for the pipeline's settings");
    }
    free(pipeline->input);
    free(pipeline->output);
    free(pipeline->report);
    pipeline->input = input;
    pipeline->output = output;
    pipeline->report = report;
    read.input = input;
    read.output = output;
    read.report = report;
    pipeline->stop = stop;
    read.stop = stop.count > 0 ? pipeline->stop.steps : NULL;
    read.stop_count = stop.count;
    pipeline->settings = read;
    return 0;
}

/* --- Its files --------------------------------------------------------------- */

static void add_dead_letters(struct weir__file_set *set, const struct weir__stage *stage)
{
    char name[80], *path = NULL;

    snprintf(name, sizeof name, "dead_letter of stage %.40s", stage->name);
    if (weir__dead_letter_path(stage->map.dead_letter, &path, NULL) == 0) /* otherwise the start
                                                                           * reports it */
        weir__file_set_path(set, WEIR__FILE_WRITTEN, name, path);
    free(path);
}

void weir__pipeline_files(struct weir__file_set *set, const weir_pipeline_t *pipeline,
                          const struct weir_pipeline_settings *settings, int from_spec)
{
    weir__file_set_fd(set, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, settings->stderr_fd);
    if (settings->input == NULL)
        weir__file_set_fd(set, WEIR__FILE_READ, NULL, settings->input_fd);
    if (settings->output == NULL)
        weir__file_set_fd(set, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, settings->output_fd);
    weir__file_set_path(set, WEIR__FILE_READ, from_spec & 1 ? "\"in\"" : "--input",
                        settings->input);
    weir__file_set_path(set, WEIR__FILE_WRITTEN, from_spec & 2 ? "\"out\"" : "--output",
                        settings->output);
    if (settings->report != NULL && strcmp(settings->report, "-") != 0)
        weir__file_set_path(set, WEIR__FILE_WRITTEN, from_spec & 4 ? "\"report\"" : "--report",
                            settings->report);
    for (size_t i = 0; i < pipeline->count; i++)
        if (pipeline->stages[i].is_map && pipeline->stages[i].dead_letter != NULL)
            add_dead_letters(set, &pipeline->stages[i]);
}
