#include "config.h"

#include "pipeline/spec_map.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "map/map.h"
#include "text/pointer.h"

enum { WORKERS_MAX = 1024, RETRIES_MAX = 1000, WINDOW_MAX = 1000000000, MAX_DEAD_MAX = 1000000000 };

static void read_workers(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;
    int64_t workers;

    if (weir__spec_integer(spot, 1, WORKERS_MAX, &workers))
        map->options.workers = (unsigned)workers;
}

static void read_protocol(const struct weir__spot *spot, void *into)
{
    static const struct weir__spec_word words[] = {{"lines", 0}};
    int choice;

    (void)into;
    weir__spec_choice(spot, words, sizeof words / sizeof words[0], &choice);
}

static void read_call(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;

    if (json_is_null(spot->value)
        || !weir__spec_string(spot, "a function name, or null", &map->options.call))
        return;
    if (!weir__map_call_is_name(map->options.call))
        weir__spot_error(spot, "is not a function name: name a function of the worker, or null");
}

static void read_format(const struct weir__spot *spot, void *into)
{
    static const struct weir__spec_word words[] = {
        {"ndjson", WEIR_MAP_NDJSON},
        {"line", WEIR_MAP_LINE},
        {"nul", WEIR_MAP_NUL},
    };
    struct weir__spec_map *map = into;
    int choice;

    if (weir__spec_choice(spot, words, sizeof words / sizeof words[0], &choice))
        map->options.format = (enum weir_map_format)choice;
}

static void read_order(const struct weir__spot *spot, void *into)
{
    static const struct weir__spec_word words[] = {{"input", 0}, {"any", 1}};
    struct weir__spec_map *map = into;

    weir__spec_choice(spot, words, sizeof words / sizeof words[0], &map->options.unordered);
}

static void read_key(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;
    const char *problem;

    if (json_is_null(spot->value)
        || !weir__spec_string(spot, "a JSON Pointer such as \"/id\", or null", &map->options.key))
        return;
    problem = weir__pointer_fault(map->options.key);
    if (problem != NULL)
        weir__spot_error(spot, "%s: give a JSON Pointer, such as \"/id\", or null", problem);
}

static void read_check(const struct weir__spot *spot, void *into)
{
    static const struct weir__spec_word words[] = {{"syntax", 0}, {"none", 1}};
    struct weir__spec_map *map = into;

    weir__spec_choice(spot, words, sizeof words / sizeof words[0], &map->options.unchecked);
}

static void read_encoding(const struct weir__spot *spot, void *into)
{
    static const struct weir__spec_word words[] = {
        {"strict", WEIR_MAP_STRICT},
        {"replace", WEIR_MAP_REPLACE},
        {"raw", WEIR_MAP_RAW},
    };
    struct weir__spec_map *map = into;
    int choice;

    if (weir__spec_choice(spot, words, sizeof words / sizeof words[0], &choice))
        map->options.encoding = (enum weir_map_encoding)choice;
}

static void read_size(const struct weir__spot *spot, void *into)
{
    size_t *size = into;
    uint64_t read;

    if (weir__spec_size(spot, &read))
        *size = (size_t)read;
}

static void read_window(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;
    int64_t window;

    if (weir__spec_integer(spot, 1, WINDOW_MAX, &window))
        map->options.window = (size_t)window;
}

static void read_retries(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;
    int64_t retries;

    if (weir__spec_integer(spot, 0, RETRIES_MAX, &retries))
        map->options.retries = (unsigned)retries;
}

static void read_on_error(const struct weir__spot *spot, void *into)
{
    static const struct weir__spec_word words[] = {
        {"fail", WEIR_MAP_FAIL},
        {"skip", WEIR_MAP_SKIP},
        {"dead-letter", WEIR_MAP_DEAD_LETTER},
    };
    struct weir__spec_map *map = into;
    int choice;

    if (weir__spec_choice(spot, words, sizeof words / sizeof words[0], &choice))
        map->options.on_error = (enum weir_map_on_error)choice;
}

static void read_dead_letter(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;
    const char **file = &map->options.dead_letter;

    if (!json_is_null(spot->value) && weir__spec_string(spot, "a file path, or null", file)
        && **file == '\0')
        weir__spot_error(spot, "is empty: give a file path, or null");
}

static void read_max_dead(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;
    int64_t dead;

    if (weir__spec_integer(spot, 0, MAX_DEAD_MAX, &dead))
        map->options.max_dead = (uint64_t)dead;
}

static void add_word(const struct weir__spot *spot, void *into)
{
    struct weir__spec_list *words = into;
    const char *word = "";

    if (weir__spec_string(spot, "a string", &word) && words->count == 0 && *word == '\0')
        weir__spot_error(spot, "is empty: give a program");
    weir__spec_list_add(spot->errors, words, word);
}

/* Reads the words of a command into list and *argv. */
static void read_words(const struct weir__spot *spot, const char *hint,
                       struct weir__spec_list *list, const char *const **argv)
{
    if (json_is_null(spot->value))
        return;
    if (weir__spec_each(spot, JSON_ARRAY, hint, add_word, list) == 0)
        weir__spot_error(spot, "is empty: give a program's words, or null");
    *argv = list->strings;
}

