/* weir each - run a program for each record. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/map_cmd.h"
#include "cli/opts_each.h"

struct each_cmd {
    struct map_cmd map; /* what it has in common with weir map */
    struct each_values values;
    struct weir_each_options options;
    int ok_exits[256];
    char jobserver[4096];
};

static void set_defaults(struct each_values *values)
{
    struct weir_each_options each;
    struct weir_map_options map;

    weir_each_options_init(&each);
    weir_map_options_init(&map);
    weir_each_set_up(&map, &each);
    *values = (struct each_values){.max_output = each.max_output};
    map_cmd_defaults(&values->map);
    values->map.format = map.format;
    values->map.retries = map.retries;
    values->map.on_error = map.on_error;
}

/* --- Values of options -------------------------------------------------------- */

/* Reads 0,1 or 0-3. Returns 0, or the exit status. */
static int read_ok_exits(struct each_cmd *cmd)
{
    const char *at = cmd->values.ok_exit;
    char is_ok[256] = {0};

    while (at != NULL) {
        int from = -1, to = -1, length = 0;

        if (sscanf(at, "%3d%n", &from, &length) == 1 && at[0] >= '0' && at[0] <= '9') {
            to = from;
            at += length;
            if (at[0] == '-' && at[1] >= '0' && at[1] <= '9'
                && sscanf(at + 1, "%3d%n", &to, &length) == 1)
                at += 1 + length;
        }
        if (from < 0 || to < from || to > 255 || (*at != ',' && *at != '\0'))
            return cli_bad_usage(&cli_each,
                                 "--ok-exit %.100s: use statuses from 0 to 255, such as 0,1 or 0-3",
                                 cmd->values.ok_exit);
        memset(is_ok + from, 1, (size_t)(to - from) + 1);
        at = *at == ',' ? at + 1 : NULL;
    }
    for (int i = 0; i < 256; i++)
        if (is_ok[i])
            cmd->ok_exits[cmd->options.ok_exit_count++] = i;
    cmd->options.ok_exits = cmd->options.ok_exit_count > 0 ? cmd->ok_exits : NULL;
    return 0;
}

/* Reads a plain decimal number above 0; rest is what follows. Returns whether it is one. */
static int read_number(const char *text, double *number, char **rest)
{
    size_t digits = strspn(text, "0123456789.");

    *number = strtod(text, rest);
    return digits > 0 && *rest == text + digits && isfinite(*number) && *number > 0;
}

/* Returns 0, or the exit status. */
static int read_rate(struct each_cmd *cmd)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1}, {"/s", 1}, {"/m", 60}, {"/h", 3600}};
    const char *text = cmd->values.rate;
    double number;
    char *rest;

    if (text == NULL)
        return 0;
    if (read_number(text, &number, &rest))
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (strcmp(rest, units[i].name) == 0 && units[i].seconds / number < 1e9) {
                cmd->options.interval_ns = (int64_t)(units[i].seconds / number * 1e9);
                return 0;
            }
    return cli_bad_usage(&cli_each,
                         "--rate %.100s: use a number and a unit, such as 10/s, 30/m or 5/h", text);
}

/* Returns 0, or the exit status. */
static int read_load(struct each_cmd *cmd)
{
    const char *text = cmd->values.load;
    char *rest;

    if (text == NULL || (read_number(text, &cmd->options.max_load, &rest) && *rest == '\0'))
        return 0;
    return cli_bad_usage(&cli_each, "--load %.100s: use a number above 0, such as 4 or 7.5", text);
}

/* The job server of the make that runs us: the last one in MAKEFLAGS counts. Without one, make runs
 * one thing at a time, and so do we. */
