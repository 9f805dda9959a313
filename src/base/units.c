#include "config.h"

#include "base/units.h"

#include <string.h>

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits; *text is moved behind them.  Returns -1 when there are none or
 * the number is over limit. */
static int read_whole(const char **text, uint64_t limit, uint64_t *number)
{
    uint64_t read = 0;

    if (!is_digit(**text))
        return -1;
    for (; is_digit(**text); (*text)++) {
        uint64_t digit = (uint64_t)(**text - '0');

        if (read > (limit - digit) / 10)
            return -1;
        read = read * 10 + digit;
    }
    *number = read;
    return 0;
}

int weir__size_parse(const char *text, uint64_t *bytes)
{
    static const char letters[] = "KMGT";
    const char *letter = NULL;
    unsigned shift = 0;
    uint64_t number;

    if (read_whole(&text, INT64_MAX, &number) < 0)
        return -1;
    if (*text != '\0') {
        letter = strchr(letters, *text);
        if (letter == NULL || text[1] != '\0')
            return -1;
        shift = 10 * (unsigned)(letter - letters + 1);
    }
    if (number > (uint64_t)INT64_MAX >> shift)
        return -1;
    *bytes = number << shift;
    return 0;
}

/* Nanoseconds that one of the unit has; 0 for a word that is not a unit. */
static uint64_t unit_ns(const char *word)
{
    static const struct {
        const char *word;
        uint64_t ns;
    } units[] = {
        {"", 1000000000},
        {"ms", 1000000},
        {"s", 1000000000},
        {"m", UINT64_C(60) * 1000000000},
        {"h", UINT64_C(3600) * 1000000000},
    };

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i].word, word) == 0)
            return units[i].ns;
    return 0;
}

int weir__duration_parse(const char *text, int64_t *ms)
{
    const uint64_t limit_ns = (uint64_t)WEIR__DURATION_MAX_MS * 1000000;
    const char *fraction = NULL;
    uint64_t whole, ns, weight;
    int some = 0;

    if (read_whole(&text, UINT64_MAX, &whole) < 0)
        return -1;
    if (*text == '.') {
        fraction = ++text;
        if (!is_digit(*text))
            return -1;
        text += strspn(text, "0123456789");
    }
    weight = unit_ns(text);
    if (weight == 0 || whole > limit_ns / weight)
        return -1;
    ns = whole * weight;
    for (; fraction != NULL && is_digit(*fraction); fraction++) {
        weight /= 10;
        ns += (uint64_t)(*fraction - '0') * weight;
        some |= *fraction != '0';
    }
    if (ns > limit_ns)
        return -1;
    *ms = (int64_t)((ns + 500000) / 1000000);
    if (*ms == 0 && (some || ns > 0))
        *ms = 1;
    return 0;
}

int weir__duration_seconds(double seconds, int64_t *ms)
{
    /* Written so that a NaN is refused too. */
    if (!(seconds >= 0 && seconds <= (double)(WEIR__DURATION_MAX_MS / 1000)))
        return -1;
    *ms = (int64_t)(seconds * 1000 + 0.5);
    if (*ms == 0 && seconds > 0)
        *ms = 1;
    return 0;
}
