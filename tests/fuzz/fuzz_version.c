/* Versions and ranges: an order that holds together, one text for each, and ranges that
 * agree with the order.
 *
 * Input: a range, then up to three versions, a line each. */
#include "config.h"

#include <string.h>

#include "fuzz/replay.h"
#include "schema/range.h"

enum { VERSIONS = 3 };

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static bool holds(const char *condition, const struct weir__version *bound,
                  const struct weir__version *version)
{
    char text[WEIR__VERSION_TEXT], all[WEIR__VERSION_TEXT + 8];
    struct weir__range *range;
    bool answer;

    weir__version_text(bound, text);
    strcpy(all, condition);
    strcat(all, text);
    range = weir__range_new(all, NULL);
    HOLDS(range != NULL);
    answer = weir__range_holds(range, version);
    weir__range_free(range);
    return answer;
}

static void check_text(const struct weir__version *version)
{
    struct weir__version again;
    char text[WEIR__VERSION_TEXT], same[WEIR__VERSION_TEXT];

    weir__version_text(version, text);
    HOLDS(weir__version_parse(text, &again) == 0);
    HOLDS(weir__version_compare(version, &again) == 0);
    HOLDS(strcmp(weir__version_text(&again, same), text) == 0);
}

static void check_order(const struct weir__version *versions, int count)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            int order = sign(weir__version_compare(&versions[i], &versions[j]));

            HOLDS(order == -sign(weir__version_compare(&versions[j], &versions[i])));
            HOLDS(i != j || order == 0);
            HOLDS(holds(">=", &versions[j], &versions[i]) == (order >= 0));
            HOLDS(holds(">", &versions[j], &versions[i]) == (order > 0));
            HOLDS(holds("<=", &versions[j], &versions[i]) == (order <= 0));
            HOLDS(holds("=", &versions[j], &versions[i]) == (order == 0));
            HOLDS(order < 0 || !holds("<", &versions[j], &versions[i]));
            for (int k = 0; k < count; k++)
                if (order <= 0 && weir__version_compare(&versions[j], &versions[k]) <= 0)
                    HOLDS(weir__version_compare(&versions[i], &versions[k]) <= 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *copy = malloc(length + 1), *rest = copy, *line;
    struct weir__version versions[VERSIONS], found;
    struct weir_error error = {0};
    struct weir__range *range;
    int count = 0;

    if (length > 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    if (weir__version_find(copy, length, &found) == 0)
        check_text(&found);
    line = strsep(&rest, "\n");
    range = weir__range_new(line, &error);
    HOLDS(range != NULL || (error.status == WEIR_ERR_INVALID && error.text[0] != '\0'));
    while (count < VERSIONS && (line = strsep(&rest, "\n")) != NULL)
        if (weir__version_parse(line, &versions[count]) == 0) {
            check_text(&versions[count]);
            if (range != NULL)
                weir__range_holds(range, &versions[count]);
            count += strpbrk(line, "!xX") == NULL; /* they mean something else in a range */
        }
    check_order(versions, count);
    weir__range_free(range);
    free(copy);
    return 0;
}
