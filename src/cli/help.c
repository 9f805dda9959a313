#include "config.h"

#include "cli/help.h"

#include <string.h>

#include "cli/options.h"

enum { WIDTH = 80, HELP_COLUMN = 26 };

struct help_words help_words(const struct cli_command *command)
{
    struct help_words words;

    snprintf(words.text, sizeof words.text, "weir%s%s", command == &cli_weir ? "" : " ",
             command == &cli_weir ? "" : command->name);
    return words;
}

void help_usage(const struct cli_command *command, FILE *out)
{
    for (const char *const *form = command->synopsis; *form != NULL; form++)
        fprintf(out, "%-7s%s %s\n", form == command->synopsis ? "usage:" : "",
                help_words(command).text, *form);
}

/* Prints text from column on, broken at spaces, without its backticks.  column
 * is where the line begins and used is where the pen is. */
static void wrap(FILE *out, int column, int used, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        int shown = 0;

        for (size_t i = 0; i < length; i++)
            shown += text[i] != '`';
        if (used > column && used + 1 + shown > WIDTH) {
            fputc('\n', out);
            used = 0;
        }
        if (used < column) {
            fprintf(out, "%*s", column - used, "");
            used = column;
        } else if (used > column) {
            fputc(' ', out);
            used++;
        }
        for (size_t i = 0; i < length; i++)
            if (text[i] != '`')
                fputc(text[i], out);
        used += shown;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct cli_option *option)
{
    char left[80];
    int used;

    if (option->letter != '\0')
        snprintf(left, sizeof left, "  -%c, --%s", option->letter, option->name);
    else
        snprintf(left, sizeof left, "      --%s", option->name);
    if (option->metavar != NULL)
        snprintf(left + strlen(left), sizeof left - strlen(left), " %s", option->metavar);
    used = fprintf(out, "%s", left);
    if (used + 1 >= HELP_COLUMN) {
        fputc('\n', out);
        used = 0;
    }
    wrap(out, HELP_COLUMN, used, option->help);
}

static void print_options(const struct cli_option *options, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(options[i].group, options[i - 1].group) != 0)
            fprintf(out, "\n%s:\n", options[i].group);
        print_option(out, &options[i]);
    }
}

static void print_examples(const struct cli_command *command, FILE *out)
{
    fputs("\nExamples:\n", out);
    for (const struct cli_example *example = command->examples; example->command != NULL;
         example++) {
        fprintf(out, "  %s\n", example->command);
        wrap(out, 6, 0, example->what);
    }
}

static void print_rows(const struct cli_exit *row, const char *heading, FILE *out)
{
    fprintf(out, "\n%s:\n", heading);
    for (; row->status != NULL; row++)
        wrap(out, 12, fprintf(out, "  %-9s", row->status), row->meaning);
}

/* What D and SIZE are, if an option has one. */
static void print_units(const struct cli_table *tables, FILE *out)
{
    static const struct cli_exit units[] = {
        {"D", "seconds, or a number with ms, s, m or h: 30, 1.5s, 250ms"},
        {"SIZE", "bytes, or a number with K, M, G or T, which are powers of 1024"},
    };
    struct cli_exit found[3] = {{NULL, NULL}, {NULL, NULL}, {NULL, NULL}};
    size_t count = 0;

    for (size_t unit = 0; unit < 2; unit++) {
        int has = 0;

        for (int i = 0; i < CLI_TABLES; i++)
            for (size_t j = 0; j < tables[i].count; j++)
                has |= tables[i].options[j].metavar != NULL
                       && strcmp(tables[i].options[j].metavar, units[unit].status) == 0;
        if (has)
            found[count++] = units[unit];
    }
    if (count > 0)
        print_rows(found, "Units", out);
}

/* The front page: everything on one screen. */
static void print_front(FILE *out)
{
    fprintf(out, "weir: %s\n\n", cli_weir.summary);
    help_usage(&cli_weir, out);
    fputc('\n', out);
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        fprintf(out, "  %-7s %s\n", (*command)->name, (*command)->summary);
    print_examples(&cli_weir, out);
    fputs("\nSee weir SUBCOMMAND --help for options, man weir-SUBCOMMAND for the manual.\n", out);
}

void help_print(const struct cli_command *command, FILE *out)
{
    struct cli_table tables[CLI_TABLES];

    if (command == &cli_weir) {
        print_front(out);
        return;
    }
    fprintf(out, "%s: %s\n\n", help_words(command).text, command->summary);
    help_usage(command, out);
    print_examples(command, out);
    cli_tables(command, tables);
    for (int i = 0; i < CLI_TABLES; i++)
        print_options(tables[i].options, tables[i].count, out);
    if (command->placeholders != NULL)
        print_rows(command->placeholders, "Placeholders", out);
    print_units(tables, out);
    print_rows(command->exits, "Exit status", out);
}
