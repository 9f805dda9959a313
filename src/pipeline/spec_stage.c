#include "config.h"

#include "pipeline/spec_stage.h"

#include <stdlib.h>
#include <string.h>

#include <weir/text.h>

#include "pipeline/spec_map.h"
#include "text/shell_words.h"

/* A stage being read. stage points into the document and the lists. */
struct draft {
    struct weir_stage stage;
    struct weir_command command;
    size_t index;
    json_t *names;
    json_t *made; /* owns strings that are not in the document */
    struct weir__spec_list argv, env_pass, env;
    struct weir__spec_map map;
    struct weir_stop_step stop[WEIR_STOP_STEPS];
    char **words;
    unsigned char ok_exit[256];
};

static int has_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        if (*c < 0x20 || *c == 0x7F)
            return 1;
    return 0;
}

static void read_name(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;
    const char *name = NULL;
    const json_t *holder;

    if (!weir__spec_string(spot, "a string, or leave it out: the program's name is the default",
                           &name))
        return;
    if (*name == '\0' || has_control(name)) {
        weir__spot_error(spot, "%s: give a name, or leave it out for the program's",
                         *name == '\0' ? "is empty" : "contains a control character");
        return;
    }
    holder = json_object_get(draft->names, name);
    if (holder != NULL)
        weir__spot_error(spot,
                         "\"%s\" is also the name of /stages/%d: give each stage its own name",
                         weir__shown(name).text, (int)json_integer_value(holder));
    else if (json_object_set_new(draft->names, name, json_integer((json_int_t)draft->index)) < 0)
        spot->errors->short_of_memory = 1;
    draft->stage.name = name;
}

static void add_argument(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;
    const char *word = "";

    if (weir__spec_string(spot, "a string", &word) && draft->argv.count == 0 && *word == '\0')
        weir__spot_error(spot, "is empty: give a program");
    weir__spec_list_add(spot->errors, &draft->argv, word);
}

static void split_words(const struct weir__spot *spot, struct draft *draft)
{
    struct weir_error why;
    const char *line = NULL;
    size_t count = 0;

    if (!weir__spec_string(spot, "", &line))
        return;
    if (weir__words_split(line, &draft->words, &count, &why) < 0) {
        if (why.status == WEIR_ERR_NOMEM)
            spot->errors->short_of_memory = 1;
        weir__spot_error(spot, "%s", why.text);
    } else if (count == 0 || draft->words[0][0] == '\0') {
        weir__spot_error(spot, "is empty: give a program");
    }
    draft->command.argv = (const char *const *)draft->words;
}

static void read_cmd(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;

    if (json_is_string(spot->value)) {
        split_words(spot, draft);
        return;
    }
    if (!json_is_array(spot->value)) {
        weir__spot_error(spot,
                         "is %s: give the program and its arguments, as an array of "
                         "strings or as one string",
                         weir__spec_kind(spot->value));
        return;
    }
    if (weir__spec_each(spot, JSON_ARRAY, NULL, add_argument, draft) == 0)
        weir__spot_error(spot, "is empty: give a program");
    draft->command.argv = draft->argv.strings;
}

static int is_variable_name(const struct weir__spot *spot, const char *name,
                            enum weir__spec_error_at at)
{
    if (*name != '\0' && strchr(name, '=') == NULL)
        return 1;
    weir__spec_error(
        spot->errors, spot->node, at,
        "invalid variable name \"%s\": it must not be empty or contain =", weir__shown(name).text);
    return 0;
}

static void add_variable(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;
    const char *value = NULL;
    json_t *made;

    if (!is_variable_name(spot, spot->key, WEIR__AT_KEY)
        || !weir__spec_string(spot, "a string: variables hold text", &value))
        return;
    made = json_sprintf("%s=%s", spot->key, value);
    weir__spec_list_add(spot->errors, &draft->env, json_string_value(made));
    if (made == NULL || json_array_append_new(draft->made, made) < 0)
        spot->errors->short_of_memory = 1;
}

