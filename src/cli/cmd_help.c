/* weir help - help text, manual pages and shell completions. */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/man.h"
#include "cli/markdown.h"
#include "cli/options.h"
#include "cli/suggest.h"

struct help_values {
    const char *man, *markdown, *completion;
};

static const struct cli_option options[] = {
    {
        .name = "man",
        .kind = CLI_TEXT,
        .offset = offsetof(struct help_values, man),
        .metavar = "SUBCOMMAND",
        .group = "Generated documents",
        .help = "print the manual page of a subcommand, or of weir, in roff format",
    },
    {
        .name = "markdown",
        .kind = CLI_TEXT,
        .offset = offsetof(struct help_values, markdown),
        .metavar = "SUBCOMMAND",
        .group = "Generated documents",
        .help = "print the same page in Markdown",
    },
    {
        .name = "completion",
        .kind = CLI_TEXT,
        .offset = offsetof(struct help_values, completion),
        .metavar = "SHELL",
        .group = "Generated documents",
        .help = "print the completion script for bash, zsh or fish",
    },
};

static const struct cli_command *find_command(const char *name)
{
    const struct cli_command *command = cli_find(name);
    struct suggestion nearest = {.typed = name};

    if (command != NULL)
        return command;
    for (const struct cli_command *const *other = cli_commands; *other != NULL; other++)
        suggest(&nearest, (*other)->name);
    if (nearest.name != NULL)
        cli_bad_usage(&cli_help, "unknown subcommand %.80s: did you mean %s?", name, nearest.name);
    else
        cli_bad_usage(&cli_help, "unknown subcommand %.80s: see weir --help", name);
    return NULL;
}

static int print_help(const struct help_values *values, const struct cli_list *words)
{
    const char *name = values->man != NULL        ? values->man
                       : values->markdown != NULL ? values->markdown
                       : words->count > 0         ? words->items[0]
                                                  : "weir";
    const struct cli_command *command;

    if (words->count
        > (values->man == NULL && values->markdown == NULL && values->completion == NULL))
        return cli_bad_usage(&cli_help, "unexpected argument \"%.80s\"",
                             words->items[words->count - 1]);
    if (values->completion != NULL) {
        if (completion_print(values->completion, stdout) == 0)
            return CLI_OK;
        return cli_bad_usage(&cli_help, "no completions for %.80s: use bash, zsh or fish",
                             values->completion);
    }
    command = find_command(name);
    if (command == NULL)
        return CLI_USAGE;
    if (values->man != NULL)
        man_print(command, stdout);
    else if (values->markdown != NULL)
        markdown_print(command, stdout);
    else
        help_print(command, stdout);
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    struct help_values values = {0};
    struct cli_parsed parsed;
    int status = cli_parse(&cli_help, argc, argv, &values, &parsed);

    if (status != CLI_GO_ON)
        return status;
    status = print_help(&values, &parsed.words);
    cli_parsed_clear(&parsed);
    return status;
}

const struct cli_command cli_help = {
    .name = "help",
    .summary = "show help for a subcommand",
    .synopsis = (const char *const[]){"[SUBCOMMAND]", NULL},
    .description =
        (const char *const[]){
            "Prints the same text as `weir` SUBCOMMAND `--help`, or as `weir --help` without a "
            "SUBCOMMAND.",
            NULL,
        },
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .examples =
        (const struct cli_example[]){
            {"weir help run", "show help for weir run"},
            {"weir help --completion bash >~/.local/share/bash-completion/completions/weir",
             "install completions for your account"},
            {NULL, NULL},
        },
    .exits =
        (const struct cli_exit[]){
            {"0", "success"},
            {"2", "unknown subcommand"},
            {NULL, NULL},
        },
    .words = CLI_WORDS_MIX,
    .usage_status = CLI_USAGE,
    .run = run,
};
