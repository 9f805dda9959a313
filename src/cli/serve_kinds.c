#include "config.h"

#include "cli/serve_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/shell_words.h"

struct serve_kind {
    struct weir_command command;
    struct weir_kind_options options;
    char **words;     /* of --worker, --server; NULL: of a file */
    char *label;      /* of --server, or made; NULL: of a file */
    const char **env; /* that of the command line, then its own; NULL: as on the command line */
};

static void note(const char *text)
{
    cli_note(&cli_serve, "%s", text);
}

/* For a kind without a name of its own. */
static char *make_label(size_t number)
{
    char label[32];

    snprintf(label, sizeof label, "worker%zu", number + 1);
    return strdup(label);
}

/* The environment of a server: what the command line sets, then what its file does. */
static int join_env(struct serve_kind *kind, const char *const *own)
{
    const char *const *common = kind->command.env;
    size_t count = 0, i = 0;

    while (common != NULL && common[count] != NULL)
        count++;
    while (own[i] != NULL)
        i++;
    kind->env = calloc(count + i + 1, sizeof *kind->env);
    if (kind->env == NULL)
        return -1;
    if (count > 0)
        memcpy(kind->env, common, count * sizeof *common);
    memcpy(kind->env + count, own, i * sizeof *own);
    kind->command.env = kind->env;
    return 0;
}

static int add_worker(struct serve_kinds *kinds, const struct serve_values *values,
                      const char *text)
{
    struct serve_kind *kind = &kinds->all[kinds->count];
    int status = cli_split_words(&cli_serve, "--worker", text, &kind->words);

    if (status != 0)
        return status;
    kind->command.argv = (const char *const *)kind->words;
    kind->options.dialect = (enum weir_dialect)values->protocol;
    if (values->mcp) { /* clients see names, so the same one in two kinds is no mistake */
        kind->label = make_label(kinds->count);
        kind->options.label = kind->label;
    }
    kinds->count++;
    return 0;
}

/* LABEL=WORDS */
static int add_server(struct serve_kinds *kinds, const char *text)
{
    struct serve_kind *kind = &kinds->all[kinds->count];
    const char *equals = strchr(text, '=');
    int status;

    if (equals == NULL || !mcp_is_label(text, (size_t)(equals - text))) {
        cli_say(&cli_serve,
                "--server \"%.100s\": expected LABEL=WORDS, with a label of A-Z, a-z, 0-9 "
                "and -",
                text);
        return CLI_USAGE;
    }
    status = cli_split_words(&cli_serve, "--server", equals + 1, &kind->words);
    if (status != 0)
        return status;
    kind->command.argv = (const char *const *)kind->words;
    kind->label = strndup(text, (size_t)(equals - text));
    kind->options.label = kind->label;
    kind->options.labels_stderr = 1;
    kind->options.dialect = WEIR_DIALECT_MCP;
    kinds->tools[kinds->count++].label = kind->label;
    return kind->label == NULL ? CLI_FAILED : 0;
}

static int add_of_file(struct serve_kinds *kinds, const struct mcp_server *server)
{
    struct serve_kind *kind = &kinds->all[kinds->count];

    kind->command.argv = server->argv;
    if (server->cwd != NULL)
        kind->command.cwd = server->cwd;
    kind->options.label = server->label;
    kind->options.labels_stderr = 1;
    kind->options.dialect = server->dialect;
    kind->options.workers = server->workers;
    kind->options.window = server->window;
    kinds->tools[kinds->count++] = server->kind;
    return join_env(kind, server->env) < 0 ? CLI_FAILED : 0;
}

/* Two kinds with one label could not be told apart. */
static int check_labels(const struct serve_kinds *kinds)
{
    for (size_t i = 0; i < kinds->count; i++)
        for (size_t j = 0; j < i; j++)
            if (kinds->tools[i].label != NULL && kinds->tools[j].label != NULL
                && strcmp(kinds->tools[i].label, kinds->tools[j].label) == 0) {
                cli_say(&cli_serve, "two servers are named \"%.60s\"", kinds->tools[i].label);
                return CLI_USAGE;
            }
    return 0;
}

static int read_file(struct serve_kinds *kinds, const char *path)
{
    struct weir_error error;

    if (path == NULL || mcp_servers_read(&kinds->servers, path, note, &error) == 0)
        return 0;
    cli_say(&cli_serve, "%s", error.text);
    return error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
}

static int no_memory(void)
{
    cli_say(&cli_serve, "no memory");
    return CLI_FAILED;
}

int serve_kinds_read(struct serve_kinds *kinds, const struct serve_values *values,
                     const struct cli_parsed *parsed)
{
    int status = read_file(kinds, values->file);
    size_t count = values->workers.count + values->servers.count + kinds->servers.count;

    if (status != 0)
        return status;
    if (count == 0)
        return cli_bad_usage(&cli_serve, "no worker given");
    kinds->all = calloc(count, sizeof *kinds->all);
    kinds->commands = calloc(count, sizeof *kinds->commands);
    kinds->options = calloc(count, sizeof *kinds->options);
    kinds->tools = calloc(count, sizeof *kinds->tools);
    if (kinds->all == NULL || kinds->commands == NULL || kinds->options == NULL
        || kinds->tools == NULL)
        return no_memory();
    for (size_t i = 0; i < count; i++) {
        cli_child_command(parsed, &kinds->all[i].command);
        weir_kind_options_init(&kinds->all[i].options);
        kinds->all[i].options.mcp_version = cli_mcp_version(values->mcp_version);
        kinds->all[i].options.no_retry = values->no_retry;
        kinds->all[i].options.stuck_ms = values->stuck_ms;
        kinds->commands[i] = &kinds->all[i].command;
        kinds->options[i] = &kinds->all[i].options;
    }
    for (size_t i = 0; i < values->workers.count && status == 0; i++)
        status = add_worker(kinds, values, values->workers.items[i]);
    for (size_t i = 0; i < values->servers.count && status == 0; i++)
        status = add_server(kinds, values->servers.items[i]);
    for (size_t i = 0; i < kinds->servers.count && status == 0; i++)
        status = add_of_file(kinds, &kinds->servers.items[i]);
    for (size_t i = 0; i < kinds->count; i++)
        if (kinds->all[i].options.dialect == WEIR_DIALECT_MCP
            && !cli_given(parsed, SERVE_START_TIMEOUT))
            kinds->all[i].options.start_timeout_ms = WEIR__MCP_START_MS;
    return status == 0 ? check_labels(kinds) : status;
}

void serve_kinds_clear(struct serve_kinds *kinds)
{
    for (size_t i = 0; i < kinds->count; i++) {
        weir__words_free(kinds->all[i].words);
        free(kinds->all[i].label);
        free(kinds->all[i].env);
    }
    free(kinds->all);
    free(kinds->commands);
    free(kinds->options);
    free(kinds->tools);
    mcp_servers_clear(&kinds->servers);
    *kinds = (struct serve_kinds){0};
}
