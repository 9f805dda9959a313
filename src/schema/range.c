/* A range becomes bounds that are easy to check. */
#include "config.h"

#include "schema/range.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

/* A condition on a version. A pre-release of the bound is not BELOW it. */
enum relation { AT_LEAST, ABOVE, AT_MOST, BELOW, OUTSIDE, OR };

struct bound {
    enum relation relation;
    struct weir__version version;
    struct weir__version behind; /* OUTSIDE: the first version after the excluded ones */
};

struct weir__range {
    struct weir__buffer bounds; /* struct bound; OR stands between alternatives */
};

/* A condition as it is written. */
enum sign { SAME, NOT, LESS, NOT_MORE, MORE, NOT_LESS, CARET, TILDE, COMPATIBLE };

struct condition {
    const char *text;
    size_t length;
    enum sign sign;
    struct weir__version version;
    bool whole; /* a single version, not all that begin with it */
};

/* The longer spelling first. */
static const struct {
    const char *text;
    enum sign sign;
} signs[] = {
    {"==", SAME}, {"!=", NOT}, {"<=", NOT_MORE}, {">=", NOT_LESS}, {"~=", COMPATIBLE},
    {"=", SAME},  {"<", LESS}, {">", MORE},      {"^", CARET},     {"~", TILDE},
};

