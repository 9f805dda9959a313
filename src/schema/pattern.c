#include "config.h"

#include "schema/pattern.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/buffer.h"
#include "base/error.h"

/* Steps and kilobytes of one search: tens of milliseconds at most. Nearly all finish in a
 * hundredth of that, which is tried first, so that the caller can tell expensive searches. */
enum { MATCH_STEPS = 500000, FEW_STEPS = 5000, MATCH_KIB = 20000 };

struct weir__pattern {
    pcre2_code *code;
    pcre2_match_context *limits, *few;
};

/* --- From ECMAScript to PCRE2 ------------------------------------------------- */

/* Inside brackets: what ECMAScript calls white space and line ends. */
#define SPACES "\\t\\n\\x0b\\f\\r \\x{a0}\\x{feff}\\x{2028}\\x{2029}\\p{Zs}"

struct translator {
    const char *text, *at, *end;
    struct weir__buffer out;
    bool in_class;
    bool repeats; /* a quantifier was the last thing */
    struct weir_error *error;
};

static int add_text(struct translator *translator, const char *text)
{
    return weir__buffer_add(&translator->out, text, strlen(text), translator->error);
}

static int copy_text(struct translator *translator, size_t length)
{
    const char *from = translator->at;

    translator->at += length;
    return weir__buffer_add(&translator->out, from, length, translator->error);
}

static int fail_at(const struct translator *translator, const char *why)
{
    return weir__fail(translator->error, WEIR_ERR_INVALID, 0,
                      "is not an ECMAScript regular expression: at byte %zu: %s",
                      (size_t)(translator->at - translator->text) + 1, why);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int add_character(struct translator *translator, unsigned long character)
{
    char text[24];

    if (character > 0x10FFFF || (character >= 0xD800 && character < 0xE000))
        return fail_at(translator, "the character does not exist");
    snprintf(text, sizeof text, "\\x{%lx}", character);
    return add_text(translator, text);
}

/* Reads count hex digits at translator->at + skip.  Returns whether they are there. */
static bool peek_hex(const struct translator *translator, size_t skip, size_t count,
                     unsigned long *number)
{
    char digits[8] = "";

    if ((size_t)(translator->end - translator->at) < skip + count)
        return false;
    memcpy(digits, translator->at + skip, count);
    if (strspn(digits, "0123456789abcdefABCDEF") != count)
        return false;
    *number = strtoul(digits, NULL, 16);
    return true;
}

/* At a backslash and x or u. */
static int read_hex_escape(struct translator *translator)
{
    size_t digits = translator->at[1] == 'x' ? 2 : 4, used = 2 + digits;
    unsigned long character, low;

    if (digits == 4 && translator->end - translator->at > 3 && translator->at[2] == '{') {
        const char *close = memchr(translator->at, '}', (size_t)(translator->end - translator->at));
        size_t count = close != NULL ? (size_t)(close - translator->at) - 3 : 0;

        if (count < 1 || count > 6 || !peek_hex(translator, 3, count, &character))
            return fail_at(translator, "\\u{...} needs one to six hex digits");
        used = count + 4;
    } else if (!peek_hex(translator, 2, digits, &character)) {
        return fail_at(translator,
                       digits == 2 ? "\\x needs two hex digits" : "\\u needs four hex digits");
    } else if (character >= 0xD800 && character < 0xDC00 && translator->end - translator->at >= 12
               && memcmp(translator->at + 6, "\\u", 2) == 0 && peek_hex(translator, 8, 4, &low)
               && low >= 0xDC00 && low < 0xE000) {
        character = 0x10000 + ((character - 0xD800) << 10) + (low - 0xDC00);
        used = 12;
    }
    if (add_character(translator, character) < 0)
        return -1;
    translator->at += used;
    return 0;
}

/* PCRE2 knows the general categories by their short names alone. */
static const char *short_category(const char *name)
{
    static const char *const names[][2] = {
        {"Letter", "L"},
        {"Cased_Letter", "L&"},
        {"LC", "L&"},
        {"Uppercase_Letter", "Lu"},
        {"Lowercase_Letter", "Ll"},
        {"Titlecase_Letter", "Lt"},
        {"Modifier_Letter", "Lm"},
        {"Other_Letter", "Lo"},
        {"Mark", "M"},
        {"Combining_Mark", "M"},
        {"Nonspacing_Mark", "Mn"},
        {"Spacing_Mark", "Mc"},
        {"Enclosing_Mark", "Me"},
        {"Number", "N"},
        {"Decimal_Number", "Nd"},
        {"digit", "Nd"},
        {"Letter_Number", "Nl"},
        {"Other_Number", "No"},
        {"Punctuation", "P"},
        {"punct", "P"},
        {"Connector_Punctuation", "Pc"},
        {"Dash_Punctuation", "Pd"},
        {"Open_Punctuation", "Ps"},
        {"Close_Punctuation", "Pe"},
        {"Initial_Punctuation", "Pi"},
        {"Final_Punctuation", "Pf"},
        {"Other_Punctuation", "Po"},
        {"Symbol", "S"},
        {"Math_Symbol", "Sm"},
        {"Currency_Symbol", "Sc"},
        {"Modifier_Symbol", "Sk"},
        {"Other_Symbol", "So"},
        {"Separator", "Z"},
        {"Space_Separator", "Zs"},
        {"Line_Separator", "Zl"},
        {"Paragraph_Separator", "Zp"},
        {"Other", "C"},
        {"Control", "Cc"},
        {"cntrl", "Cc"},
        {"Format", "Cf"},
        {"Surrogate", "Cs"},
        {"Private_Use", "Co"},
        {"Unassigned", "Cn"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], name) == 0)
            return names[i][1];
    return name;
}

