/* Keywords that check one value by itself. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_canonical.h"
#include "base/error.h"
#include "schema/decimal.h"
#include "schema/schema_check.h"
#include "schema/schema_keywords.h"

/* "a string or null" */
static struct shown kinds_shown(enum kinds kinds)
{
    static const enum kinds all[] = {NULLS, BOOLEANS, NUMBERS, INTEGERS, STRINGS, ARRAYS, OBJECTS};
    static const char *const names[] = {"null",     "a boolean", "a number", "an integer",
                                        "a string", "an array",  "an object"};
    struct shown shown = {""};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if ((kinds & all[i]) != all[i])
            continue;
        kinds &= (enum kinds) ~all[i];
        if (shown.text[0] != '\0')
            strcat(shown.text, kinds != 0 ? ", " : " or ");
        strcat(shown.text, names[i]);
    }
    return shown;
}

int weir__apply_type(struct run *run, const struct check *check, const json_t *value,
                     const struct place *place)
{
    enum kinds kind = weir__value_kind(value), wanted = (enum kinds)check->number;
    bool plain = (kind & (NULLS | ARRAYS | OBJECTS)) == 0;

    if ((kind & wanted) != 0)
        return 0;
    return weir__run_report(run, check, place, "is %s%s%s%s but must be %s",
                            weir__value_shown(value).text, plain ? " (" : "",
                            plain ? weir__kind_name(kind) : "", plain ? ")" : "",
                            kinds_shown(wanted).text);
}

/* Whether the value is in the check's set.  Returns -1 on an error. */
static int is_in_set(struct run *run, const struct check *check, const json_t *value)
{
    size_t length = 0;
    char *text = weir__canonical_text(value, &length);
    int found = text != NULL && json_object_get(check->canonical, text) != NULL;

    free(text);
    if (text == NULL)
        return weir__fail(run->error, WEIR_ERR_NOMEM, 0, "no memory for a value");
    return weir__run_spend(run, length / 64) < 0 ? -1 : found;
}

int weir__apply_enum(struct run *run, const struct check *check, const json_t *value,
                     const struct place *place)
{
    int found = is_in_set(run, check, value);
    char list[512] = "";

    if (found != 0)
        return found < 0 ? -1 : 0;
    for (size_t i = 0; i < json_array_size(check->value) && strlen(list) < 300; i++) {
        if (i > 0)
            strcat(list, i + 1 < json_array_size(check->value) ? ", " : " or ");
        strcat(list, weir__value_shown(json_array_get(check->value, i)).text);
        if (strlen(list) >= 300)
            strcat(list, ", ...");
    }
    return weir__run_report(run, check, place, "is %s but must be %s",
                            weir__value_shown(value).text, list);
}

int weir__apply_const(struct run *run, const struct check *check, const json_t *value,
                      const struct place *place)
{
    int found = is_in_set(run, check, value);

    if (found != 0)
        return found < 0 ? -1 : 0;
    return weir__run_report(run, check, place, "is %s but must be %s",
                            weir__value_shown(value).text,
                            json_is_array(check->value) || json_is_object(check->value)
                                ? "what \"const\" says"
                                : weir__value_shown(check->value).text);
}

/* --- Numbers ------------------------------------------------------------------------ */

int weir__apply_multiple_of(struct run *run, const struct check *check, const json_t *value,
                            const struct place *place)
{
    if (weir__decimal_is_multiple(value, check->value))
        return 0;
    return weir__run_report(run, check, place, "is %s but must be a multiple of %s",
                            weir__value_shown(value).text, weir__value_shown(check->value).text);
}

/* minimum, maximum, exclusiveMinimum and exclusiveMaximum. */
int weir__apply_bound(struct run *run, const struct check *check, const json_t *value,
                      const struct place *place)
{
    bool exclusive = *check->keyword->name == 'e';
    bool least = strstr(check->keyword->name, "inimum") != NULL;
    int order = weir__decimal_compare(value, check->value);

    if (order == 0 ? !exclusive : (order > 0) == least)
        return 0;
    return weir__run_report(
        run, check, place, "is %s but must be %s %s", weir__value_shown(value).text,
        least ? (exclusive ? "more than" : "at least") : (exclusive ? "less than" : "at most"),
        weir__value_shown(check->value).text);
}

/* --- Strings ------------------------------------------------------------------------ */

