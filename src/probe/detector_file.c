/* A detector from a file: read with every fault at its line, and its own reader. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/text.h>

#include "base/error.h"
#include "base/json_parse.h"
#include "base/printable.h"
#include "base/units.h"
#include "probe/detector.h"
#include "schema/named_groups.h"

/* A detector and all that it borrows from. */
struct outside {
    struct weir__detector row; /* first: weir__detector_free() is given its address */
    json_t *document;
    const char *programs[2];
};

/* A text under examination. */
struct reader {
    const char *text, *file;
    size_t length;
    struct weir_error *error;
};

/* Reports what is wrong with the value at pointer.  Returns SPEC. */
static int __attribute__((format(printf, 3, 4)))
fail_at(const struct reader *reader, const char *pointer, const char *format, ...)
{
    size_t line = 1, column = 1;
    char what[300];
    va_list args;

    va_start(args, format);
    weir__sentence_list(what, sizeof what, format, args);
    va_end(args);
    if (weir_json_place(reader->text, reader->length, pointer, &line, &column, NULL)
        == WEIR_ERR_NOMEM)
        return weir__fail(reader->error, WEIR_ERR_NOMEM, 0, "no memory for a detector");
    return weir__fail(reader->error, WEIR_ERR_SPEC, 0, "%.120s:%zu:%zu: %s%s%s", reader->file, line,
                      column, pointer, *pointer != '\0' ? ": " : "", what);
}

/* --- The keys ------------------------------------------------------------------- */

static int read_name(const struct reader *reader, const json_t *value, struct outside *outside)
{
    const char *name = json_string_value(value);

    if (name == NULL || *name == '\0' || strlen(name) > 60
        || name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")]
               != '\0')
        return fail_at(reader, "/name",
                       "use up to 60 letters, digits, dots, dashes and underscores");
    if (weir__detector_find(name) != NULL)
        return fail_at(reader, "/name", "\"%s\" is built in: use another name", name);
    outside->row.name = name;
    return 0;
}

static int read_argv(const struct reader *reader, const json_t *value, struct outside *outside)
{
    size_t count = json_array_size(value);
    char pointer[32];

    if (!json_is_array(value) || count == 0 || count > WEIR__DETECTOR_WORDS - 1)
        return fail_at(reader, "/argv",
                       "use an array of 1 to %d strings: a program and its arguments",
                       WEIR__DETECTOR_WORDS - 1);
    for (size_t i = 0; i < count; i++) {
        const char *word = json_string_value(json_array_get(value, i));

        snprintf(pointer, sizeof pointer, "/argv/%zu", i);
        if (word == NULL || (i == 0 && *word == '\0'))
            return fail_at(reader, pointer, "use a string%s", i == 0 ? ", the program" : "");
        if (i == 0)
            outside->programs[0] = word;
        else
            outside->row.runs[0].arguments[i - 1] = word;
    }
    outside->row.programs = outside->programs;
    return 0;
}

static int read_timeout(const struct reader *reader, const json_t *value, struct outside *outside)
{
    if (!json_is_number(value)
        || weir__duration_seconds(json_number_value(value), &outside->row.timeout_ms) < 0
        || outside->row.timeout_ms == 0)
        return fail_at(reader, "/timeout_s", "use a number of seconds greater than 0");
    return 0;
}

static int read_pattern(const struct reader *reader, const json_t *value, struct outside *outside)
{
    const char *pattern = json_string_value(value);
    struct weir_error why = {0};

    if (pattern == NULL)
        return fail_at(reader, "/pattern", "use a string with a regular expression");
    outside->row.groups = weir__named_groups_new(pattern, &why);
    return outside->row.groups != NULL ? 0 : fail_at(reader, "/pattern", "%s", why.text);
}

static int read_pointers(const struct reader *reader, const json_t *value, struct outside *outside)
{
    const char *name;
    json_t *pointer;
    char place[100];

    if (!json_is_object(value) || json_object_size(value) == 0)
        return fail_at(reader, "/json",
                       "use an object of JSON pointers: {\"version\": \"/version\"}");
    json_object_foreach((json_t *)value, name, pointer)
    {
        const char *text = json_string_value(pointer);

        snprintf(place, sizeof place, "/json/%.80s", name);
        if (text == NULL || (*text != '/' && *text != '\0'))
            return fail_at(reader, place, "use a JSON pointer, which begins with /");
    }
    outside->row.runs[0].format = WEIR__OUTPUT_OBJECT;
    return 0;
}

static int read_weir(const struct reader *reader, const json_t *value, struct outside *outside)
{
    (void)outside;
    return json_is_integer(value) && json_integer_value(value) == 1
               ? 0
               : fail_at(reader, "/weir", "unsupported version: use 1");
}

static const struct {
    const char *name;
    int (*read)(const struct reader *reader, const json_t *value, struct outside *outside);
} keys[] = {
    {"weir", read_weir},         {"name", read_name},       {"argv", read_argv},
    {"timeout_s", read_timeout}, {"pattern", read_pattern}, {"json", read_pointers},
};

