#include "config.h"

#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/help.h"
#include "cli/suggest.h"

enum { COMMON_HELP, COMMON_VERSION };

const struct cli_option cli_common_options[] = {
    [COMMON_HELP] = {.name = "help", .letter = 'h', .group = "Help", .help = "print this and exit"},
    [COMMON_VERSION] = {.name = "version", .group = "Help", .help = "print the version and exit"},
};
const size_t cli_common_count = sizeof cli_common_options / sizeof cli_common_options[0];

void cli_list_add(struct cli_list *list, const char *item)
{
    const char **items = realloc(list->items, (list->count + 2) * sizeof *items);

    if (items == NULL) {
        fputs("weir: no memory for the command line\n", stderr);
        exit(CLI_FAILED);
    }
    list->items = items;
    items[list->count++] = item;
    items[list->count] = NULL;
}

int cli_given(const struct cli_parsed *parsed, size_t option)
{
    return (parsed->given >> option & 1) != 0;
}

/* --- Values: one function a kind ------------------------------------------- */

/* Each reads value into the option's place.  Returns 0, or a negative status
 * with error saying what is wrong and what is accepted. */
typedef int store(const struct cli_option *option, const char *value, void *place,
                  struct weir_error *error);

static int store_text(const struct cli_option *option, const char *value, void *place,
                      struct weir_error *error)
{
    if (*value == '\0')
        return weir__fail(error, WEIR_ERR_INVALID, 0, "--%s is empty: give %s", option->name,
                          option->metavar);
    *(const char **)place = value;
    return 0;
}

static int store_charset(const struct cli_option *option, const char *value, void *place,
                         struct weir_error *error)
{
    weir_decoder *decoder;
    struct weir_error why;

    if (strcmp(value, "binary") != 0) {
        decoder = weir_decoder_new(value, WEIR_REPLACE, NULL, &why);
        if (decoder == NULL)
            return weir__fail(error, why.status, 0,
                              "--%s: there is no character set \"%.40s\": give auto, binary, "
                              "utf-8, or a name that iconv -l lists, such as gb18030, shift_jis, "
                              "utf-16 or latin1",
                              option->name, value);
        weir_decoder_free(decoder);
    }
    *(const char **)place = value;
    return 0;
}

static int store_time(const struct cli_option *option, const char *value, void *place,
                      struct weir_error *error)
{
    int64_t ms;

    if (weir__duration_parse(value, &ms) < 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--%s: \"%.80s\" is no length of time: give " WEIR__DURATION_FORMS,
                          option->name, value);
    if (ms == 0 && option->kind == CLI_DURATION)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--%s %.80s would be over before it began: give more than 0, or leave "
                          "it out for no bound",
                          option->name, value);
    *(int64_t *)place = ms;
    return 0;
}

static int store_size(const struct cli_option *option, const char *value, void *place,
                      struct weir_error *error)
{
    uint64_t bytes;

    if (weir__size_parse(value, &bytes) < 0 || bytes > SIZE_MAX / 2)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--%s: \"%.80s\" is no size: give " WEIR__SIZE_FORMS, option->name,
                          value);
    *(uint64_t *)place = bytes;
    return 0;
}

static int store_count(const struct cli_option *option, const char *value, void *place,
                       struct weir_error *error)
{
    uint64_t least = option->kind == CLI_COUNT ? 1 : 0, number;

    if (value[strspn(value, "0123456789")] != '\0' || weir__size_parse(value, &number) < 0
        || number < least || number > CLI_COUNT_MAX)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--%s cannot be \"%.80s\": give a number from %d to %d", option->name,
                          value, (int)least, CLI_COUNT_MAX);
    *(uint64_t *)place = number;
    return 0;
}

static int store_choice(const struct cli_option *option, const char *value, void *place,
                        struct weir_error *error)
{
    char list[200] = "";

    for (int i = 0; option->choices[i] != NULL; i++) {
        size_t used = strlen(list);

        if (strcmp(option->choices[i], value) == 0) {
            *(int *)place = i;
            return 0;
        }
        snprintf(list + used, sizeof list - used, "%s%s",
                 i == 0                           ? ""
                 : option->choices[i + 1] == NULL ? " or "
                                                  : ", ",
                 option->choices[i]);
    }
    return weir__fail(error, WEIR_ERR_INVALID, 0, "--%s cannot be \"%.80s\": give %s", option->name,
                      value, list);
}

static int store_variable(const struct cli_option *option, const char *value, void *place,
                          struct weir_error *error)
{
    const char *equals = strchr(value, '=');

