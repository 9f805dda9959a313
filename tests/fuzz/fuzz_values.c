/* The values of options: each is taken, within its bounds, or refused with a reason.
 *
 * Input: a byte that names the kind, then the value. */
#include "config.h"

#include <string.h>
#include <weir/weir.h>

#include "base/units.h"
#include "base/utf8.h"
#include "cli/options.h"
#include "fuzz/replay.h"

static const char *const choices[] = {"one", "two", "three", NULL};

static const enum cli_kind kinds[] = {CLI_TEXT,  CLI_CHARSET, CLI_DURATION, CLI_GRACE,    CLI_SIZE,
                                      CLI_COUNT, CLI_NUMBER,  CLI_CHOICE,   CLI_VARIABLE, CLI_NAME,
                                      CLI_TEXTS, CLI_FILES,   CLI_LIMIT};

union place {
    const char *text;
    int64_t ms;
    uint64_t number, limits[WEIR_LIMIT_COUNT];
    int choice;
    struct cli_list list;
};

static void check_taken(enum cli_kind kind, const char *value, const union place *place)
{
    switch (kind) {
    case CLI_DURATION:
    case CLI_GRACE:
        HOLDS(place->ms >= (kind == CLI_DURATION) && place->ms <= WEIR__DURATION_MAX_MS);
        break;
    case CLI_SIZE:
        HOLDS(place->number <= SIZE_MAX / 2);
        break;
    case CLI_COUNT:
    case CLI_NUMBER:
        HOLDS(place->number >= (kind == CLI_COUNT) && place->number <= CLI_COUNT_MAX);
        break;
    case CLI_CHOICE:
        HOLDS(strcmp(choices[place->choice], value) == 0);
        break;
    case CLI_VARIABLE:
    case CLI_NAME:
    case CLI_TEXTS:
    case CLI_FILES:
        HOLDS(place->list.count == 1 && strcmp(place->list.items[0], value) == 0);
        break;
    case CLI_LIMIT:
        for (int i = 0; i < WEIR_LIMIT_COUNT; i++)
            HOLDS(place->limits[i] <= INT64_MAX);
        break;
    default:
        HOLDS(strcmp(place->text, value) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct cli_option option = {.name = "option", .metavar = "VALUE", .choices = choices};
    struct weir_error error = {0};
    union place place;
    char *value;
    int status;

    if (length == 0)
        return 0;
    option.kind = kinds[bytes[0] % (sizeof kinds / sizeof kinds[0])];
    value = malloc(length);
    HOLDS(value != NULL);
    memcpy(value, bytes + 1, length - 1);
    value[length - 1] = '\0';
    memset(&place, 0, sizeof place);
    status = cli_store(&option, value, &place, &error);
    HOLDS(status == 0 || (status < 0 && error.text[0] != '\0'));
    if (status == 0)
        check_taken(option.kind, value, &place);
    else
        HOLDS(weir__utf8_valid(error.text, strlen(error.text)));
    if (option.kind >= CLI_VARIABLE && option.kind <= CLI_FILES)
        free(place.list.items);
    free(value);
    return 0;
}
