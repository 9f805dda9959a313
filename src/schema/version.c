#include "config.h"

#include "schema/version.h"

#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_digit(c) || is_letter(c) || c == '.' || c == '-' || c == '_' || c == '~' || c == '!'
           || c == '+';
}

/* --- Reading ---------------------------------------------------------------- */

/* Returns the end of the digits, or NULL if there are none or too many. */
static const char *read_number(const char *at, const char *end, uint64_t *number)
{
    uint64_t read = 0;

    if (at == end || !is_digit(*at))
        return NULL;
    for (; at < end && is_digit(*at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (read > (UINT64_MAX - digit) / 10)
            return NULL;
        read = read * 10 + digit;
    }
    *number = read;
    return at;
}

static const char *read_numbers(const char *at, const char *end, struct weir__version *version)
{
    do {
        if (version->count == WEIR__VERSION_NUMBERS)
            return NULL;
        at = read_number(at + (version->count > 0), end, &version->number[version->count]);
        version->count++;
    } while (at != NULL && end - at >= 2 && at[0] == '.' && is_digit(at[1]));
    return at;
}

/* Whether a pre-release begins here, by its word. OpenSSL's 1.0.2c is not one. */
static bool is_prerelease(const char *at, const char *end)
{
    static const char *const words[] = {"a",  "alpha", "b",       "beta", "c",
                                        "rc", "pre",   "preview", "dev"};
    size_t length = 0;

    while (at + length < end && is_letter(at[length]))
        length++;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == length && memcmp(words[i], at, length) == 0)
            return length > 1 || (at + 1 < end && is_digit(at[1]));
    return false;
}

static int copy_word(char word[WEIR__VERSION_WORD], const char *at, const char *end)
{
    if (end - at >= WEIR__VERSION_WORD)
        return -1;
    memcpy(word, at, (size_t)(end - at));
    word[end - at] = '\0';
    return 0;
}

/* Reads what follows the numbers, up to end. */
static int read_words(const char *at, const char *end, struct weir__version *version)
{
    const char *word = at, *plus, *last;

    if (at == end)
        return 0;
    if (strchr(".-_~+", *at) != NULL)
        word++;
    else if (!is_letter(*at))
        return -1;
    if (word == end) /* a Python built from between two releases is "3.11.2+" */
        return *at == '+' ? 0 : -1;
    if (!is_digit(*word) && !is_letter(*word))
        return -1;
    if (*at == '+' || !((*at == '-' && is_letter(*word)) || is_prerelease(word, end)))
        return copy_word(version->build, word, end);
    plus = memchr(word, '+', (size_t)(end - word));
    if (plus != NULL && copy_word(version->build, plus + 1, end) < 0)
        return -1;
    for (last = plus != NULL ? plus : end; strchr(".-_~", last[-1]) != NULL;) /* "rc1.+x" */
        last--;
    return copy_word(version->prerelease, word, last);
}

/* Reads the version that begins at a digit. Returns its end, or NULL. */
static const char *read_version(const char *at, const char *end, struct weir__version *version)
{
    struct weir__version read = {.count = 0};
    const char *words = read_numbers(at, end, &read), *stop = words;

    if (words == NULL)
        return NULL;
    while (stop < end && is_word(*stop))
        stop++;
    /* Where a sentence ends: "this is 1.2.3." */
    while (stop > words && strchr(".-_~", stop[-1]) != NULL)
        stop--;
    if (read_words(words, stop, &read) < 0)
        return NULL;
    *version = read;
    return stop;
}

/* Skips "v" or "go" before a digit. */
static const char *skip_prefix(const char *at, const char *end)
{
    static const char *const prefixes[] = {"v", "go"};

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t length = strlen(prefixes[i]);

        if ((size_t)(end - at) > length && memcmp(at, prefixes[i], length) == 0
            && is_digit(at[length]))
            return at + length;
    }
    return at;
}

int weir__version_parse(const char *text, struct weir__version *version)
{
    const char *end = text + strlen(text);
    struct weir__version read;

    if (read_version(skip_prefix(text, end), end, &read) != end)
        return -1;
    *version = read;
    return 0;
}

int weir__version_of(const json_t *value, struct weir__version *version)
{
    const char *text = json_string_value(value);

    /* "1.2\\u0000" is none. */
    if (text == NULL || strlen(text) != json_string_length(value))
        return -1;
    return weir__version_parse(text, version);
}

int weir__version_find(const char *text, size_t length, struct weir__version *version)
{
    const char *end = text + length;

    for (const char *at = text; at < end; at++) {
        bool inside = at > text && (is_word(at[-1]) || at[-1] == '/' || at[-1] < 0);
        const char *digit = inside ? at : skip_prefix(at, end);
        struct weir__version read;

        if (inside || !is_digit(*digit) || read_version(digit, end, &read) == NULL
            || read.count < 2)
            continue;
        *version = read;
        return 0;
    }
    return -1;
}

/* --- Order ------------------------------------------------------------------ */

static size_t run_length(const char *text, bool digits)
{
    size_t length = 0;

    while (text[length] != '\0' && is_digit(text[length]) == digits)
        length++;
    return length;
}

/* Digits of any length, by their value. */
static int compare_digits(const char *a, size_t a_length, const char *b, size_t b_length)
{
    for (; a_length > 0 && *a == '0'; a_length--)
        a++;
    for (; b_length > 0 && *b == '0'; b_length--)
        b++;
    if (a_length != b_length)
        return a_length < b_length ? -1 : 1;
    return memcmp(a, b, a_length);
}

static int compare_letters(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* Run by run: digits as numbers, and before anything else.  "rc1" is "rc.1". */
static int compare_prereleases(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        bool digits = is_digit(*a);
        size_t a_length = run_length(a, digits), b_length = run_length(b, digits);
        int order;

        if (digits != is_digit(*b))
            return digits ? -1 : 1;
        if (!digits) { /* a dot before digits only separates */
            size_t a_used = a_length - (a_length > 1 && a[a_length - 1] == '.');
            size_t b_used = b_length - (b_length > 1 && b[b_length - 1] == '.');

            order = compare_letters(a, a_used, b, b_used);
        } else {
            order = compare_digits(a, a_length, b, b_length);
        }
        if (order != 0)
            return order;
        a += a_length;
        b += b_length;
    }
    return (*a != '\0') - (*b != '\0');
}

static int compare_numbers(const struct weir__version *a, const struct weir__version *b)
{
    for (int i = 0; i < WEIR__VERSION_NUMBERS; i++)
        if (a->number[i] != b->number[i])
            return a->number[i] < b->number[i] ? -1 : 1;
    return 0;
}

int weir__version_compare(const struct weir__version *a, const struct weir__version *b)
{
    int order = compare_numbers(a, b);

    if (order != 0)
        return order;
    if (*a->prerelease == '\0' || *b->prerelease == '\0')
        return (*a->prerelease == '\0') - (*b->prerelease == '\0');
    return compare_prereleases(a->prerelease, b->prerelease);
}

char *weir__version_text(const struct weir__version *version, char text[WEIR__VERSION_TEXT])
{
    int count = version->count < 3 ? 3 : version->count;
    size_t length = 0;

    for (int i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, WEIR__VERSION_TEXT - length, "%s%llu",
                                   i > 0 ? "." : "", (unsigned long long)version->number[i]);
    snprintf(text + length, WEIR__VERSION_TEXT - length, "%s%s%s%s",
             *version->prerelease != '\0' ? "-" : "", version->prerelease,
             *version->build != '\0' ? "+" : "", version->build);
    return text;
}
