/* The parser: reads a command line using the option tables. */
#include "config.h"

#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#include "cli/help.h"
#include "cli/licenses.h"
#include "cli/suggest.h"
#include "text/shell_words.h"

int cli_given(const struct cli_parsed *parsed, size_t option)
{
    return (parsed->given[CLI_TABLE_OWN] >> option & 1) != 0;
}

struct parser {
    const struct cli_command *command;
    char **next; /* arguments still to come; NULL-terminated */
    void *values;
    struct cli_parsed *parsed;
};

/* argument: what follows the option, or NULL. */
static int answer_common(const struct cli_command *command, const struct cli_option *option,
                         const char *argument)
{
    if (option == &cli_common_options[CLI_COMMON_HELP]) {
        help_print(command, stdout);
        return CLI_OK;
    }
    printf("weir %s\n", weir_version());
    if (argument != NULL && strcmp(argument, "--licenses") == 0)
        licenses_print(stdout);
    return CLI_OK;
}

/* Finds by name (length bytes of it) or, with length 0, by letter. */
static const struct cli_option *find_in_table(const struct cli_option *options, size_t count,
                                              const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (length > 0
                ? strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0
                : options[i].letter == *name)
            return &options[i];
    return NULL;
}

static const struct cli_option *find_option(const struct cli_command *command, const char *name,
                                            size_t length, int *table)
{
    struct cli_table tables[CLI_TABLES];

    cli_tables(command, tables);
    for (*table = 0; *table < CLI_TABLES; (*table)++) {
        const struct cli_option *option =
            find_in_table(tables[*table].options, tables[*table].count, name, length);

        if (option != NULL)
            return option;
    }
    return NULL;
}

/* Records that the option was given. Returns the place of its value. */
static void *place_of_option(const struct parser *parser, const struct cli_option *option,
                             int table)
{
    struct cli_parsed *parsed = parser->parsed;
    void *const values[] = {[CLI_TABLE_OWN] = parser->values,
                            [CLI_TABLE_CHILD] = &parsed->child,
                            [CLI_TABLE_AUDIT] = &parsed->audit,
                            [CLI_TABLE_TRACE] = &parsed->trace};
    struct cli_table tables[CLI_TABLES];

    cli_tables(parser->command, tables);
    parsed->given[table] |= UINT64_C(1) << (option - tables[table].options);
    return (char *)values[table] + option->offset;
}

static int report_unknown_option(const struct cli_command *command, const char *argument,
                                 const char *name, size_t length)
{
    char typed[64];
    struct suggestion nearest = {.typed = typed};
    struct cli_table tables[CLI_TABLES];

    snprintf(typed, sizeof typed, "%.*s", (int)length, name);
    cli_tables(command, tables);
    for (int table = 0; table < CLI_TABLES && length > 1; table++)
        for (size_t i = 0; i < tables[table].count; i++)
            suggest(&nearest, tables[table].options[i].name);
    if (nearest.name != NULL)
        return cli_bad_usage(command, "unknown option %s%s: did you mean --%s?",
                             argument[1] == '-' ? "--" : "-", typed, nearest.name);
    return cli_bad_usage(command, "unknown option %s%s: see %s --help",
                         argument[1] == '-' ? "--" : "-", typed, help_words(command).text);
}

/* Handles an option whose value is attached, or else the next argument. */
static int store_option(struct parser *parser, const struct cli_option *option, int table,
                        const char *attached)
{
    const struct cli_command *command = parser->command;
    const char *value = attached;
    struct weir_error error;
    void *place;

    if (option->kind == CLI_FLAG && attached != NULL)
        return cli_bad_usage(command, "--%s takes no value: remove \"%s\"", option->name, attached);
    if (table == CLI_TABLE_COMMON)
        return answer_common(command, option, *parser->next);
    place = place_of_option(parser, option, table);
    if (option->kind == CLI_FLAG) {
        *(int *)place = 1;
        return CLI_GO_ON;
    }
    if (value == NULL)
        value = *parser->next;
    if (value == NULL)
        return cli_bad_usage(command, "--%s requires a value: --%s %s", option->name, option->name,
                             option->metavar);
    if (attached == NULL)
        parser->next++;
    if (cli_store(option, value, place, &error) < 0) {
        cli_say(command, "%s", error.text);
        return command->usage_status;
    }
    return CLI_GO_ON;
}

static int read_long(struct parser *parser, const char *argument)
{
    const char *name = argument + 2;
    size_t length = strcspn(name, "=");
    int table;
    const struct cli_option *option =
        length > 0 ? find_option(parser->command, name, length, &table) : NULL;

    if (option == NULL)
        return report_unknown_option(parser->command, argument, name, length);
    return store_option(parser, option, table, name[length] == '=' ? name + length + 1 : NULL);
}

/* "-f FILE", "-fFILE", and combined flags. */
static int read_letters(struct parser *parser, const char *argument)
{
    int status = CLI_GO_ON;

    for (const char *letter = argument + 1; *letter != '\0' && status == CLI_GO_ON; letter++) {
        int table;
        const struct cli_option *option = find_option(parser->command, letter, 0, &table);

        if (option == NULL)
            /* "-timeout" is probably a name, "-x" a letter. */
            return letter == argument + 1
                       ? report_unknown_option(parser->command, argument, letter,
                                               strcspn(letter, "="))
                       : report_unknown_option(parser->command, argument, letter, 1);
        if (option->kind != CLI_FLAG)
            return store_option(parser, option, table, letter[1] != '\0' ? letter + 1 : NULL);
        status = store_option(parser, option, table, NULL);
    }
    return status;
}

int cli_parse(const struct cli_command *command, int argc, char **argv, void *values,
              struct cli_parsed *parsed)
{
    struct parser parser = {
        .command = command, .next = argv + (argc > 0), .values = values, .parsed = parsed};
    int options_ended = 0, status = CLI_GO_ON;

    *parsed = (struct cli_parsed){.argv = argv};
    for (int i = 0; i < WEIR_LIMIT_COUNT; i++)
        parsed->child.limits[i] = WEIR_NO_LIMIT;
    while (status == CLI_GO_ON && *parser.next != NULL) {
        const char *argument = *parser.next++;

        if (options_ended || argument[0] != '-' || argument[1] == '\0') {
            cli_list_add(&parsed->words, argument);
            options_ended |= command->words == CLI_WORDS_END_OPTIONS;
        } else if (strcmp(argument, "--") == 0) {
            options_ended = 1;
        } else if (argument[1] == '-') {
            status = read_long(&parser, argument);
        } else {
            status = read_letters(&parser, argument);
        }
    }
    if (status != CLI_GO_ON)
        cli_parsed_clear(parsed);
    return status;
}

int cli_split_words(const struct cli_command *command, const char *option, const char *text,
                    char ***words)
{
    struct weir_error error;
    size_t count = 0;

    if (text == NULL)
        return 0;
    if (weir__words_split(text, words, &count, &error) < 0) {
        cli_say(command, "%s: %s", option, error.text);
        return error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
    }
    if (count > 0)
        return 0;
    cli_say(command, "%s is empty: use a program", option);
    return CLI_USAGE;
}

void cli_parsed_clear(struct cli_parsed *parsed)
{
    free(parsed->words.items);
    free(parsed->child.env.items);
    free(parsed->child.env_pass.items);
    *parsed = (struct cli_parsed){0};
}