static void read_launcher(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;

    read_words(spot, "[\"ssh\", \"node1\"]", &map->launcher, &map->options.launcher);
}

static void read_launcher_stop(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;

    read_words(spot, "[\"ssh\", \"node1\", \"pkill enrich\"]", &map->launcher_stop,
               &map->options.launcher_stop);
}

static void read_node_from(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;
    const char **name = &map->options.node_from;

    if (!json_is_null(spot->value)
        && weir__spec_string(spot, "the name of an environment variable, or null", name)
        && (**name == '\0' || strchr(*name, '=') != NULL))
        weir__spot_error(spot, "is not the name of an environment variable");
}

/* --- Members of "each" alone ----------------------------------------------------- */

static void read_text(const struct weir__spot *spot, void *into)
{
    const char **text = into;

    if (!json_is_null(spot->value) && weir__spec_string(spot, "a string, or null", text)
        && **text == '\0')
        weir__spot_error(spot, "is empty: give a text, or null");
}

static void read_output(const struct weir__spot *spot, void *into)
{
    static const struct weir__spec_word words[] = {
        {"whole", WEIR_EACH_WHOLE},
        {"live", WEIR_EACH_LIVE},
        {"json", WEIR_EACH_JSON},
        {"files", WEIR_EACH_FILES},
    };
    struct weir__spec_map *map = into;
    int choice;

    if (weir__spec_choice(spot, words, sizeof words / sizeof words[0], &choice))
        map->each.output = (enum weir_each_output)choice;
}

static void add_exit(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;
    int64_t status;

    if (!weir__spec_integer(spot, 0, 255, &status))
        return;
    for (size_t i = 0; i < map->each.ok_exit_count; i++)
        if (map->ok_exits[i] == (int)status)
            return;
    map->ok_exits[map->each.ok_exit_count++] = (int)status;
    map->each.ok_exits = map->ok_exits;
}

static void read_ok_exits(const struct weir__spot *spot, void *into)
{
    if (!json_is_null(spot->value)
        && weir__spec_each(spot, JSON_ARRAY, "[0, 1]", add_exit, into) == 0)
        weir__spot_error(spot, "is empty: give statuses, such as [0, 1], or null");
}

static void read_rate(const struct weir__spot *spot, void *into)
{
    struct weir__spec_map *map = into;
    double rate = json_number_value(spot->value);

    if (json_is_null(spot->value))
        return;
    if (!json_is_number(spot->value) || rate < 1e-6 || rate > 1e9)
        weir__spot_error(spot, "is not a rate: give starts a second, such as 10 or 0.5, or null");
    else
        map->each.interval_ns = (int64_t)(1e9 / rate);
}

static void read_bytes(const struct weir__spot *spot, void *into)
{
    weir__spec_size(spot, into);
}

#define OPTION(member) offsetof(struct weir__spec_map, options.member)
#define EACH(member)   offsetof(struct weir__spec_map, each.member)

static const struct weir__spec_key keys[] = {
    {"workers", read_workers, NULL, 0},
    {"format", read_format, NULL, 0},
    {"protocol", read_protocol, NULL, 0},
    {"call", read_call, NULL, 0},
    {"order", read_order, NULL, 0},
    {"drop_null", weir__spec_flag, NULL, OPTION(drop_null)},
    {"key", read_key, NULL, 0},
    {"drop_missing", weir__spec_flag, NULL, OPTION(drop_missing)},
    {"line_buffered", weir__spec_flag, NULL, OPTION(line_buffered)},
    {"pty_output", weir__spec_flag, NULL, OPTION(pty_output)},
    {"check", read_check, NULL, 0},
    {"encoding", read_encoding, NULL, 0},
    {"max_record", read_size, NULL, OPTION(max_record)},
    {"record_timeout_s", weir__spec_seconds, NULL, OPTION(record_timeout_ms)},
    {"retries", read_retries, NULL, 0},
    {"on_error", read_on_error, NULL, 0},
    {"dead_letter", read_dead_letter, NULL, 0},
    {"max_dead", read_max_dead, NULL, 0},
    {"launcher", read_launcher, NULL, 0},
    {"launcher_stop", read_launcher_stop, NULL, 0},
    {"launcher_shell", weir__spec_flag, NULL, OPTION(launcher_shell)},
    {"node_from", read_node_from, NULL, 0},
    {"start_timeout_s", weir__spec_seconds, NULL, OPTION(start_timeout_ms)},
    {"window", read_window, NULL, 0},
    {"window_bytes", read_size, NULL, OPTION(window_bytes)},
    {"reorder_bytes", read_size, NULL, OPTION(reorder_bytes)},
};