    if (equals == NULL || equals == value)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--%s: \"%.80s\" is no variable: give NAME=VALUE", option->name, value);
    cli_list_add(place, value);
    return 0;
}

static int store_name(const struct cli_option *option, const char *value, void *place,
                      struct weir_error *error)
{
    if (*value == '\0' || strchr(value, '=') != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--%s: \"%.80s\" is no variable's name: give the name alone, such as "
                          "HOME",
                          option->name, value);
    cli_list_add(place, value);
    return 0;
}

static int store_texts(const struct cli_option *option, const char *value, void *place,
                       struct weir_error *error)
{
    (void)option;
    (void)error;
    cli_list_add(place, value);
    return 0;
}

static int store_item(const struct cli_option *option, const char *value, void *place,
                      struct weir_error *error)
{
    const char *item = NULL;
    int status = store_text(option, value, &item, error);

    if (status == 0)
        cli_list_add(place, item);
    return status;
}

/* A limit's value: processor time is a length of time, the others are numbers. */
static int read_limit(int limit, const char *value, uint64_t *number)
{
    int64_t ms;

    if (limit != WEIR_LIMIT_CPU)
        return weir__size_parse(value, number);
    if (weir__duration_parse(value, &ms) < 0)
        return -1;
    *number = (uint64_t)(ms + 999) / 1000;
    return 0;
}

static int store_limit(const struct cli_option *option, const char *value, void *place,
                       struct weir_error *error)
{
    const char *equals = strchr(value, '=');
    char name[32] = "";
    struct weir_error why;
    uint64_t number;
    int limit;

    if (equals == NULL || equals == value)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--%s: \"%.80s\" is no limit: give NAME=VALUE, such as memory=512M",
                          option->name, value);
    snprintf(name, sizeof name, "%.*s", (int)(equals - value), value);
    limit = weir_limit_find(name, &why);
    if (limit < 0)
        return weir__fail(error, why.status, 0, "--%s: %.400s", option->name, why.text);
    if (read_limit(limit, equals + 1, &number) < 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "--%s: \"%.80s\" is no value for %s: give %s",
                          option->name, equals + 1, name,
                          limit == WEIR_LIMIT_CPU ? WEIR__DURATION_FORMS
                                                  : "a number, or one with K, M, G or T (powers "
                                                    "of 1024): 64, 512M");
    ((uint64_t *)place)[limit] = number;
    return 0;
}

static store *const stores[] = {
    [CLI_TEXT] = store_text,       [CLI_FILE] = store_text,     [CLI_DIRECTORY] = store_text,
    [CLI_CHARSET] = store_charset, [CLI_DURATION] = store_time, [CLI_GRACE] = store_time,
    [CLI_SIZE] = store_size,       [CLI_CHOICE] = store_choice, [CLI_VARIABLE] = store_variable,
    [CLI_NAME] = store_name,       [CLI_LIMIT] = store_limit,   [CLI_COUNT] = store_count,
    [CLI_NUMBER] = store_count,    [CLI_TEXTS] = store_texts,   [CLI_FILES] = store_item,
};

int cli_store(const struct cli_option *option, const char *value, void *place,
              struct weir_error *error)
{
    return stores[option->kind](option, value, place, error);
}

/* --- The parser ------------------------------------------------------------ */

struct reading {
    const struct cli_command *command;
    char **next; /* arguments still to come; NULL-terminated */
    void *values;
    struct cli_parsed *parsed;
};

static int answer_common(const struct cli_command *command, const struct cli_option *option)
{
    if (option == &cli_common_options[COMMON_HELP])
        help_print(command, stdout);
    else
        printf("weir %s\n", weir_version());
    return CLI_OK;
}

static int is_common(const struct cli_option *option)
{
    return option >= cli_common_options && option < cli_common_options + cli_common_count;
}

void cli_tables(const struct cli_command *command, struct cli_table tables[CLI_TABLES])
{
    tables[0] = (struct cli_table){command->options, command->option_count};
    tables[1] = (struct cli_table){cli_audit_options, command->audited ? cli_audit_count : 0};
    tables[2] = (struct cli_table){cli_common_options, cli_common_count};
}

/* Notes that the option was given.  Returns where its value belongs. */
static void *place_of(const struct reading *reading, const struct cli_option *option)
{
    struct cli_parsed *parsed = reading->parsed;

    if (option >= cli_audit_options && option < cli_audit_options + cli_audit_count) {
        parsed->audit.given |= 1u << (option - cli_audit_options);
        return (char *)&parsed->audit + option->offset;
    }
    parsed->given |= UINT64_C(1) << (option - reading->command->options);
    return (char *)reading->values + option->offset;
}

