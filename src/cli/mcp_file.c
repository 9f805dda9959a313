#include "config.h"

#include "cli/mcp_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json_parse.h"
#include "cli/document.h"

enum { LONGEST_LABEL = 40, MOST_SECONDS = 100000000 };

/* --- Values ---------------------------------------------------------------------- */

/* Where a value stands, for messages. */
struct place {
    const char *path, *label, *member;
    struct weir_error *error;
};

static int refuse(const struct place *at, const char *what)
{
    return weir__fail(at->error, WEIR_ERR_INVALID, 0, "%.200s: server \"%.60s\": \"%.60s\" %s",
                      at->path, at->label, at->member, what);
}

/* An array of strings as a NULL-terminated list; first comes before them, unless NULL. */
static int read_list(const json_t *array, const char *first, const char ***list,
                     const struct place *at)
{
    size_t i, count = 0;
    json_t *item;

    if (array != NULL && !json_is_array(array))
        return refuse(at, "must be an array of strings");
    *list = calloc(json_array_size(array) + 2, sizeof **list);
    if (*list == NULL)
        return weir__fail(at->error, WEIR_ERR_NOMEM, 0, "no memory");
    if (first != NULL)
        (*list)[count++] = first;
    json_array_foreach(array, i, item)
    {
        if (!json_is_string(item))
            return refuse(at, "must be an array of strings");
        (*list)[count++] = json_string_value(item);
    }
    return 0;
}

static int read_seconds(const json_t *value, int64_t *ms, const struct place *at)
{
    double seconds = json_number_value(value);

    if (json_is_null(value))
        return 0;
    if (!json_is_number(value) || !(seconds > 0) || seconds > MOST_SECONDS)
        return refuse(at, "must be a number of seconds, more than 0");
    *ms = (int64_t)(seconds * 1000 + 0.999);
    return 0;
}

static int read_count(const json_t *value, unsigned *count, const struct place *at)
{
    if (json_is_null(value))
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 1
        || json_integer_value(value) > 1000000)
        return refuse(at, "must be an integer, 1 or more");
    *count = (unsigned)json_integer_value(value);
    return 0;
}