static const struct weir__spec_key each_keys[] = {
    {"workers", read_workers, NULL, 0},
    {"format", read_format, NULL, 0},
    {"max_record", read_size, NULL, OPTION(max_record)},
    {"replace", read_text, NULL, EACH(replace)},
    {"stdin", weir__spec_flag, NULL, EACH(to_stdin)},
    {"shell", weir__spec_flag, NULL, EACH(is_shell)},
    {"order", read_order, NULL, 0},
    {"output", read_output, NULL, 0},
    {"tag", read_text, NULL, EACH(tag)},
    {"pty_output", weir__spec_flag, NULL, OPTION(pty_output)},
    {"results", read_text, NULL, EACH(results)},
    {"max_output", read_size, NULL, EACH(max_output)},
    {"ok_exit", read_ok_exits, NULL, 0},
    {"record_timeout_s", weir__spec_seconds, NULL, OPTION(record_timeout_ms)},
    {"retries", read_retries, NULL, 0},
    {"retry_delay_s", weir__spec_seconds, NULL, EACH(retry_delay_ms)},
    {"on_error", read_on_error, NULL, 0},
    {"dead_letter", read_dead_letter, NULL, 0},
    {"max_dead", read_max_dead, NULL, 0},
    {"delay_s", weir__spec_seconds, NULL, EACH(delay_ms)},
    {"rate", read_rate, NULL, 0},
    {"memory_free", read_bytes, NULL, EACH(memory_free)},
    {"hosts", read_text, NULL, EACH(hosts)},
    {"launcher", read_launcher, NULL, 0},
    {"launcher_shell", weir__spec_flag, NULL, OPTION(launcher_shell)},
    {"launcher_stop", read_launcher_stop, NULL, 0},
    {"reorder_bytes", read_size, NULL, OPTION(reorder_bytes)},
};

void weir__spec_map_init(struct weir__spec_map *map)
{
    *map = (struct weir__spec_map){0};
    weir_map_options_init(&map->options);
}

void weir__spec_map_clear(struct weir__spec_map *map)
{
    free(map->launcher.strings);
    free(map->launcher_stop.strings);
}

/* Members that require JSON records. */
static void check_format(const struct weir__spot *spot, const struct weir_map_options *options)
{
    const char *what = options->call != NULL                   ? "call"
                       : options->key != NULL                  ? "key"
                       : options->drop_null                    ? "drop_null"
                       : options->encoding == WEIR_MAP_REPLACE ? "encoding \"replace\""
                                                               : NULL;

    if (options->format != WEIR_MAP_NDJSON && what != NULL)
        weir__spot_error(spot, "has %s, so records must be JSON: remove it, or format", what);
}

/* What maps and each have in common. */
static void check_failures(const struct weir__spot *spot, struct weir_map_options *options)
{
    int is_launched =
        options->launcher != NULL || (options->each != NULL && options->each->hosts != NULL);

    if (options->on_error == WEIR_MAP_DEAD_LETTER && options->dead_letter == NULL)
        weir__spot_error(spot, "has on_error \"dead-letter\", but no dead_letter: name the file");
    if (options->launcher_stop != NULL && !is_launched)
        weir__spot_error(spot, "has launcher_stop, but no launcher: give both");
    if (options->launcher_shell && options->launcher == NULL)
        weir__spot_error(spot, "has launcher_shell, but no launcher: give both");
    if (options->dead_letter != NULL)
        options->on_error = WEIR_MAP_DEAD_LETTER;
    if (options->max_dead > 0 && options->on_error == WEIR_MAP_FAIL)
        weir__spot_error(spot, "has max_dead, but ends at the first dead record: give on_error "
                               "\"skip\", or dead_letter");
}

void weir__spec_map(const struct weir__spot *spot, struct weir__spec_map *map)
{
    struct weir_map_options *options = &map->options;

    weir__spec_object(spot, keys, sizeof keys / sizeof keys[0], map);
    check_failures(spot, options);
    if (options->call != NULL && (options->unchecked || options->encoding == WEIR_MAP_RAW))
        weir__spot_error(spot, "has call, so records must be JSON in UTF-8: remove %s",
                         options->unchecked ? "check \"none\"" : "encoding \"raw\"");
    if (options->key != NULL && options->call != NULL)
        weir__spot_error(spot, "has key and call: calls need no key");
    if (options->key != NULL && options->unchecked)
        weir__spot_error(spot, "has key, so records must be JSON: remove check \"none\"");
    if (options->drop_missing && options->key == NULL)
        weir__spot_error(spot,
                         "has drop_missing, but no key: name the member that identifies records");
    check_format(spot, options);
}

void weir__spec_map_each(const struct weir__spot *spot, struct weir__spec_map *map)
{
    weir_each_options_init(&map->each);
    weir_each_set_up(&map->options, &map->each);
    weir__spec_object(spot, each_keys, sizeof each_keys / sizeof each_keys[0], map);
    check_failures(spot, &map->options);
    if (map->each.results != NULL && map->each.output == WEIR_EACH_WHOLE)
        map->each.output = WEIR_EACH_FILES;
    if ((map->each.output == WEIR_EACH_FILES) != (map->each.results != NULL))
        weir__spot_error(spot, "needs results for output \"files\", and only for that");
    if (map->each.tag != NULL && map->each.output != WEIR_EACH_LIVE)
        weir__spot_error(spot, "has tag, but its output is not \"live\"");
}