/* At a backslash and p or P. */
static int read_property(struct translator *translator)
{
    static const char *const prefixes[] = {"gc=", "General_Category="};
    const char *open = translator->at + 2, *name;
    const char *close = memchr(translator->at, '}', (size_t)(translator->end - translator->at));
    char word[64], made[80];

    if (close == NULL || *open != '{' || close - open < 2 || close - open > (int)sizeof word)
        return fail_at(translator, "\\p needs the name of a property in braces");
    memcpy(word, open + 1, (size_t)(close - open) - 1);
    word[close - open - 1] = '\0';
    name = word;
    if (strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_=")
        != strlen(word))
        return fail_at(translator, "unknown property");
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(word, prefixes[i], strlen(prefixes[i])) == 0)
            name = word + strlen(prefixes[i]);
    snprintf(made, sizeof made, "\\%c{%s}", translator->at[1], short_category(name));
    translator->at = close + 1;
    return add_text(translator, made);
}

static int read_backreference(struct translator *translator)
{
    char made[16];
    size_t digits = 1;

    while (translator->at + 1 + digits < translator->end && is_digit(translator->at[1 + digits]))
        digits++;
    if (translator->in_class || digits > 4)
        return fail_at(translator, "unknown group");
    snprintf(made, sizeof made, "\\g{%.*s}", (int)digits, translator->at + 1);
    translator->at += 1 + digits;
    return add_text(translator, made);
}

/* The translation of a backslash and one letter, or NULL if it is more complex. */
static const char *simple_escape(char c, bool in_class)
{
    switch (c) {
    case 's':
        return in_class ? SPACES : "[" SPACES "]";
    case 'S':
        return in_class ? "\\S" : "[^" SPACES "]";
    case 'v':
        return "\\x0b";
    case 'd':
        return "\\d";
    case 'D':
        return "\\D";
    case 'w':
        return "\\w";
    case 'W':
        return "\\W";
    case 't':
        return "\\t";
    case 'n':
        return "\\n";
    case 'r':
        return "\\r";
    case 'f':
        return "\\f";
    case 'b':
        return "\\b";
    case 'B':
        return in_class ? NULL : "\\B";
    default:
        return NULL;
    }
}