static size_t count_characters(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t count = 0;

    for (size_t i = 0; i < json_string_length(value); i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* minLength, maxLength, minItems, maxItems, minProperties and maxProperties. */
int weir__apply_size(struct run *run, const struct check *check, const json_t *value,
                     const struct place *place)
{
    bool least = check->keyword->name[1] == 'i';
    size_t count = json_is_string(value)  ? count_characters(value)
                   : json_is_array(value) ? json_array_size(value)
                                          : json_object_size(value);

    if (least ? count >= check->number : count <= check->number)
        return 0;
    return weir__run_report(run, check, place, "has %zu %s but must have at %s %zu", count,
                            json_is_string(value)  ? "characters"
                            : json_is_array(value) ? "elements"
                                                   : "members",
                            least ? "least" : "most", check->number);
}

int weir__apply_pattern(struct run *run, const struct check *check, const json_t *value,
                        const struct place *place)
{
    int found =
        weir__run_search(run, check->pattern, json_string_value(value), json_string_length(value));

    if (found != 0)
        return found < 0 ? -1 : 0;
    return weir__run_report(run, check, place, "is %s but must match the pattern %.200s",
                            weir__value_shown(value).text, json_string_value(check->value));
}

int weir__apply_version(struct run *run, const struct check *check, const json_t *value,
                        const struct place *place)
{
    struct weir__version version;

    if (weir__version_of(value, &version) < 0)
        return weir__run_report(run, check, place, "is %s but must be a version in %.200s",
                                weir__value_shown(value).text, json_string_value(check->value));
    if (weir__range_holds(check->range, &version))
        return 0;
    return weir__run_report(run, check, place, "is version %s but must be in %.200s",
                            json_string_value(value), json_string_value(check->value));
}

int weir__apply_env_diff(struct run *run, const struct check *check, const json_t *value,
                         const struct place *place)
{
    (void)value;
    return weir__run_note(run, place, check->value);
}

/* --- Arrays and objects ----------------------------------------------------------------- */

/* Whether an equal element was seen; adds it to those seen. Returns -1 on an error. */
static int find_duplicate(struct run *run, json_t *seen, const json_t *element, size_t index,
                          size_t *other)
{
    size_t length = 0;
    char *text = weir__canonical_text(element, &length);
    const json_t *before = text != NULL ? json_object_get(seen, text) : NULL;
    int failed = text == NULL;

    if (before != NULL)
        *other = (size_t)json_integer_value(before);
    else if (!failed)
        failed = json_object_set_new(seen, text, json_integer((json_int_t)index)) < 0;
    free(text);
    if (failed)
        return weir__fail(run->error, WEIR_ERR_NOMEM, 0, "no memory for an element");
    return weir__run_spend(run, 1 + length / 64) < 0 ? -1 : before != NULL;
}

int weir__apply_unique_items(struct run *run, const struct check *check, const json_t *value,
                             const struct place *place)
{
    json_t *seen, *element;
    size_t index, other = 0;
    int status = 0;

    if (!json_is_true(check->value) || json_array_size(value) < 2)
        return 0;
    seen = json_object();
    json_array_foreach((json_t *)value, index, element)
    {
        status = find_duplicate(run, seen, element, index, &other);
        if (status == 0)
            continue;
        if (status > 0)
            status = weir__run_report(run, check, place, "has equal elements at %zu and %zu", other,
                                      index);
        break;
    }
    json_decref(seen);
    return status;
}

static int report_missing(struct run *run, const struct check *check, const json_t *names,
                          const json_t *value, const struct place *place, const char *because)
{
    size_t index;
    json_t *name;

    json_array_foreach((json_t *)names, index, name)
    {
        if (json_object_get(value, json_string_value(name)) != NULL)
            continue;
        if (weir__run_report(run, check, place, "has no \"%.100s\"%s%.100s%s",
                             json_string_value(name),
                             because != NULL ? ", which is required with \"" : "",
                             because != NULL ? because : "", because != NULL ? "\"" : "")
            < 0)
            return -1;
    }
    return weir__run_spend(run, json_array_size(names) / 16);
}

int weir__apply_required(struct run *run, const struct check *check, const json_t *value,
                         const struct place *place)
{
    return report_missing(run, check, check->value, value, place, NULL);
}

int weir__apply_dependent_required(struct run *run, const struct check *check, const json_t *value,
                                   const struct place *place)
{
    const char *name;
    json_t *names;

    json_object_foreach((json_t *)check->value, name, names)
    {
        if (json_object_get(value, name) != NULL
            && report_missing(run, check, names, value, place, name) < 0)
            return -1;
    }
    return 0;
}