/* Finds by name (length bytes of it) or, with length 0, by letter. */
static const struct cli_option *find(const struct cli_option *options, size_t count,
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
                                            size_t length)
{
    const struct cli_option *option = NULL;
    struct cli_table tables[CLI_TABLES];

    cli_tables(command, tables);
    for (int i = 0; i < CLI_TABLES && option == NULL; i++)
        option = find(tables[i].options, tables[i].count, name, length);
    return option;
}

static int unknown(const struct cli_command *command, const char *argument, const char *name,
                   size_t length)
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
        return cli_bad_usage(command, "there is no option %s%s: did you mean --%s?",
                             argument[1] == '-' ? "--" : "-", typed, nearest.name);
    return cli_bad_usage(command, "there is no option %s%s: %s --help lists those there are",
                         argument[1] == '-' ? "--" : "-", typed, help_words(command).text);
}

/* Acts on an option whose value is what stands behind it, or else the next argument. */
static int take(struct reading *reading, const struct cli_option *option, const char *attached)
{
    const struct cli_command *command = reading->command;
    const char *value = attached;
    struct weir_error error;
    void *place;

    if (option->kind == CLI_FLAG && attached != NULL)
        return cli_bad_usage(command, "--%s takes no value: leave \"%s\" out", option->name,
                             attached);
    if (is_common(option))
        return answer_common(command, option);
    place = place_of(reading, option);
    if (option->kind == CLI_FLAG) {
        *(int *)place = 1;
        return CLI_GO_ON;
    }
    if (value == NULL)
        value = *reading->next;
    if (value == NULL)
        return cli_bad_usage(command, "--%s needs a value: --%s %s", option->name, option->name,
                             option->metavar);
    if (attached == NULL)
        reading->next++;
    if (cli_store(option, value, place, &error) < 0) {
        cli_say(command, "%s", error.text);
        return command->usage_status;
    }
    return CLI_GO_ON;
}

static int read_long(struct reading *reading, const char *argument)
{
    const char *name = argument + 2;
    size_t length = strcspn(name, "=");
    const struct cli_option *option =
        length > 0 ? find_option(reading->command, name, length) : NULL;

    if (option == NULL)
        return unknown(reading->command, argument, name, length);
    return take(reading, option, name[length] == '=' ? name + length + 1 : NULL);
}

/* "-f FILE", "-fFILE", and flags one behind the other. */
static int read_letters(struct reading *reading, const char *argument)
{
    int status = CLI_GO_ON;

    for (const char *letter = argument + 1; *letter != '\0' && status == CLI_GO_ON; letter++) {
        const struct cli_option *option = find_option(reading->command, letter, 0);

        if (option == NULL)
            /* "-timeout" is meant as a name, "-x" as a letter. */
            return letter == argument + 1
                       ? unknown(reading->command, argument, letter, strcspn(letter, "="))
                       : unknown(reading->command, argument, letter, 1);
        if (option->kind != CLI_FLAG)
            return take(reading, option, letter[1] != '\0' ? letter + 1 : NULL);
        status = take(reading, option, NULL);
    }
    return status;
}

int cli_parse(const struct cli_command *command, int argc, char **argv, void *values,
              struct cli_parsed *parsed)
{
    struct reading reading = {
        .command = command, .next = argv + (argc > 0), .values = values, .parsed = parsed};
    int options_ended = 0, status = CLI_GO_ON;

    *parsed = (struct cli_parsed){.argv = argv};
    while (status == CLI_GO_ON && *reading.next != NULL) {
        const char *argument = *reading.next++;

        if (options_ended || argument[0] != '-' || argument[1] == '\0') {
            cli_list_add(&parsed->words, argument);
            options_ended |= command->words == CLI_WORDS_END_OPTIONS;
        } else if (strcmp(argument, "--") == 0) {
            options_ended = 1;
        } else if (argument[1] == '-') {
            status = read_long(&reading, argument);
        } else {
            status = read_letters(&reading, argument);
        }
    }
    if (status != CLI_GO_ON)
        cli_parsed_clear(parsed);
    return status;
}

void cli_parsed_clear(struct cli_parsed *parsed)
{
    free(parsed->words.items);
    *parsed = (struct cli_parsed){0};
}