/* At a backslash. */
static int read_escape(struct translator *translator)
{
    size_t left = (size_t)(translator->end - translator->at);
    char c = left > 1 ? translator->at[1] : '\0';
    const char *simple = simple_escape(c, translator->in_class);

    if (left < 2)
        return fail_at(translator, "nothing follows the backslash");
    if (simple != NULL) {
        translator->at += 2;
        return add_text(translator, simple);
    }
    if (c == 'x' || c == 'u')
        return read_hex_escape(translator);
    if (c == 'p' || c == 'P')
        return read_property(translator);
    if (c >= '1' && c <= '9')
        return read_backreference(translator);
    if (c == '0' && !(left > 2 && is_digit(translator->at[2]))) {
        translator->at += 2;
        return add_text(translator, "\\x{0}");
    }
    if (c == 'c' && left > 2
        && ((translator->at[2] | 32) >= 'a' && (translator->at[2] | 32) <= 'z')) {
        unsigned long character = (unsigned char)translator->at[2] & 31;

        translator->at += 3;
        return add_character(translator, character);
    }
    if (c == 'k' && left > 2 && translator->at[2] == '<' && !translator->in_class)
        return copy_text(translator, 2);
    if (c != '\0' && strchr("^$\\.*+?()[]{}|/-", c) != NULL)
        return copy_text(translator, 2);
    return fail_at(translator, "unknown escape");
}

/* At "(": only the groups of ECMAScript. */
static int read_group(struct translator *translator)
{
    static const char *const groups[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?<"};
    size_t left = (size_t)(translator->end - translator->at);

    if (left > 1 && translator->at[1] == '*')
        return fail_at(translator, "nothing to repeat");
    if (left < 2 || translator->at[1] != '?')
        return copy_text(translator, 1);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (left > strlen(groups[i]) && memcmp(translator->at, groups[i], strlen(groups[i])) == 0)
            return copy_text(translator, strlen(groups[i]));
    return fail_at(translator, "unknown group");
}

/* At "{": {n}, {n,} or {n,m}. */
static int read_braces(struct translator *translator)
{
    const char *at = translator->at + 1, *digits = at;

    while (at < translator->end && is_digit(*at))
        at++;
    if (at > digits && at < translator->end && *at == ',')
        for (at++; at < translator->end && is_digit(*at);)
            at++;
    if (at == digits || at == translator->end || *at != '}')
        return fail_at(translator, "a brace that is not a quantifier: put a backslash before it");
    return copy_text(translator, (size_t)(at + 1 - translator->at));
}

static int read_plain(struct translator *translator)
{
    char c = *translator->at;
    bool repeats = strchr("*+?{", c) != NULL && c != '\0';
    bool again = translator->repeats && c != '?';

    if (repeats && again)
        return fail_at(translator, "a quantifier cannot follow a quantifier");
    /* What makes a quantifier lazy ends it. */
    translator->repeats = repeats && !translator->repeats;
    switch (c) {
    case '\0':
        translator->at++;
        return add_text(translator, "\\x{0}");
    case '[':
        translator->in_class = true;
        if (translator->end - translator->at > 1 && translator->at[1] == '^')
            return copy_text(translator, 2);
        return copy_text(translator, 1);
    case ']':
    case '}':
        return fail_at(translator, "unmatched closing bracket: put a backslash before it");
    case '{':
        return read_braces(translator);
    case '(':
        return read_group(translator);
    case '.':
        translator->at++;
        return add_text(translator, "[^\\n\\r\\x{2028}\\x{2029}]");
    default:
        return copy_text(translator, 1);
    }
}

static int read_in_class(struct translator *translator)
{
    switch (*translator->at) {
    case '\0':
        translator->at++;
        return add_text(translator, "\\x{0}");
    case ']':
        translator->in_class = false;
        return copy_text(translator, 1);
    case '[': /* no [:alpha:] */
        translator->at++;
        return add_text(translator, "\\[");
    default:
        return copy_text(translator, 1);
    }
}

static int translate(struct translator *translator)
{
    while (translator->at < translator->end) {
        int status;

        if (*translator->at == '\\') {
            status = read_escape(translator);
            translator->repeats = false;
        } else {
            status = translator->in_class ? read_in_class(translator) : read_plain(translator);
        }
        if (status < 0)
            return status;
    }
    return translator->in_class ? fail_at(translator, "a [ is not closed") : 0;
}

/* --- Compiling and matching ---------------------------------------------------- */

static pcre2_match_context *limits_of(uint32_t steps)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);

    if (limits != NULL) {
        pcre2_set_match_limit(limits, steps);
        pcre2_set_heap_limit(limits, MATCH_KIB);
    }
    return limits;
}