static int fail_condition(const struct condition *condition, struct weir_error *error)
{
    return weir__fail(error, WEIR_ERR_INVALID, 0,
                      "invalid version condition \"%.*s\": use " WEIR__RANGE_FORMS,
                      condition->length < 40 ? (int)condition->length : 40, condition->text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\n';
}

/* Strips ".x" and ".*" from the end. "x" alone leaves nothing. */
static size_t without_wildcards(const char *text, size_t length)
{
    while (length > 0 && strchr("xX*", text[length - 1]) != NULL
           && (length == 1 || text[length - 2] == '.'))
        length -= length == 1 ? 1 : 2;
    return length;
}

/* Reads the version of a condition; count is 0 if it is only a wildcard. */
static int read_version(struct condition *condition, const char *text, size_t length,
                        struct weir_error *error)
{
    size_t plain = without_wildcards(text, length);
    char copy[WEIR__VERSION_TEXT];

    condition->version.count = 0;
    if (length == 0 || plain >= sizeof copy)
        return fail_condition(condition, error);
    if (plain == 0)
        return condition->sign == SAME ? 0 : fail_condition(condition, error);
    memcpy(copy, text, plain);
    copy[plain] = '\0';
    if (weir__version_parse(copy, &condition->version) < 0)
        return fail_condition(condition, error);
    if (plain < length
        && (*condition->version.prerelease != '\0' || *condition->version.build != '\0'))
        return fail_condition(condition, error);
    condition->whole = plain == length
                       && (condition->version.count >= 3 || *condition->version.prerelease != '\0');
    return 0;
}

/* Reads one condition and moves *at past it. Blanks may follow the operator. */
static int read_condition(const char **at, struct condition *condition, struct weir_error *error)
{
    const char *text = *at;

    *condition = (struct condition){.text = text, .sign = SAME};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (strncmp(text, signs[i].text, strlen(signs[i].text)) == 0) {
            condition->sign = signs[i].sign;
            text += strlen(signs[i].text);
            break;
        }
    while (is_blank(*text) && *text != ',')
        text++;
    *at = text;
    while (**at != '\0' && !is_blank(**at) && **at != '|' && strchr("<>=!^", **at) == NULL)
        (*at)++;
    condition->length = (size_t)(*at - condition->text);
    return read_version(condition, text, (size_t)(*at - text), error);
}

/* The first version after all that begin with the first count numbers of version. */
static struct weir__version next_version(const struct weir__version *version, int count)
{
    struct weir__version next = {.count = 3};

    memcpy(next.number, version->number, (size_t)count * sizeof next.number[0]);
    if (next.number[count - 1] < UINT64_MAX)
        next.number[count - 1]++;
    return next;
}

/* How many numbers a version must share with the condition's, for ^ and ~. */
static int shared_numbers(const struct condition *condition)
{
    const struct weir__version *version = &condition->version;
    int count = 1;

    if (condition->sign == TILDE)
        return version->count < 2 ? 1 : 2;
    if (condition->sign == COMPATIBLE)
        return version->count - 1;
    while (count < version->count && count < 3 && version->number[count - 1] == 0)
        count++;
    return count;
}

static int add_bound(struct weir__range *range, enum relation relation,
                     struct weir__version version, struct weir_error *error)
{
    struct bound bound = {.relation = relation, .version = version};

    return weir__buffer_add(&range->bounds, &bound, sizeof bound, error);
}

static int add_outside(struct weir__range *range, const struct condition *condition,
                       struct weir__version next, struct weir_error *error)
{
    struct bound bound = {OUTSIDE, condition->version,
                          condition->whole ? condition->version : next};

    return weir__buffer_add(&range->bounds, &bound, sizeof bound, error);
}

/* A condition as bounds. */
static int add_condition(struct weir__range *range, const struct condition *condition,
                         struct weir_error *error)
{
    const struct weir__version *version = &condition->version;
    struct weir__version next;
    int status = 0;

    if (version->count == 0) /* any */
        return 0;
    next = next_version(version, version->count);
    switch (condition->sign) {
    case NOT:
        return add_outside(range, condition, next, error);
    case LESS:
        return add_bound(range, BELOW, *version, error);
    case NOT_MORE:
        return condition->whole ? add_bound(range, AT_MOST, *version, error)
                                : add_bound(range, BELOW, next, error);
    case MORE:
        return condition->whole ? add_bound(range, ABOVE, *version, error)
                                : add_bound(range, AT_LEAST, next, error);
    case NOT_LESS:
        return add_bound(range, AT_LEAST, *version, error);
    case COMPATIBLE:
        if (version->count < 2)
            return fail_condition(condition, error);
        /* fall through */
    case CARET:
    case TILDE:
        status = add_bound(range, AT_LEAST, *version, error);
        next = next_version(version, shared_numbers(condition));
        return status < 0 ? status : add_bound(range, BELOW, next, error);
    case SAME:
        status = add_bound(range, AT_LEAST, *version, error);
        break;
    }
    if (status < 0)
        return status;
    return condition->whole ? add_bound(range, AT_MOST, *version, error)
                            : add_bound(range, BELOW, next, error);
}

static int read_range(struct weir__range *range, const char *text, struct weir_error *error)
{
    struct condition condition = {.text = text, .length = strlen(text)};
    bool due = true; /* a condition is: at the beginning and after "||" */
    int status = 0;

    for (const char *at = text; status == 0;) {
        while (is_blank(*at))
            at++;
        if (*at == '\0')
            return due ? fail_condition(&condition, error) : 0;
        if (at[0] == '|' && (due || at[1] != '|'))
            return fail_condition(&condition, error);
        due = *at == '|';
        if (due) {
            status = add_bound(range, OR, condition.version, error);
            at += 2;
            continue;
        }
        status = read_condition(&at, &condition, error);
        if (status == 0)
            status = add_condition(range, &condition, error);
    }
    return status;
}

struct weir__range *weir__range_new(const char *text, struct weir_error *error)
{
    struct weir__range *range = calloc(1, sizeof *range);

    if (range == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a range");
        return NULL;
    }
    if (read_range(range, text, error) == 0)
        return range;
    weir__range_free(range);
    return NULL;
}

void weir__range_free(struct weir__range *range)
{
    if (range == NULL)
        return;
    weir__buffer_clear(&range->bounds);
    free(range);
}

static bool is_below(const struct weir__version *version, const struct weir__version *bound)
{
    struct weir__version release = *version;

    if (*bound->prerelease == '\0')
        *release.prerelease = '\0';
    return weir__version_compare(&release, bound) < 0;
}

static bool bound_holds(const struct bound *bound, const struct weir__version *version)
{
    int order = weir__version_compare(version, &bound->version);

    switch (bound->relation) {
    case AT_LEAST:
        return order >= 0;
    case ABOVE:
        return order > 0;
    case AT_MOST:
        return order <= 0;
    case BELOW:
        return is_below(version, &bound->version);
    case OUTSIDE:
        return order != 0 && (order < 0 || !is_below(version, &bound->behind));
    case OR:
        break;
    }
    return true;
}

bool weir__range_holds(const struct weir__range *range, const struct weir__version *version)
{
    const struct bound *bounds = (const struct bound *)(const void *)range->bounds.bytes;
    size_t count = range->bounds.length / sizeof *bounds;
    bool holds = true;

    for (size_t i = 0; i < count; i++) {
        if (bounds[i].relation == OR && holds)
            return true;
        holds = bounds[i].relation == OR || (holds && bound_holds(&bounds[i], version));
    }
    return holds;
}