static int read_document(const struct reader *reader, struct outside *outside)
{
    const char *key;
    json_t *value;
    int status = 0;

    if (!json_is_object(outside->document))
        return fail_at(reader, "", "use an object");
    json_object_foreach(outside->document, key, value)
    {
        size_t i = 0;
        char pointer[100];

        while (i < sizeof keys / sizeof keys[0] && strcmp(keys[i].name, key) != 0)
            i++;
        snprintf(pointer, sizeof pointer, "/%.80s", key);
        status = i < sizeof keys / sizeof keys[0]
                     ? keys[i].read(reader, value, outside)
                     : fail_at(reader, pointer,
                               "unknown key: use weir, name, argv, timeout_s, pattern or json");
        if (status < 0)
            return status;
    }
    if (outside->row.name == NULL || outside->row.programs == NULL)
        return fail_at(reader, "", "add \"%s\"", outside->row.name == NULL ? "name" : "argv");
    if (outside->row.groups != NULL && outside->row.runs[0].format != WEIR__OUTPUT_TEXT)
        return fail_at(reader, "/pattern", "use either pattern or json, not both");
    return 0;
}

/* --- Its output ------------------------------------------------------------------ */

static void set_version(struct weir__run_output *output, const char *text, size_t length)
{
    struct weir__version version;
    char copy[WEIR__RAW_SIZE];

    snprintf(copy, sizeof copy, "%.*s", length < sizeof copy ? (int)length : (int)sizeof copy - 1,
             text);
    if (weir__version_parse(copy, &version) == 0) {
        weir__version_text(&version, output->version);
        memcpy(output->raw, copy, sizeof copy);
    } else if (!weir__output_find_version(output, text, length)) {
        snprintf(output->problem, sizeof output->problem, "invalid version \"%.100s\"", copy);
    }
}

static void set_group(void *context, const char *name, const char *text, size_t length)
{
    struct weir__run_output *output = context;
    json_t *fact = json_stringn(text, length);

    if (strcmp(name, "version") == 0)
        set_version(output, text, length);
    else if (fact != NULL)
        weir__output_add_fact(output, name, fact);
    json_decref(fact);
}

static void parse_by_pattern(struct weir__run_output *output)
{
    const struct weir__named_groups *groups = output->detector->groups;
    const struct weir_output *err = &output->result->err;
    int found = weir__named_groups_find(groups, output->text, output->length, set_group, output);

    if (found == 0 && err->text != NULL)
        found = weir__named_groups_find(groups, err->text, err->text_length, set_group, output);
    if (found == 0)
        snprintf(output->problem, sizeof output->problem, "its output does not match the pattern");
    else if (found < 0)
        snprintf(output->problem, sizeof output->problem,
                 "the pattern takes too many steps on its output");
}

/* The value a JSON pointer (RFC 6901) names, borrowed; NULL when there is none. */
static const json_t *value_at(const json_t *value, const char *pointer)
{
    char *token = malloc(strlen(pointer) + 1);

    while (token != NULL && value != NULL && *pointer == '/') {
        size_t used = 0;

        for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++)
            if (pointer[0] == '~' && (pointer[1] == '0' || pointer[1] == '1'))
                token[used++] = *++pointer == '0' ? '~' : '/';
            else
                token[used++] = *pointer;
        token[used] = '\0';
        if (json_is_array(value))
            value = token[strspn(token, "0123456789")] == '\0' && *token != '\0'
                        ? json_array_get(value, strtoul(token, NULL, 10))
                        : NULL;
        else
            value = json_object_get(value, token);
    }
    if (token == NULL)
        value = NULL;
    free(token);
    return value;
}

static void parse_by_pointers(struct weir__run_output *output)
{
    const char *name;
    json_t *pointer;

    json_object_foreach(json_object_get(output->detector->outside, "json"), name, pointer)
    {
        const json_t *value = value_at(output->json, json_string_value(pointer));
        const char *text = json_string_value(value);

        if (value == NULL)
            snprintf(output->problem, sizeof output->problem, "its JSON has no value at %.200s",
                     json_string_value(pointer));
        else if (strcmp(name, "version") == 0 && text != NULL)
            set_version(output, text, strlen(text));
        else
            weir__output_add_fact(output, name, value);
    }
}

/* --- All of it -------------------------------------------------------------------- */

struct weir__detector *weir__detector_parse(const char *text, size_t length, const char *file,
                                            struct weir_error *error)
{
    struct outside *outside = calloc(1, sizeof *outside);
    struct reader reader = {.text = text, .length = length, .file = file, .error = error};
    json_error_t where;
    int status;

    if (outside == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a detector");
        return NULL;
    }
    outside->document =
        weir__json_parse(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (outside->document == NULL) {
        weir__fail(error,
                   json_error_code(&where) == json_error_out_of_memory ? WEIR_ERR_NOMEM
                                                                       : WEIR_ERR_SPEC,
                   0, "%.120s:%d:%d: %s", file, where.line, where.column, where.text);
        free(outside);
        return NULL;
    }
    outside->row.outside = outside->document;
    outside->row.runs[0].label = "run";
    status = read_document(&reader, outside);
    outside->row.runs[0].parse = outside->row.groups != NULL ? parse_by_pattern
                                 : outside->row.runs[0].format != WEIR__OUTPUT_TEXT
                                     ? parse_by_pointers
                                     : weir__parse_version;
    if (status == 0)
        return &outside->row;
    weir__detector_free(&outside->row);
    return NULL;
}

void weir__detector_free(struct weir__detector *detector)
{
    struct outside *outside = (struct outside *)detector;

    if (outside == NULL)
        return;
    weir__named_groups_free(outside->row.groups);
    json_decref(outside->document);
    free(outside);
}
