#include "config.h"

#include "schema/tolerance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "schema/version.h"

int weir__tolerance_parse(const char *text, struct weir__tolerance *tolerance,
                          struct weir_error *error)
{
    static const char *const words[] = {"exact", "patch", "minor", "any"};
    static const char *const signs[] = {"\xc2\xb1", "+-", "+/-"};
    size_t digits;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], text) == 0) {
            *tolerance = (struct weir__tolerance){.kind = (enum weir__tolerance_kind)i};
            return 0;
        }
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        const char *number = text + strlen(signs[i]);

        if (strncmp(text, signs[i], strlen(signs[i])) != 0)
            continue;
        digits = strspn(number, "0123456789");
        if (digits > 0 && number[digits] == '.' && strspn(number + digits + 1, "0123456789") > 0)
            digits += 1 + strspn(number + digits + 1, "0123456789");
        if (digits == 0 || digits > 20 || strcmp(number + digits, "%") != 0)
            break;
        *tolerance = (struct weir__tolerance){WEIR__TOLERANCE_PERCENT, strtod(number, NULL)};
        return 0;
    }
    return weir__fail(error, WEIR_ERR_INVALID, 0, "invalid tolerance \"%.40s\": use %s", text,
                      WEIR__TOLERANCE_FORMS);
}

/* Whether the first count numbers of two versions are equal. */
static int same_numbers(const json_t *a, const json_t *b, int count)
{
    struct weir__version left, right;

    if (weir__version_of(a, &left) < 0 || weir__version_of(b, &right) < 0)
        return 0;
    return memcmp(left.number, right.number, (size_t)count * sizeof left.number[0]) == 0;
}

bool weir__tolerance_holds(const struct weir__tolerance *tolerance, const json_t *a,
                           const json_t *b)
{
    if (json_equal(a, b))
        return true;
    switch (tolerance->kind) {
    case WEIR__TOLERANCE_EXACT:
        break;
    case WEIR__TOLERANCE_PATCH:
        return same_numbers(a, b, 2);
    case WEIR__TOLERANCE_MINOR:
        return same_numbers(a, b, 1);
    case WEIR__TOLERANCE_ANY:
        return true;
    case WEIR__TOLERANCE_PERCENT:
        /* With a margin for rounding: 15 % of 100 is 15. */
        return json_is_number(a) && json_is_number(b)
               && fabs(json_number_value(b) - json_number_value(a))
                      <= fabs(json_number_value(a)) * tolerance->percent / 100 * (1 + 1e-12);
    }
    return false;
}