static void find_jobserver(struct each_cmd *cmd)
{
    static const char *const names[] = {"--jobserver-auth=", "--jobserver-fds="};
    const char *flags = getenv("MAKEFLAGS"), *found = NULL;

    if (!cmd->values.jobserver)
        return;
    for (size_t i = 0; flags != NULL && i < sizeof names / sizeof *names && found == NULL; i++)
        for (const char *at = flags; (at = strstr(at, names[i])) != NULL;)
            found = at += strlen(names[i]);
    if (found == NULL || *found == '-' || strcspn(found, " ") >= sizeof cmd->jobserver) {
        cmd->values.map.workers = 1;
        return;
    }
    snprintf(cmd->jobserver, sizeof cmd->jobserver, "%.*s", (int)strcspn(found, " "), found);
    cmd->options.jobserver = cmd->jobserver;
}

/* --- What was asked -------------------------------------------------------------- */

/* Returns 0, or the exit status. */
static int choose_output(struct each_cmd *cmd)
{
    const struct each_values *values = &cmd->values;

    if (values->json + values->live + (values->results != NULL) > 1)
        return cli_bad_usage(&cli_each, "--json, --live and --results exclude each other");
    if (values->tag != NULL && !values->live)
        return cli_bad_usage(&cli_each, "--tag requires --live");
    if (cli_given(&cmd->map.parsed, EACH_MAX_OUTPUT) && !values->json)
        return cli_bad_usage(&cli_each, "--max-output requires --json");
    if (values->live && values->map.checkpoint != NULL)
        return cli_bad_usage(&cli_each, "--live cannot be resumed: remove it or --checkpoint");
    if (values->dry_run && values->map.checkpoint != NULL)
        return cli_bad_usage(&cli_each, "--dry-run has nothing to resume: remove --checkpoint");
    cmd->options.output = values->json              ? WEIR_EACH_JSON
                          : values->live            ? WEIR_EACH_LIVE
                          : values->results != NULL ? WEIR_EACH_FILES
                                                    : WEIR_EACH_WHOLE;
    return 0;
}

/* Makes the words of the command those that run the shell. Returns 0, or the exit status. */
static int choose_shell(struct each_cmd *cmd)
{
    struct cli_list *words = &cmd->map.parsed.words;

    if (cmd->values.shell == NULL)
        return 0;
    if (words->count > 0)
        return cli_bad_usage(&cli_each, "--shell has its own command: remove %.100s",
                             words->items[0]);
    cli_list_add(words, "/bin/sh");
    cli_list_add(words, "-c");
    cli_list_add(words, cmd->values.shell);
    cmd->options.is_shell = 1;
    return 0;
}

/* Returns 0, or the exit status. */
static int prepare(struct each_cmd *cmd)
{
    const struct each_values *values = &cmd->values;
    struct weir_each_options *options = &cmd->options;
    int status;

    weir_each_options_init(options);
    options->replace = values->replace;
    options->hosts = values->hosts;
    options->to_stdin = values->to_stdin;
    options->tag = values->tag;
    options->results = values->results;
    options->max_output = (size_t)values->max_output;
    options->retry_delay_ms = values->retry_delay_ms;
    options->delay_ms = values->delay_ms;
    options->memory_free = values->memory_free;
    options->dry_run = values->dry_run;
    status = choose_output(cmd);
    if (status == 0)
        status = choose_shell(cmd);
    if (status == 0)
        status = read_ok_exits(cmd);
    if (status == 0)
        status = read_rate(cmd);
    if (status == 0)
        status = read_load(cmd);
    find_jobserver(cmd);
    return status;
}

int cmd_each(int argc, char **argv)
{
    struct each_cmd cmd = {.map = {.command = &cli_each}};
    int status;

    cmd.map.values = &cmd.values.map;
    cmd.map.each = &cmd.options;
    set_defaults(&cmd.values);
    status = cli_parse(&cli_each, argc, argv, &cmd.values, &cmd.map.parsed);
    if (status != CLI_GO_ON)
        return status;
    cmd.map.on_error_given = cli_given(&cmd.map.parsed, EACH_ON_ERROR);
    cmd.map.max_dead_given = cli_given(&cmd.map.parsed, EACH_MAX_DEAD);
    status = prepare(&cmd);
    if (status == 0)
        return map_cmd_execute(&cmd.map);
    cli_parsed_clear(&cmd.map.parsed);
    return status;
}