static void read_env(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;

    weir__spec_each(spot, JSON_OBJECT, "{\"LANG\": \"C\"}", add_variable, draft);
    draft->command.env = draft->env.strings;
}

static void add_passed(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;
    const char *name = NULL;

    if (weir__spec_string(spot, "a variable name as a string", &name)
        && is_variable_name(spot, name, WEIR__AT_VALUE))
        weir__spec_list_add(spot->errors, &draft->env_pass, name);
}

static void read_env_pass(const struct weir__spot *spot, void *into)
{
    static const char *const none[] = {NULL};
    struct draft *draft = into;

    weir__spec_each(spot, JSON_ARRAY, "[\"PATH\", \"HOME\"]", add_passed, draft);
    draft->command.env_pass = draft->env_pass.count > 0 ? draft->env_pass.strings : none;
}

static void read_cwd(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;
    const char *cwd = NULL;

    if (json_is_null(spot->value)
        || !weir__spec_string(spot, "a directory path, or null for weir's own", &cwd))
        return;
    if (*cwd == '\0')
        weir__spot_error(spot, "is empty: give a directory path, or null for weir's own");
    draft->command.cwd = cwd;
}

static void read_encoding(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;
    const char *charset = NULL;
    struct weir_error why;
    weir_decoder_t *decoder;

    if (!weir__spec_string(spot, "a character set, or \"raw\"", &charset)
        || strcmp(charset, "raw") == 0)
        return;
    if (strcmp(charset, "auto") == 0) {
        weir__spot_error(spot, "is \"auto\", but the encoding of a stream is only known at its "
                               "end: name its character set, or \"raw\"");
        return;
    }
    if (strcmp(charset, "binary") == 0) {
        weir__spot_error(spot, "is \"binary\", but binary data needs no decoding: "
                               "give \"raw\"");
        return;
    }
    decoder = weir_decoder_new(charset, WEIR_REPLACE, NULL, &why);
    if (decoder == NULL && why.status == WEIR_ERR_NOMEM)
        spot->errors->short_of_memory = 1;
    else if (decoder == NULL)
        weir__spot_error(spot, "%s", why.text);
    weir_decoder_free(decoder);
    draft->stage.charset = charset;
}

static void read_stderr(const struct weir__spot *spot, void *into)
{
    static const struct weir__spec_word words[] = {
        {"prefix", WEIR_STDERR_PREFIX},
        {"keep", WEIR_STDERR_KEEP},
        {"discard", WEIR_STDERR_DISCARD},
        {"stdout", WEIR_STDERR_STDOUT},
    };
    struct draft *draft = into;
    int choice;

    if (weir__spec_choice(spot, words, sizeof words / sizeof words[0], &choice))
        draft->stage.err = (enum weir_stage_stderr)choice;
}

static void read_early_close(const struct weir__spot *spot, void *into)
{
    static const struct weir__spec_word words[] = {{"fail", 0}, {"ok", 1}};
    struct draft *draft = into;

    weir__spec_choice(spot, words, sizeof words / sizeof words[0], &draft->stage.early_close_ok);
}

static void add_limit(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;
    struct weir_error why;
    int limit = weir_limit_find(weir__shown(spot->key).text, &why);

    if (limit < 0)
        weir__spec_error(spot->errors, spot->node, WEIR__AT_KEY, "%s", why.text);
    else
        weir__spec_size(spot, &draft->command.limits[limit]);
}

static void read_limits(const struct weir__spot *spot, void *into)
{
    weir__spec_each(spot, JSON_OBJECT, "{\"memory\": \"512M\"}", add_limit, into);
}

static void add_code(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;
    int64_t code;

    if (!weir__spec_integer(spot, 0, 255, &code))
        return;
    if (memchr(draft->ok_exit, (int)code, draft->stage.ok_exit_count) != NULL)
        weir__spot_error(spot, "is a duplicate: keep one of them");
    else
        draft->ok_exit[draft->stage.ok_exit_count++] = (unsigned char)code;
}

