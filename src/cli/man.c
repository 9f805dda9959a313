#include "config.h"

#include "cli/man.h"

#include <ctype.h>
#include <string.h>

#include "cli/help.h"
#include "cli/options.h"

enum { LINE = 76 };

/* What roff would take for a command or turn into another character. */
static const struct {
    char character;
    const char *as;
} escapes[] = {
    {'\\', "\\e"}, {'-', "\\-"}, {'\'', "\\(aq"}, {'"', "\\(dq"}, {'~', "\\(ti"}, {'^', "\\(ha"},
};

static const char *escape_of(char character)
{
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++)
        if (escapes[i].character == character)
            return escapes[i].as;
    return NULL;
}

/* Prints text so that roff shows it as it is, in lines that end at a sentence or
 * where they get long; `x` becomes bold. */
static void escape(FILE *out, const char *text)
{
    int bold = 0, used = 0;

    for (; *text != '\0'; text++) {
        const char *as = escape_of(*text);

        if (used == 0 && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '`') {
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fR", out);
        } else if (*text == ' ' && used > 0
                   && (text[-1] == '.' || text[-1] == '?'
                       || used + 3 * (int)strcspn(text + 1, " ") / 2 > LINE)) {
            fputc('\n', out);
            used = -1;
        } else if (as != NULL) {
            fputs(as, out);
        } else {
            fputc(*text, out);
        }
        used += as != NULL ? (int)strlen(as) : *text == '`' ? 3 : 1;
    }
}

/* For what must stay one line: the argument of a macro, a name. */
static void escape_line(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *as = escape_of(*text);

        if (as != NULL)
            fputs(as, out);
        else
            fputc(*text, out);
    }
}

static void print_line(FILE *out, const char *before, const char *text, const char *after)
{
    fputs(before, out);
    escape_line(out, text);
    fputs(after, out);
}

/* Help is written as the end of a line; here it is a sentence. */
static void print_sentence(FILE *out, const char *help)
{
    char sentence[1024];

    snprintf(sentence, sizeof sentence, "%s.", help);
    sentence[0] = (char)toupper((unsigned char)sentence[0]);
    escape(out, sentence);
    fputc('\n', out);
}

static void print_heading(const struct cli_command *command, FILE *out)
{
    char title[32];
    size_t i;

    snprintf(title, sizeof title, "%s", help_words(command).text);
    for (i = 0; title[i] != '\0'; i++)
        title[i] = title[i] == ' ' ? '-' : title[i];
    fputs(".\\\" Made from the option tables by `weir help --man`; edit src/cli/opts_*.c.\n", out);
    fputs(".TH ", out);
    for (i = 0; title[i] != '\0'; i++)
        fputc(toupper((unsigned char)title[i]), out);
    fprintf(out, " 1 \"\" \"weir " PACKAGE_VERSION "\" \"User Commands\"\n.SH NAME\n");
    print_line(out, "", title, " \\- ");
    print_line(out, "", command->summary, "\n");
}

/* "weir run" in bold, the words after it as they are. */
static void print_synopsis(const struct cli_command *command, FILE *out)
{
    fputs(".SH SYNOPSIS\n", out);
    for (const char *const *form = command->synopsis; *form != NULL; form++) {
        if (form != command->synopsis)
            fputs(".br\n", out);
        fprintf(out, ".B %s\n", help_words(command).text);
        print_line(out, "", *form, "\n");
    }
}

static void print_description(const struct cli_command *command, FILE *out)
{
    fputs(".SH DESCRIPTION\n", out);
    for (const char *const *paragraph = command->description; *paragraph != NULL; paragraph++) {
        if (paragraph != command->description)
            fputs(".PP\n", out);
        escape(out, *paragraph);
        fputc('\n', out);
    }
}

static void print_option(FILE *out, const struct cli_option *option)
{
    fputs(".TP\n", out);
    if (option->letter != '\0')
        fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
    print_line(out, "\\fB\\-\\-", option->name, "\\fR");
    if (option->metavar != NULL)
        print_line(out, " \\fI", option->metavar, "\\fR");
    fputc('\n', out);
    print_sentence(out, option->help);
    if (option->more != NULL) {
        escape(out, option->more);
        fputc('\n', out);
    }
}

static void print_options(const struct cli_option *options, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(options[i].group, options[i - 1].group) != 0)
            fprintf(out, ".SS %s\n", options[i].group);
        print_option(out, &options[i]);
    }
}

static void print_subcommands(FILE *out)
{
    fputs(".SH SUBCOMMANDS\n", out);
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++) {
        fprintf(out, ".TP\n.B weir %s\n", (*command)->name);
        print_sentence(out, (*command)->summary);
        if (*command != &cli_help)
            fprintf(out, "See\n.BR weir\\-%s (1).\n", (*command)->name);
    }
}

static void print_exits(const struct cli_command *command, FILE *out)
{
    fputs(".SH EXIT STATUS\n", out);
    for (const struct cli_exit *row = command->exits; row->status != NULL; row++) {
        print_line(out, ".TP\n.B ", row->status, "\n");
        print_sentence(out, row->meaning);
    }
}

static void print_examples(const struct cli_command *command, FILE *out)
{
    fputs(".SH EXAMPLES\n", out);
    for (const struct cli_example *example = command->examples; example->command != NULL;
         example++) {
        print_line(out, ".TP\n.B ", example->command, "\n");
        print_sentence(out, example->what);
    }
}

static void print_see_also(const struct cli_command *command, FILE *out)
{
    const char *comma = "";

    fputs(".SH SEE ALSO\n", out);
    if (command != &cli_weir) {
        fputs(".BR weir (1)", out);
        comma = ",\n";
    }
    for (const struct cli_command *const *other = cli_commands; *other != NULL; other++)
        if (*other != command && *other != &cli_help) {
            fprintf(out, "%s.BR weir\\-%s (1)", comma, (*other)->name);
            comma = ",\n";
        }
    fputc('\n', out);
}

void man_print(const struct cli_command *command, FILE *out)
{
    struct cli_table tables[CLI_TABLES];

    print_heading(command, out);
    print_synopsis(command, out);
    print_description(command, out);
    if (command == &cli_weir)
        print_subcommands(out);
    fputs(".SH OPTIONS\n", out);
    cli_tables(command, tables);
    for (int i = 0; i < CLI_TABLES; i++)
        print_options(tables[i].options, tables[i].count, out);
    print_exits(command, out);
    print_examples(command, out);
    print_see_also(command, out);
}