static int compile_translated(struct weir__pattern *pattern, const struct weir__buffer *text,
                              struct weir_error *error)
{
    /* The offset is one of the translated text: it is not reported. */
    PCRE2_SIZE offset;
    PCRE2_UCHAR message[160];
    int code;

    pattern->code =
        pcre2_compile((PCRE2_SPTR)(text->bytes != NULL ? text->bytes : ""), text->length,
                      PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS
                          | PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C,
                      &code, &offset, NULL);
    if (pattern->code == NULL) {
        pcre2_get_error_message(code, message, sizeof message);
        return weir__fail(error, WEIR_ERR_INVALID, 0, "is not a regular expression: %s",
                          (const char *)message);
    }
    pattern->limits = limits_of(MATCH_STEPS);
    pattern->few = limits_of(FEW_STEPS);
    if (pattern->limits == NULL || pattern->few == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a regular expression");
    return 0;
}

struct weir__pattern *weir__pattern_new(const char *text, size_t length, struct weir_error *error)
{
    struct translator translator = {.text = text, .at = text, .end = text + length, .error = error};
    struct weir__pattern *pattern = calloc(1, sizeof *pattern);
    int status;

    if (pattern == NULL)
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a regular expression");
    else if (length > WEIR__PATTERN_MAX)
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "is longer than %d bytes, the limit for a regular expression",
                            WEIR__PATTERN_MAX);
    else
        status = translate(&translator);
    if (status == 0)
        status = compile_translated(pattern, &translator.out, error);
    weir__buffer_clear(&translator.out);
    if (status == 0)
        return pattern;
    weir__pattern_free(pattern);
    return NULL;
}

void weir__pattern_free(struct weir__pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_match_context_free(pattern->limits);
    pcre2_match_context_free(pattern->few);
    pcre2_code_free(pattern->code);
    free(pattern);
}

int weir__pattern_found(const struct weir__pattern *pattern, const char *text, size_t length,
                        size_t *work, struct weir_error *error)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    PCRE2_SPTR bytes = (PCRE2_SPTR)text;
    int found;

    *work = WEIR__PATTERN_CHEAP;
    if (data == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a regular expression");
    found = pcre2_match(pattern->code, bytes, length, 0, PCRE2_NO_UTF_CHECK, data, pattern->few);
    if (found == PCRE2_ERROR_MATCHLIMIT) {
        *work = WEIR__PATTERN_EXPENSIVE;
        found =
            pcre2_match(pattern->code, bytes, length, 0, PCRE2_NO_UTF_CHECK, data, pattern->limits);
    }
    pcre2_match_data_free(data);
    if (found >= 0)
        return 1;
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    return weir__fail(
        error, found == PCRE2_ERROR_NOMEMORY ? WEIR_ERR_NOMEM : WEIR_ERR_TOO_LONG, 0,
        "the regular expression takes too long on this text: rewrite it to backtrack less");
}
