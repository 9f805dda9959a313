#include "config.h"

#include "cli/method_list.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_parse.h"
#include "cli/cli.h"

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