/* One of the words; returns its index, or a negative status. */
static int read_word(const json_t *value, const char *const *words, const char *all,
                     const struct place *at)
{
    const char *text = json_string_value(value);

    for (int i = 0; text != NULL && words[i] != NULL; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return refuse(at, all);
}

/* --- The member "weir" --------------------------------------------------------------- */

static int read_protocol(struct mcp_server *server, json_t *value, const struct place *at)
{
    static const char *const words[] = {"mcp", "native", NULL};
    int found = read_word(value, words, "must be \"mcp\" or \"native\"", at);

    server->dialect = found == 0 ? WEIR_DIALECT_MCP : WEIR_DIALECT_NATIVE;
    return found < 0 ? found : 0;
}

static int read_prefix(struct mcp_server *server, json_t *value, const struct place *at)
{
    static const char *const words[] = {"clash", "always", "never", NULL};
    int found = read_word(value, words, "must be \"clash\", \"always\" or \"never\"", at);

    server->kind.prefix = (enum weir__gateway_prefix)found;
    return found < 0 ? found : 0;
}

static int read_tools(struct mcp_server *server, json_t *value, const struct place *at)
{
    const char **list = NULL;
    int status = read_list(value, NULL, &list, at);

    server->kind.only = list;
    return status;
}

static int read_except(struct mcp_server *server, json_t *value, const struct place *at)
{
    const char **list = NULL;
    int status = read_list(value, NULL, &list, at);

    server->kind.except = list;
    return status;
}

static int read_read_only(struct mcp_server *server, json_t *value, const struct place *at)
{
    if (!json_is_boolean(value))
        return refuse(at, "must be true or false");
    server->kind.read_only = json_is_true(value);
    return 0;
}

static int read_timeout(struct mcp_server *server, json_t *value, const struct place *at)
{
    return read_seconds(value, &server->kind.timeout_ms, at);
}

static int read_timeouts(struct mcp_server *server, json_t *value, const struct place *at)
{
    struct weir__gateway_timeout *timeouts;
    const char *pattern;
    json_t *seconds;
    int status = 0;

    if (!json_is_object(value))
        return refuse(at, "must be an object of patterns and seconds");
    timeouts = calloc(json_object_size(value) + 1, sizeof *timeouts);
    if (timeouts == NULL)
        return weir__fail(at->error, WEIR_ERR_NOMEM, 0, "no memory");
    server->kind.timeouts = timeouts;
    json_object_foreach(value, pattern, seconds)
    {
        struct weir__gateway_timeout *one = &timeouts[server->kind.timeout_count++];

        one->pattern = pattern;
        one->ms = WEIR_FOREVER;
        if (status == 0)
            status = read_seconds(seconds, &one->ms, at);
    }
    return status;
}

static int read_idle(struct mcp_server *server, json_t *value, const struct place *at)
{
    return read_seconds(value, &server->kind.idle_ms, at);
}

static int read_workers(struct mcp_server *server, json_t *value, const struct place *at)
{
    return read_count(value, &server->workers, at);
}

static int read_window(struct mcp_server *server, json_t *value, const struct place *at)
{
    return read_count(value, &server->window, at);
}

static const struct {
    const char *name;
    int (*read)(struct mcp_server *server, json_t *value, const struct place *at);
} members[] = {
    {"protocol", read_protocol},   {"tools", read_tools},   {"except", read_except},
    {"read_only", read_read_only}, {"prefix", read_prefix}, {"timeout_s", read_timeout},
    {"timeouts", read_timeouts},   {"idle_s", read_idle},   {"workers", read_workers},
    {"window", read_window},
};

static int read_own(struct mcp_server *server, json_t *own, struct place *at)
{
    const char *name;
    json_t *value;
    int status = 0;

    if (own == NULL)
        return 0;
    at->member = "weir";
    if (!json_is_object(own))
        return refuse(at, "must be an object");
    json_object_foreach(own, name, value)
    {
        size_t i = 0;

        at->member = name;
        while (i < sizeof members / sizeof members[0] && strcmp(members[i].name, name) != 0)
            i++;
        if (status == 0)
            status = i < sizeof members / sizeof members[0]
                         ? members[i].read(server, value, at)
                         : refuse(at, "is not a member that \"weir\" has");
    }
    return status;
}

/* --- A server ------------------------------------------------------------------------- */

int mcp_is_label(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-", text[i]))
            return 0;
    return length > 0 && length <= LONGEST_LABEL;
}

/* "env" as NAME=VALUE. */
static int read_env(struct mcp_server *server, const json_t *env, struct place *at)
{
    const char *name;
    json_t *value;
    size_t count = 0;

    at->member = "env";
    if (env != NULL && !json_is_object(env))
        return refuse(at, "must be an object of strings");
    server->env = calloc(json_object_size(env) + 1, sizeof *server->env);
    if (server->env == NULL)
        return weir__fail(at->error, WEIR_ERR_NOMEM, 0, "no memory");
    json_object_foreach((json_t *)env, name, value)
    {
        char *pair;
        size_t size;

        if (!json_is_string(value) || name[0] == '\0' || strchr(name, '=') != NULL)
            return refuse(at, "must be an object of strings");
        size = strlen(name) + strlen(json_string_value(value)) + 2;
        pair = malloc(size);
        if (pair == NULL)
            return weir__fail(at->error, WEIR_ERR_NOMEM, 0, "no memory");
        snprintf(pair, size, "%s=%s", name, json_string_value(value));
        server->env[count++] = pair;
    }
    return 0;
}

static int read_server(struct mcp_server *server, const json_t *entry, struct place *at)
{
    const json_t *command = json_object_get(entry, "command"), *cwd = json_object_get(entry, "cwd");
    int status;

    server->dialect = WEIR_DIALECT_MCP;
    server->label = strdup(at->label);
    if (server->label == NULL)
        return weir__fail(at->error, WEIR_ERR_NOMEM, 0, "no memory");
    server->kind.label = server->label;
    at->member = "command";
    if (!json_is_string(command) || json_string_length(command) == 0)
        return refuse(at, "must be a string");
    at->member = "cwd";
    if (cwd != NULL && !json_is_string(cwd))
        return refuse(at, "must be a string");
    server->cwd = json_string_value(cwd);
    at->member = "args";
    status =
        read_list(json_object_get(entry, "args"), json_string_value(command), &server->argv, at);
    if (status == 0)
        status = read_env(server, json_object_get(entry, "env"), at);
    if (status == 0)
        status = read_own(server, json_object_get(entry, "weir"), at);
    return status;
}

/* --- The file --------------------------------------------------------------------------- */

static int read_document(struct mcp_servers *servers, const char *path, struct weir_error *error)
{
    struct weir__buffer bytes = {0};
    json_error_t fault;
    int status = document_read(path, &bytes, error);

    if (status == 0) {
        servers->document =
            weir__json_parse(bytes.bytes, bytes.length, JSON_REJECT_DUPLICATES, &fault);
        if (servers->document == NULL)
            status = weir__fail(error, WEIR_ERR_INVALID, 0, "%.200s: line %d, column %d: %.160s",
                                path, fault.line, fault.column, fault.text);
    }
    weir__buffer_clear(&bytes);
    return status;
}

int mcp_servers_read(struct mcp_servers *servers, const char *path, void (*note)(const char *text),
                     struct weir_error *error)
{
    struct place at = {.path = path, .error = error};
    int status = read_document(servers, path, error);
    json_t *entries, *entry;
    char text[300];

    if (status < 0)
        return status;
    entries = json_object_get(servers->document, "mcpServers");
    if (!json_is_object(entries))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%.200s has no object \"mcpServers\"", path);
    servers->items = calloc(json_object_size(entries) + 1, sizeof *servers->items);
    if (servers->items == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    json_object_foreach(entries, at.label, entry)
    {
        if (status < 0)
            break;
        if (json_object_get(entry, "url") != NULL) {
            snprintf(text, sizeof text,
                     "%.60s is left out: it has an url, and weir starts programs", at.label);
            note(text);
            continue;
        }
        if (!mcp_is_label(at.label, strlen(at.label)))
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "%.200s: \"%.60s\" is not a valid name for a server: use 1 to 40 of "
                              "A-Z, a-z, 0-9 and -",
                              path, at.label);
        status = read_server(&servers->items[servers->count++], entry, &at);
    }
    if (status == 0 && servers->count == 0)
        status = weir__fail(error, WEIR_ERR_INVALID, 0, "%.200s has no server to start", path);
    return status;
}

void mcp_servers_clear(struct mcp_servers *servers)
{
    for (size_t i = 0; i < servers->count; i++) {
        struct mcp_server *server = &servers->items[i];

        for (const char **pair = server->env; pair != NULL && *pair != NULL; pair++)
            free((char *)*pair);
        free(server->label);
        free(server->argv);
        free(server->env);
        free((void *)server->kind.only);
        free((void *)server->kind.except);
        free((void *)server->kind.timeouts);
    }
    free(servers->items);
    json_decref(servers->document);
    *servers = (struct mcp_servers){0};
}
