/* Keywords that look at one value and no further. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_canonical.h"
#include "base/error.h"
#include "schema/decimal.h"
#include "schema/schema_assert.h"

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

APPLIES(type)
{
    enum kinds kind = weir__value_kind(value), wanted = (enum kinds)check->number;
    bool composed = (kind & (ARRAYS | OBJECTS)) != 0;

    if ((kind & wanted) != 0)
        return 0;
    return weir__run_find(run, check, place, "is %s%s%s, and has to be %s",
                          composed || kind == NULLS ? "" : weir__kind_name(kind),
                          composed || kind == NULLS ? "" : ", ", weir__value_shown(value).text,
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

APPLIES(enum)
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
    return weir__run_find(run, check, place, "is %s, and has to be %s",
                          weir__value_shown(value).text, list);
}

APPLIES(const)
{
    int found = is_in_set(run, check, value);

    if (found != 0)
        return found < 0 ? -1 : 0;
    return weir__run_find(run, check, place, "is %s, and has to be %s",
                          weir__value_shown(value).text,
                          json_is_array(check->value) || json_is_object(check->value)
                              ? "what \"const\" says"
                              : weir__value_shown(check->value).text);
}

/* --- Numbers ------------------------------------------------------------------------ */

APPLIES(multiple_of)
{
    if (weir__decimal_is_multiple(value, check->value))
        return 0;
    return weir__run_find(run, check, place, "is %s, and has to be a multiple of %s",
                          weir__value_shown(value).text, weir__value_shown(check->value).text);
}

static int out_of_bounds(struct run *run, const struct check *check, const json_t *value,
                         const struct place *place, const char *words)
{
    return weir__run_find(run, check, place, "is %s, and has to be %s %s",
                          weir__value_shown(value).text, words,
                          weir__value_shown(check->value).text);
}

APPLIES(minimum)
{
    return weir__decimal_compare(value, check->value) >= 0
               ? 0
               : out_of_bounds(run, check, value, place, "at least");
}

APPLIES(maximum)
{
    return weir__decimal_compare(value, check->value) <= 0
               ? 0
               : out_of_bounds(run, check, value, place, "at most");
}

APPLIES(exclusive_minimum)
{
    return weir__decimal_compare(value, check->value) > 0
               ? 0
               : out_of_bounds(run, check, value, place, "more than");
}

APPLIES(exclusive_maximum)
{
    return weir__decimal_compare(value, check->value) < 0
               ? 0
               : out_of_bounds(run, check, value, place, "less than");
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

/* A length, or how many there are, against the bound of the check. */
static int hold_count(struct run *run, const struct check *check, const struct place *place,
                      size_t count, bool least, const char *what)
{
    if (least ? count >= check->number : count <= check->number)
        return 0;
    return weir__run_find(run, check, place, "has %zu %s, and has to have at %s %zu", count, what,
                          least ? "least" : "most", check->number);
}

APPLIES(min_length)
{
    return hold_count(run, check, place, count_characters(value), true, "characters");
}

APPLIES(max_length)
{
    return hold_count(run, check, place, count_characters(value), false, "characters");
}

APPLIES(pattern)
{
    int found =
        weir__run_search(run, check->pattern, json_string_value(value), json_string_length(value));

    if (found != 0)
        return found < 0 ? -1 : 0;
    return weir__run_find(run, check, place, "is %s, and has to match the pattern %.200s",
                          weir__value_shown(value).text, json_string_value(check->value));
}

APPLIES(version)
{
    struct weir__version version;

    if (weir__version_of(value, &version) < 0)
        return weir__run_find(run, check, place, "is %s, and has to be a version in %.200s",
                              weir__value_shown(value).text, json_string_value(check->value));
    if (weir__range_holds(check->range, &version))
        return 0;
    return weir__run_find(run, check, place, "is version %s, and has to be in %.200s",
                          json_string_value(value), json_string_value(check->value));
}

APPLIES(env_diff)
{
    (void)value;
    return weir__run_note(run, place, check->value);
}

/* --- Arrays and objects ----------------------------------------------------------------- */

APPLIES(min_items)
{
    return hold_count(run, check, place, json_array_size(value), true, "elements");
}

APPLIES(max_items)
{
    return hold_count(run, check, place, json_array_size(value), false, "elements");
}

APPLIES(min_properties)
{
    return hold_count(run, check, place, json_object_size(value), true, "members");
}

APPLIES(max_properties)
{
    return hold_count(run, check, place, json_object_size(value), false, "members");
}

/* Whether an element is among those seen, which it joins.  Returns -1 on an error. */
static int seen_before(struct run *run, json_t *seen, const json_t *element, size_t index,
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

APPLIES(unique_items)
{
    json_t *seen, *element;
    size_t index, other = 0;
    int status = 0;

    if (!json_is_true(check->value) || json_array_size(value) < 2)
        return 0;
    seen = json_object();
    json_array_foreach((json_t *)value, index, element)
    {
        status = seen_before(run, seen, element, index, &other);
        if (status == 0)
            continue;
        if (status > 0)
            status =
                weir__run_find(run, check, place, "has the same at %zu and at %zu", other, index);
        break;
    }
    json_decref(seen);
    return status;
}

static int find_missing(struct run *run, const struct check *check, const json_t *names,
                        const json_t *value, const struct place *place, const char *because)
{
    size_t index;
    json_t *name;

    json_array_foreach((json_t *)names, index, name)
    {
        if (json_object_get(value, json_string_value(name)) != NULL)
            continue;
        if (weir__run_find(run, check, place, "has no \"%.100s\"%s%.100s%s",
                           json_string_value(name), because != NULL ? ", which goes with \"" : "",
                           because != NULL ? because : "", because != NULL ? "\"" : "")
            < 0)
            return -1;
    }
    return weir__run_spend(run, json_array_size(names) / 16);
}

APPLIES(required)
{
    return find_missing(run, check, check->value, value, place, NULL);
}

APPLIES(dependent_required)
{
    const char *name;
    json_t *names;

    json_object_foreach((json_t *)check->value, name, names)
    {
        if (json_object_get(value, name) != NULL
            && find_missing(run, check, names, value, place, name) < 0)
            return -1;
    }
    return 0;
}
