/* weir - the program: finds the subcommand and runs it. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/startup.h"
#include "cli/suggest.h"
#include "proc/spawner_path.h"

const struct cli_command *const cli_commands[] = {
    &cli_run,    &cli_pipe, &cli_map,  &cli_each, &cli_call, &cli_serve, &cli_probe, &cli_audit,
#ifdef WEIR_HTTP
    &cli_token,
#endif
    &cli_report, &cli_top,  &cli_help, NULL,
};

const struct cli_command *cli_find(const char *name)
{
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        if (strcmp((*command)->name, name) == 0)
            return *command;
    return strcmp(name, "weir") == 0 ? &cli_weir : NULL;
}

static int report_unknown_subcommand(const char *name)
{
    struct suggestion nearest = {.typed = name};

    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        suggest(&nearest, (*command)->name);
    if (nearest.name != NULL)
        return cli_bad_usage(&cli_weir, "unknown subcommand %.80s: did you mean weir %s?", name,
                             nearest.name);
    return cli_bad_usage(
        &cli_weir,
        "unknown subcommand %.80s: see weir --help; to run a program, use weir run -- %.80s", name,
        name);
}

/* Runs a subcommand that is a program of its own in place of this one.  Returns the status to exit
 * with when that fails. */
static int execute(const struct cli_command *command, char **argv)
{
    const char *from;
    struct weir_error error = {0};
    char *path = weir__program_path(&weir__probe_program, NULL, &from, &error);

    if (path != NULL) {
        execv(path, argv);
        cli_say(command, "cannot execute %s (%s): %s: reinstall weir or set %s", path, from,
                strerror(errno), weir__probe_program.variable);
    } else {
        cli_say(command, "%s", error.text);
    }
    free(path);
    return CLI_FAILED;
}

static int run_command(const struct cli_command *command, int argc, char **argv)
{
    return command->run != NULL ? command->run(argc, argv) : execute(command, argv);
}

static int run(int argc, char **argv)
{
    const struct cli_command *command = &cli_weir;
    struct cli_parsed parsed;
    int status;

    if (argc < 2) {
        help_print(&cli_weir, stderr);
        return CLI_USAGE;
    }
    status = cli_parse(&cli_weir, argc, argv, NULL, &parsed);
    if (status != CLI_GO_ON)
        return startup_finish(command, status);
    if (parsed.words.count == 0) {
        status = cli_bad_usage(command, "no subcommand given");
    } else {
        command = cli_find(parsed.words.items[0]);
        if (command == NULL || command == &cli_weir)
            status = report_unknown_subcommand(parsed.words.items[0]);
        else
            status = startup_finish(command, run_command(command, (int)parsed.words.count,
                                                         (char **)parsed.words.items));
    }
    cli_parsed_clear(&parsed);
    return status;
}

int main(int argc, char **argv)
{
    const struct cli_command *command = argc > 1 ? cli_find(argv[1]) : NULL;

    /* A program of its own prepares the process itself. */
    if (command != NULL && command != &cli_weir && command->run == NULL)
        return execute(command, argv + 1);
    startup(command);
    return run(argc, argv);
}
