/* Parses the values of options: one function for each kind. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/options.h"

void cli_list_add(struct cli_list *list, const char *item)
{
    /* The capacity, with the NULL at the end, is the next power of two. */
    if ((list->count & (list->count + 1)) == 0) {
        const char **items = realloc(list->items, (list->count + 1) * 2 * sizeof *items);

        if (items == NULL) {
            fputs("weir: no memory for the command line\n", stderr);
            exit(CLI_FAILED);
        }
        list->items = items;
    }
    list->items[list->count++] = item;
    list->items[list->count] = NULL;
}

/* Each parses value into the option's place. Returns 0, or a negative status and sets error. */
typedef int store(const struct cli_option *option, const char *value, void *place,
                  struct weir_error *error);

static int store_text(const struct cli_option *option, const char *value, void *place,
                      struct weir_error *error)
{
    if (*value == '\0')
        return weir__fail(error, WEIR_ERR_INVALID, 0, "--%s requires a non-empty %s", option->name,
                          option->metavar);
    *(const char **)place = value;
    return 0;
}

static int store_charset(const struct cli_option *option, const char *value, void *place,
                         struct weir_error *error)
{
    weir_decoder_t *decoder;
    struct weir_error why;

    if (strcmp(value, "binary") != 0) {
        decoder = weir_decoder_new(value, WEIR_REPLACE, NULL, &why);
        if (decoder == NULL)
            return weir__fail(
                error, why.status, 0,
                "--%s: unknown character set \"%.40s\": use auto, binary, utf-8, or a name listed "
                "by iconv -l, such as gb18030, shift_jis, utf-16 or latin1",
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
                          "--%s: invalid duration \"%.80s\": use " WEIR__DURATION_FORMS,
                          option->name, value);
    if (ms == 0 && option->kind == CLI_DURATION)
        return weir__fail(
            error, WEIR_ERR_INVALID, 0,
            "--%s: invalid duration \"%.80s\": use more than 0, or omit the option for no limit",
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
                          "--%s: invalid size \"%.80s\": use " WEIR__SIZE_FORMS, option->name,
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
                          "--%s: invalid value \"%.80s\": use a number from %d to %d", option->name,
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
    return weir__fail(error, WEIR_ERR_INVALID, 0, "--%s: invalid value \"%.80s\": use %s",
                      option->name, value, list);
}

static int store_variable(const struct cli_option *option, const char *value, void *place,
                          struct weir_error *error)
{
    const char *equals = strchr(value, '=');

    if (equals == NULL || equals == value)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--%s: invalid variable \"%.80s\": use NAME=VALUE", option->name, value);
    cli_list_add(place, value);
    return 0;
}

static int store_name(const struct cli_option *option, const char *value, void *place,
                      struct weir_error *error)
{
    if (*value == '\0' || strchr(value, '=') != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--%s: invalid variable name \"%.80s\": use the name alone, such as HOME",
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

/* The value of a limit: a duration for processor time, otherwise a number. */
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
                          "--%s: invalid limit \"%.80s\": use NAME=VALUE, such as memory=512M",
                          option->name, value);
    snprintf(name, sizeof name, "%.*s", (int)(equals - value), value);
    limit = weir_limit_find(name, &why);
    if (limit < 0)
        return weir__fail(error, why.status, 0, "--%s: %.400s", option->name, why.text);
    if (read_limit(limit, equals + 1, &number) < 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "--%s: invalid value \"%.80s\" for %s: use %s", option->name, equals + 1,
                          name,
                          limit == WEIR_LIMIT_CPU ? WEIR__DURATION_FORMS
                                                  : "a number, or one with K, M, G or T (powers "
                                                    "of 1024): 64, 512M");
    ((uint64_t *)place)[limit] = number;
    return 0;
}

static int store_stop(const struct cli_option *option, const char *value, void *place,
                      struct weir_error *error)
{
    struct cli_stop *stop = place;
    struct weir_error why;

    if (weir_stop_parse(value, stop->steps, &stop->count, &why) < 0)
        return weir__fail(error, why.status, 0, "--%s: %s", option->name, why.text);
    return 0;
}

/* --grace D is --stop TERM:D,KILL: the last of the two counts. */
static int store_stop_grace(const struct cli_option *option, const char *value, void *place,
                            struct weir_error *error)
{
    struct weir_stop_step step = {.signal = SIGTERM};
    int status = store_time(option, value, &step.wait_ms, error);

    if (status == 0)
        *(struct cli_stop *)place = (struct cli_stop){.steps = {step}, .count = 1};
    return status;
}

static store *const stores[] = {
    [CLI_TEXT] = store_text,
    [CLI_FILE] = store_text,
    [CLI_DIRECTORY] = store_text,
    [CLI_CHARSET] = store_charset,
    [CLI_DURATION] = store_time,
    [CLI_GRACE] = store_time,
    [CLI_SIZE] = store_size,
    [CLI_CHOICE] = store_choice,
    [CLI_VARIABLE] = store_variable,
    [CLI_NAME] = store_name,
    [CLI_LIMIT] = store_limit,
    [CLI_COUNT] = store_count,
    [CLI_NUMBER] = store_count,
    [CLI_TEXTS] = store_texts,
    [CLI_FILES] = store_item,
    [CLI_STOP] = store_stop,
    [CLI_STOP_GRACE] = store_stop_grace,
};

int cli_store(const struct cli_option *option, const char *value, void *place,
              struct weir_error *error)
{
    return stores[option->kind](option, value, place, error);
}
