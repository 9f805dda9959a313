#include "config.h"

#include "probe/environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_tree.h"
#include "base/redact.h"
#include "base/process_tree.h"
#include "probe/json_values.h"

/* A "*" at the end stands for anything. */
static const char *const watched[] = {
    "PATH",
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
    "CONDA_*",
    "MAMBA_*",
    "_CONDA_*",
    "GO*",
    "CGO_*",
    "PYTHON*",
    "PYENV_*",
    "UV_*",
    "PIP_*",
    "OTEL_*",
    "POETRY_*",
    "ASDF_*",
    "MISE_*",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "CC",
    "CXX",
    "CFLAGS",
    "LDFLAGS",
    "PKG_CONFIG_*",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
};

/* Begin like watched ones and are something else. */
static const char *const unwatched[] = {"GOOGLE_*", "GOPASS_*"};

/* Differ from process to process. */
static const char *const volatile_names[] = {"_", "SHLVL", "PWD", "OLDPWD", WEIR__JOB_TAG_NAME};

static int is_in(const char *const *patterns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(patterns[i]);
        int open = patterns[i][length - 1] == '*';

        if (open ? strncmp(patterns[i], name, length - 1) == 0 : strcmp(patterns[i], name) == 0)
            return 1;
    }
    return 0;
}

#define IS_IN(patterns, name) is_in(patterns, sizeof(patterns) / sizeof(patterns)[0], name)

/* Whether a variable decides which toolchain is found or how it behaves:
 * VIRTUAL_ENV, CONDA_*, GO*, PYTHON*, OTEL_*, PATH and their like. */
static int is_relevant(const char *name)
{
    return IS_IN(watched, name) && !IS_IN(unwatched, name);
}

const char *weir__environment_get(char *const *environment, const char *name)
{
    size_t length = strlen(name);

    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

/* --- Reading ---------------------------------------------------------------- */

static int is_volatile(const char *variable)
{
    for (size_t i = 0; i < sizeof volatile_names / sizeof volatile_names[0]; i++) {
        size_t length = strlen(volatile_names[i]);

        if (strncmp(variable, volatile_names[i], length) == 0 && variable[length] == '=')
            return 1;
    }
    return 0;
}

char **weir__environment_read(const char *bytes, size_t length)
{
    const char *end = bytes + length, *at = bytes, *nul;
    size_t count = 0;
    char **environment;

    for (size_t i = 0; i < length; i++)
        count += bytes[i] == '\0';
    environment = calloc(count + 1, sizeof *environment);
    count = 0;
    while (environment != NULL && at < end
           && (nul = memchr(at, '\0', (size_t)(end - at))) != NULL) {
        if (strchr(at, '=') != NULL && !is_volatile(at)) {
            environment[count] = strdup(at);
            if (environment[count++] == NULL) {
                weir__environment_free(environment);
                return NULL;
            }
        }
        at = nul + 1;
    }
    return environment;
}

void weir__environment_free(char **environment)
{
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++)
        free(environment[i]);
    free(environment);
}

/* --- Telling ---------------------------------------------------------------- */

static int ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

json_t *weir__masked(const char *name, const char *value)
{
    struct weir__buffer word = {0}, redacted = {0};
    size_t prefix = name != NULL ? strlen(name) + 1 : 0;
    json_t *text = NULL;

    /* What OTEL_EXPORTER_OTLP_HEADERS holds is credentials, under any name. */
    if (name != NULL && ends_with(name, "_HEADERS"))
        return json_string(WEIR__REDACTED);
    if (name != NULL
        && (weir__buffer_add(&word, name, prefix - 1, NULL) < 0
            || weir__buffer_add(&word, "=", 1, NULL) < 0))
        goto done;
    if (weir__buffer_add(&word, value, strlen(value) + 1, NULL) == 0
        && weir__redact_add(&redacted, word.bytes, NULL, NULL) == 0)
        /* What looks like a secret in the name itself may go on into the value. */
        text = prefix == 0
                       || (redacted.length >= prefix
                           && memcmp(redacted.bytes, word.bytes, prefix) == 0)
                   ? weir__textn_value(redacted.length > prefix ? redacted.bytes + prefix : "",
                                       redacted.length - prefix)
                   : json_string(WEIR__REDACTED);
done:
    weir__buffer_clear(&word);
    weir__buffer_clear(&redacted);
    return text;
}

/* The name of a variable, in memory that must be freed. */
static char *name_of(const char *variable)
{
    return strndup(variable, strcspn(variable, "="));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The environment sorted: a list whose strings are borrowed.  The caller frees it. */
static char **sort_environment(char *const *environment, size_t *count)
{
    char **list;

    for (*count = 0; environment[*count] != NULL;)
        ++*count;
    list = malloc((*count + 1) * sizeof *list);
    if (list != NULL) {
        memcpy(list, environment, (*count + 1) * sizeof *list);
        qsort(list, *count, sizeof *list, by_name);
    }
    return list;
}

json_t *weir__environment_json(char *const *environment)
{
    size_t count;
    char **list = sort_environment(environment, &count);
    json_t *object = list != NULL ? json_object() : NULL;

    for (size_t i = 0; list != NULL && i < count; i++) {
        char *name = name_of(list[i]);

        if (name == NULL)
            weir__tree_set(&object, "", NULL);
        else if (is_relevant(name))
            weir__tree_set(&object, name, weir__masked(name, list[i] + strlen(name) + 1));
        free(name);
    }
    free(list);
    return object;
}

static void add_change(json_t **changes, const char *name, const char *before, const char *after)
{
    json_t *change = json_object();

    weir__tree_set(&change, "name", weir__text_value(name));
    weir__tree_set(&change, "before", before != NULL ? weir__masked(name, before) : json_null());
    weir__tree_set(&change, "after", after != NULL ? weir__masked(name, after) : json_null());
    weir__tree_append(changes, change);
}

/* Of the variables of one environment those that differ in the other.  missing_only:
 * just those that it does not have. */
static void add_changes(json_t **changes, char *const *these, char *const *others, int missing_only)
{
    size_t count;
    char **list = sort_environment(these, &count);

    if (list == NULL)
        weir__tree_append(changes, NULL);
    for (size_t i = 0; list != NULL && i < count; i++) {
        char *name = name_of(list[i]);
        const char *value = name != NULL ? list[i] + strlen(name) + 1 : NULL;
        const char *other = name != NULL ? weir__environment_get(others, name) : NULL;

        if (name == NULL)
            weir__tree_append(changes, NULL);
        else if (is_volatile(list[i]))
            ;
        else if (missing_only && other == NULL)
            add_change(changes, name, value, NULL);
        else if (!missing_only && (other == NULL || strcmp(value, other) != 0))
            add_change(changes, name, other, value);
        free(name);
    }
    free(list);
}

json_t *weir__environment_changes(char *const *before, char *const *after)
{
    json_t *changes = json_array();

    add_changes(&changes, after, before, 0);
    add_changes(&changes, before, after, 1);
    return changes;
}