static void read_ok_exit(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;

    if (weir__spec_each(spot, JSON_ARRAY, "[0, 1]", add_code, draft) == 0)
        weir__spot_error(spot, "is empty: give the exit codes that mean success, such as [0, 1]");
    draft->stage.ok_exit = draft->ok_exit;
}

static void read_stop(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;

    if (weir__spec_stop(spot, draft->stop, &draft->stage.stop_count))
        draft->stage.stop = draft->stop;
}

static void read_nice(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;
    int64_t nice;

    if (weir__spec_integer(spot, -20, 19, &nice))
        draft->command.nice = (int)nice;
}

static void read_map(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;

    if (json_is_null(spot->value))
        return;
    if (draft->stage.map != NULL) {
        weir__spot_error(spot, "does not go with each: a stage is one or the other");
        return;
    }
    weir__spec_map(spot, &draft->map);
    draft->stage.map = &draft->map.options;
}

static void read_each(const struct weir__spot *spot, void *into)
{
    struct draft *draft = into;

    if (json_is_null(spot->value))
        return;
    if (draft->stage.map != NULL) {
        weir__spot_error(spot, "does not go with map: a stage is one or the other");
        return;
    }
    weir__spec_map_each(spot, &draft->map);
    draft->stage.map = &draft->map.options;
}

static const struct weir__spec_key stage_keys[] = {
    {"name", read_name, NULL, 0},
    {"cmd", read_cmd, "give the program and its arguments, such as [\"sort\", \"-u\"]", 0},
    {"env", read_env, NULL, 0},
    {"env_clear", weir__spec_flag, NULL, offsetof(struct draft, command.env_clear)},
    {"env_pass", read_env_pass, NULL, 0},
    {"cwd", read_cwd, NULL, 0},
    {"encoding", read_encoding, NULL, 0},
    {"stderr", read_stderr, NULL, 0},
    {"timeout_s", weir__spec_seconds, NULL, offsetof(struct draft, stage.timeout_ms)},
    {"idle_s", weir__spec_seconds, NULL, offsetof(struct draft, stage.idle_ms)},
    {"grace_s", weir__spec_seconds, NULL, offsetof(struct draft, stage.grace_ms)},
    {"stop", read_stop, NULL, 0},
    {"limits", read_limits, NULL, 0},
    {"ok_exit", read_ok_exit, NULL, 0},
    {"early_close", read_early_close, NULL, 0},
    {"meter", weir__spec_flag, NULL, offsetof(struct draft, stage.meter)},
    {"pty_output", weir__spec_flag, NULL, offsetof(struct draft, stage.pty_output)},
    {"nice", read_nice, NULL, 0},
    {"map", read_map, NULL, 0},
    {"each", read_each, NULL, 0},
};

static void add_to_pipeline(const struct weir__spot *spot, weir_pipeline_t *pipeline,
                            const struct draft *draft)
{
    struct weir_error why;

    if (spot->errors->count > 0 || spot->errors->short_of_memory
        || weir_pipeline_add(pipeline, &draft->stage, &why) == 0)
        return;
    if (why.status == WEIR_ERR_NOMEM)
        spot->errors->short_of_memory = 1;
    weir__spot_error(spot, "%s", why.text);
}

void weir__spec_stage(const struct weir__spot *spot, size_t index, weir_pipeline_t *pipeline,
                      json_t *names)
{
    struct draft draft = {.index = index, .names = names, .made = json_array()};

    weir_stage_init(&draft.stage);
    weir_command_init(&draft.command);
    draft.stage.command = &draft.command;
    weir__spec_map_init(&draft.map);
    weir__spec_object(spot, stage_keys, sizeof stage_keys / sizeof stage_keys[0], &draft);
    add_to_pipeline(spot, pipeline, &draft);
    free(draft.argv.strings);
    free(draft.env_pass.strings);
    free(draft.env.strings);
    weir__spec_map_clear(&draft.map);
    weir__words_free(draft.words);
    json_decref(draft.made);
}
