#include "config.h"

#include "cli/arguments.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_parse.h"
#include "rpc/rpc_write.h"
#include "text/json_validate.h"
#include "base/utf8.h"
#include "cli/cli.h"

/* The length of NAME if the word is NAME=ARGUMENT, else 0. */
static size_t name_length(const char *word)
{
    size_t length = 0;

    if (isalpha((unsigned char)word[0]) || word[0] == '_')
        while (isalnum((unsigned char)word[length]) || word[length] == '_')
            length++;
    return word[length] == '=' ? length : 0;
}

static int add_string(struct weir__buffer *params, const char *text, size_t length,
                      struct weir_error *error)
{
    if (weir__write_string(params, text, length) >= 0)
        return 0;
    return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for the arguments");
}

static int add_value(struct weir__buffer *params, const char *text, struct weir_error *error)
{
    struct weir__buffer flat = {0};
    struct weir__slice value;
    int status;

    if (!weir__utf8_valid(text, strlen(text)))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "an argument is not UTF-8");
    if (!weir__json_syntax_utf8(text, strlen(text), NULL))
        return add_string(params, text, strlen(text), error);
    status = weir__value_check(text, strlen(text), "an argument", &flat, &value, error);
    if (status >= 0)
        status = weir__buffer_add(params, value.bytes, value.length, error);
    weir__buffer_clear(&flat);
    return status;
}

static int is_doubled(char *const *words, size_t at, size_t length)
{
    for (size_t i = 0; i < at; i++)
        if (strncmp(words[i], words[at], length + 1) == 0)
            return 1;
    return 0;
}

int arguments_params(char *const *words, size_t count, struct weir__buffer *params,
                     struct weir_error *error)
{
    int by_name = count > 0 && name_length(words[0]) > 0;
    int status = weir__buffer_add(params, by_name ? "{" : "[", 1, error);

    for (size_t i = 0; status >= 0 && i < count; i++) {
        size_t length = name_length(words[i]);

        if ((length > 0) != by_name)
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "\"%.100s\" is %s: pass all arguments by name or none; for a string "
                              "that contains =: '\"%.100s\"'",
                              words[i],
                              length > 0 ? "by name, others are not" : "not by name, others are",
                              words[i]);
        if (by_name && is_doubled(words, i, length))
            return weir__fail(error, WEIR_ERR_INVALID, 0, "\"%.*s\" is given twice", (int)length,
                              words[i]);
        if (i > 0)
            status = weir__buffer_add(params, ",", 1, error);
        if (status >= 0 && by_name) {
            status = add_string(params, words[i], length, error);
            if (status >= 0)
                status = weir__buffer_add(params, ":", 1, error);
        }
        if (status >= 0)
            status = add_value(params, words[i] + (by_name ? length + 1 : 0), error);
    }
    if (status >= 0)
        status = weir__buffer_add(params, by_name ? "}" : "]", 1, error);
    return status < 0 ? status : 0;
}

/* Whether the text has the name, and not only within a longer one. */
static int names_it(const char *text, const char *name, size_t length)
{
    for (const char *at = text; *at != '\0'; at++) {
        int begins = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');

        if (begins && strncmp(at, name, length) == 0
            && !(isalnum((unsigned char)at[length]) || at[length] == '_'))
            return 1;
    }
    return 0;
}

const char *arguments_find_typed(const char *const *words, size_t count, const char *message)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = name_length(words[i]);
        const char *value = words[i] + length + 1;

        if (length > 0 && strchr("\"{[", value[0]) == NULL
            && weir__json_syntax_utf8(value, strlen(value), NULL)
            && names_it(message, words[i], length))
            return words[i];
    }
    return NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* "values: Iterator[int]..." */
static void print_parameter(const json_t *parameter, FILE *out)
{
    const char *type = text_of(parameter, "type");

    cli_put(out, "%s%s", text_of(parameter, "name"),
            json_is_true(json_object_get(parameter, "optional")) ? "?" : "");
    if (*type != '\0')
        cli_put(out, ": %s", type);
    if (json_is_true(json_object_get(parameter, "stream")))
        fputs(" (--stdin)", out);
}

static void print_method(const char *name, const json_t *method, FILE *out)
{
    const char *stream = text_of(method, "stream"), *returns = text_of(method, "returns");
    const json_t *parameter;
    size_t index;

    cli_put(out, "%s(", name);
    json_array_foreach(json_object_get(method, "params"), index, parameter)
    {
        fputs(index > 0 ? ", " : "", out);
        print_parameter(parameter, out);
    }
    fputs(")", out);
    if (strcmp(stream, "out") == 0 || strcmp(stream, "both") == 0)
        cli_put(out, " -> stream%s%s", *returns != '\0' ? " of " : "", returns);
    else if (*returns != '\0')
        cli_put(out, " -> %s", returns);
    if (*text_of(method, "doc") != '\0') {
        fputs("\n    ", out);
        cli_put(out, "%s", text_of(method, "doc"));
    }
    fputc('\n', out);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int method_list_print(struct weir__slice methods, FILE *out)
{
    json_t *object = weir__json_parse(methods.bytes, methods.length, 0, NULL), *method;
    size_t count = json_object_size(object), at = 0;
    const char **names = calloc(count + 1, sizeof *names), *name;

    if (!json_is_object(object) || names == NULL) {
        json_decref(object);
        free(names);
        return -1;
    }
    json_object_foreach(object, name, method) names[at++] = name;
    qsort(names, count, sizeof *names, by_text);
    for (size_t i = 0; i < count; i++)
        print_method(names[i], json_object_get(object, names[i]), out);
    free(names);
    json_decref(object);
    return 0;
}
