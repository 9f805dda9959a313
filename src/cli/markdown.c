/* The manual pages in Markdown, from the tables. */
#include "config.h"

#include "cli/markdown.h"

#include <ctype.h>
#include <string.h>

#include "cli/help.h"
#include "cli/options.h"

/* Prints text: `x` as code, and Markdown's special characters as entities. */
static void print_text(FILE *out, const char *text)
{
    int code = 0;

    for (; *text != '\0'; text++) {
        if (*text == '`') {
            fputs(code ? "</code>" : "<code>", out);
            code = !code;
        } else if (strchr("&<>*[]|~\\", *text) != NULL) {
            fprintf(out, "&#%d;", *text);
        } else {
            fputc(*text, out);
        }
    }
}

/* A help text as a sentence. */
static void print_sentence(FILE *out, const char *help)
{
    char first[2] = {(char)toupper((unsigned char)help[0]), '\0'};

    print_text(out, first);
    print_text(out, help + 1);
    fputc('.', out);
}

static void print_option(FILE *out, const struct cli_option *option)
{
    fputs("| <code>", out);
    if (option->letter != '\0')
        fprintf(out, "-%c</code>, <code>", option->letter);
    fprintf(out, "--%s", option->name);
    if (option->metavar != NULL) {
        fputc(' ', out);
        print_text(out, option->metavar);
    }
    fputs("</code> | ", out);
    print_sentence(out, option->help);
    if (option->more != NULL) {
        fputc(' ', out);
        print_text(out, option->more);
    }
    fputs(" |\n", out);
}

static void print_options(const struct cli_option *options, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(options[i].group, options[i - 1].group) != 0)
            fprintf(out, "\n### %s\n\n| option | |\n|---|---|\n", options[i].group);
        print_option(out, &options[i]);
    }
}

static void print_subcommands(FILE *out)
{
    fputs("\n## Subcommands\n\n| subcommand | |\n|---|---|\n", out);
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++) {
        fprintf(out, "| [weir %s](%s.md) | ", (*command)->name, (*command)->name);
        print_sentence(out, (*command)->summary);
        fputs(" |\n", out);
    }
}

void markdown_print(const struct cli_command *command, FILE *out)
{
    struct cli_table tables[CLI_TABLES];

    fprintf(out, "# %s\n\n", help_words(command).text);
    print_sentence(out, command->summary);
    fputs("\n\n```text\n", out);
    help_usage(command, out);
    fputs("```\n", out);
    for (const char *const *paragraph = command->description; *paragraph != NULL; paragraph++) {
        fputc('\n', out);
        print_text(out, *paragraph);
        fputc('\n', out);
    }
    if (command == &cli_weir)
        print_subcommands(out);
    fputs("\n## Examples\n", out);
    for (const struct cli_example *row = command->examples; row->command != NULL; row++) {
        fputc('\n', out);
        print_sentence(out, row->what);
        fprintf(out, "\n\n```sh\n%s\n```\n", row->command);
    }
    fputs("\n## Options\n", out);
    cli_tables(command, tables);
    for (int i = 0; i < CLI_TABLES; i++)
        print_options(tables[i].options, tables[i].count, out);
    fputs("\n## Exit status\n\n| status | |\n|---|---|\n", out);
    for (const struct cli_exit *row = command->exits; row->status != NULL; row++) {
        fprintf(out, "| <code>%s</code> | ", row->status);
        print_sentence(out, row->meaning);
        fputs(" |\n", out);
    }
}
