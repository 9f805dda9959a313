/* weir - the program: finds the subcommand and lets it work. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/init.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/suggest.h"
#include "loop/loop.h"

const struct cli_command *const cli_commands[] = {
    &cli_run, &cli_pipe, &cli_map, &cli_call, &cli_serve, &cli_probe, &cli_audit, &cli_help, NULL};

const struct cli_command *cli_find(const char *name)
{
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        if (strcmp((*command)->name, name) == 0)
            return *command;
    return strcmp(name, "weir") == 0 ? &cli_weir : NULL;
}

/* Output that did not arrive is a failure, whatever else went well. */
static int finish(const struct cli_command *command, int status)
{
    int failed = cli_flush();

    if (failed == 0)
        return status;
    cli_say(command, "cannot write to standard output: %s", output_error(failed));
    return output_status(failed, CLI_FAILED);
}

static int unknown_subcommand(const char *name)
{
    struct suggestion nearest = {.typed = name};

    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        suggest(&nearest, (*command)->name);
    if (nearest.name != NULL)
        return cli_bad_usage(&cli_weir, "there is no subcommand %.80s: did you mean weir %s?", name,
                             nearest.name);
    return cli_bad_usage(&cli_weir,
                         "there is no subcommand %.80s: weir --help lists those there "
                         "are; to run a program: weir run -- %.80s",
                         name, name);
}

/* A closed stdin, stdout or stderr would become the number of whatever is opened
 * next.  Each is filled with one that fails as a closed one would: /dev/null,
 * open the wrong way round. */
static void fill_stdio(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
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
        return finish(command, status);
    if (parsed.words.count == 0) {
        status = cli_bad_usage(command, "no subcommand was given");
    } else {
        command = cli_find(parsed.words.items[0]);
        if (command == NULL || command == &cli_weir)
            status = unknown_subcommand(parsed.words.items[0]);
        else
            status =
                finish(command, command->run((int)parsed.words.count, (char **)parsed.words.items));
    }
    cli_parsed_clear(&parsed);
    return status;
}

int main(int argc, char **argv)
{
    weir__loop_reserve_memory();
    fill_stdio();
    init_if_first();
    output_open();
    return run(argc, argv);
}
