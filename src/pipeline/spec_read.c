#include "config.h"

#include "pipeline/spec_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

const char *weir__spec_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return "null";
    }
}

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Returns the number of letters to change, insert, delete or swap with their neighbour to turn
 * one word into the other (restricted Damerau distance). */
static size_t distance(const char *from, const char *to)
{
    enum { LONGEST = 24 };
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    size_t from_length = strlen(from), to_length = strlen(to);

    if (from_length > LONGEST || to_length > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= to_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= from_length; i++) {
        size_t *spare = before;

        before = above;
        above = row;
        row = spare;
        row[0] = i;
        for (size_t j = 1; j <= to_length; j++) {
            row[j] =
                least_of(above[j] + 1, row[j - 1] + 1, above[j - 1] + (from[i - 1] != to[j - 1]));
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]
                && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return row[to_length];
}

static const struct weir__spec_key *find_key(const struct weir__spec_key *keys, size_t count,
                                             const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static void report_unknown(const struct weir__spot *spot, const struct weir__spec_key *keys,
                           size_t count)
{
    const char *closest = NULL;
    size_t nearest = 3; /* a greater distance is a different word */
    char list[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        size_t apart = distance(spot->key, keys[i].name);

        if (apart < nearest && apart < strlen(keys[i].name)) {
            nearest = apart;
            closest = keys[i].name;
        }
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "",
                                     keys[i].name);
    }
    if (closest != NULL)
        weir__spec_error(spot->errors, spot->node, WEIR__AT_KEY,
                         "unknown key \"%s\": did you mean \"%s\"?", weir__shown(spot->key).text,
                         closest);
    else
        weir__spec_error(spot->errors, spot->node, WEIR__AT_KEY,
                         "unknown key \"%s\": remove it, or use one of %s",
                         weir__shown(spot->key).text, list);
}

/* Context of weir__spec_object(). */
struct object {
    const struct weir__spec_key *keys;
    size_t count;
    void *into;
};

static void read_member(const struct weir__spot *spot, void *into)
{
    const struct object *object = into;
    const struct weir__spec_key *key = find_key(object->keys, object->count, spot->key);

    if (key != NULL)
        key->read(spot, (char *)object->into + key->offset);
    else
        report_unknown(spot, object->keys, object->count);
}

void weir__spec_object(const struct weir__spot *spot, const struct weir__spec_key *keys,
                       size_t count, void *into)
{
    struct object object = {keys, count, into};

    if (weir__spec_each(spot, JSON_OBJECT, NULL, read_member, &object) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (keys[i].required != NULL && json_object_get(spot->value, keys[i].name) == NULL)
            weir__spot_error(spot, "\"%s\" is missing: %s", keys[i].name, keys[i].required);
}

/* Maps each key to its last node; reports duplicate keys. Returns NULL if out of memory. */
static json_t *last_of_each(const struct weir__spot *spot)
{
    const struct weir__positions *positions = &spot->errors->positions;
    size_t child = weir__positions_node(positions, spot->node)->first_child;
    json_t *last = json_object();
    int status = last != NULL ? 0 : -1;

    while (status == 0 && child != WEIR__NOWHERE) {
        const char *key = weir__positions_key(positions, child);

        if (json_object_get(last, key) != NULL)
            weir__spec_error(spot->errors, child, WEIR__AT_KEY,
                             "duplicate key \"%s\": keep one of them", weir__shown(key).text);
        status = json_object_set_new_nocheck(last, key, json_integer((json_int_t)child));
        child = weir__positions_node(positions, child)->next;
    }
    if (status == 0)
        return last;
    spot->errors->short_of_memory = 1;
    json_decref(last);
    return NULL;
}

static int64_t each_member(const struct weir__spot *spot,
                           void (*each)(const struct weir__spot *spot, void *into), void *into)
{
    const struct weir__positions *positions = &spot->errors->positions;
    size_t child = weir__positions_node(positions, spot->node)->first_child;
    json_t *last = last_of_each(spot);
    int64_t count = 0;

    for (; last != NULL && child != WEIR__NOWHERE;
         child = weir__positions_node(positions, child)->next) {
        struct weir__spot member = {spot->errors, NULL, child,
                                    weir__positions_key(positions, child)};

        if (json_integer_value(json_object_get(last, member.key)) != (json_int_t)child)
            continue;
        member.value = json_object_get(spot->value, member.key);
        each(&member, into);
        count++;
    }
    json_decref(last);
    return count;
}

static int64_t each_element(const struct weir__spot *spot,
                            void (*each)(const struct weir__spot *spot, void *into), void *into)
{
    const struct weir__positions *positions = &spot->errors->positions;
    size_t child = weir__positions_node(positions, spot->node)->first_child;
    size_t count = json_array_size(spot->value);

    for (size_t i = 0; i < count; i++) {
        struct weir__spot element = {spot->errors, json_array_get(spot->value, i), child, NULL};

        each(&element, into);
        child = weir__positions_node(positions, child)->next;
    }
    return (int64_t)count;
}

int64_t weir__spec_each(const struct weir__spot *spot, json_type wanted, const char *hint,
                        void (*each)(const struct weir__spot *spot, void *into), void *into)
{
    if (json_typeof(spot->value) != wanted) {
        weir__spot_error(spot, "is %s: give %s%s%s", weir__spec_kind(spot->value),
                         wanted == JSON_OBJECT ? "an object" : "an array",
                         hint != NULL ? ", such as " : "", hint != NULL ? hint : "");
        return -1;
    }
    if (wanted == JSON_OBJECT)
        return each_member(spot, each, into);
    return each_element(spot, each, into);
}

int weir__spec_string(const struct weir__spot *spot, const char *hint, const char **result)
{
    const char *string = json_string_value(spot->value);

    if (string == NULL) {
        weir__spot_error(spot, "is %s: give %s", weir__spec_kind(spot->value), hint);
        return 0;
    }
    if (strlen(string) != json_string_length(spot->value)) {
        weir__spot_error(spot, "contains a NUL character, which arguments, names and paths cannot: "
                               "remove \\u0000");
        return 0;
    }
    *result = string;
    return 1;
}

void weir__spec_flag(const struct weir__spot *spot, void *into)
{
    int *flag = into;

    if (json_is_boolean(spot->value))
        *flag = json_is_true(spot->value);
    else
        weir__spot_error(spot, "is %s: give true or false", weir__spec_kind(spot->value));
}

int weir__spec_integer(const struct weir__spot *spot, int64_t least, int64_t most, int64_t *result)
{
    int64_t value = json_integer_value(spot->value);
    const char *kind =
        json_is_real(spot->value) ? "not a whole number" : weir__spec_kind(spot->value);

    if (!json_is_integer(spot->value)) {
        weir__spot_error(spot, "is %s: give a whole number from %lld to %lld", kind,
                         (long long)least, (long long)most);
        return 0;
    }
    if (value < least || value > most) {
        weir__spot_error(spot, "is %lld: give a whole number from %lld to %lld", (long long)value,
                         (long long)least, (long long)most);
        return 0;
    }
    *result = value;
    return 1;
}

void weir__spec_seconds(const struct weir__spot *spot, void *into)
{
    double seconds = json_number_value(spot->value);
    int64_t *ms = into, read = 0;

    if (json_is_null(spot->value))
        return;
    if (!json_is_number(spot->value))
        weir__spot_error(spot, "is %s: give seconds as a number, such as 10 or 0.5",
                         weir__spec_kind(spot->value));
    else if (seconds <= 0)
        weir__spot_error(spot, "is %g: give more than 0 seconds, or null for the default", seconds);
    else if (weir__duration_seconds(seconds, &read) < 0)
        weir__spot_error(spot, "is %g seconds, which is too long: give null for no limit", seconds);
    else
        *ms = read;
}

int weir__spec_choice(const struct weir__spot *spot, const struct weir__spec_word *words,
                      size_t count, int *result)
{
    const char *given = json_string_value(spot->value);
    char list[128] = "";
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if (given != NULL && strcmp(given, words[i].word) == 0
            && strlen(given) == json_string_length(spot->value)) {
            *result = words[i].value;
            return 1;
        }
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s\"%s\"",
                                     i == 0          ? ""
                                     : i + 1 < count ? ", "
                                                     : " or ",
                                     words[i].word);
    }
    if (given != NULL)
        weir__spot_error(spot, "is \"%s\": give %s", weir__shown(given).text, list);
    else
        weir__spot_error(spot, "is %s: give %s", weir__spec_kind(spot->value), list);
    return 0;
}

int weir__spec_size(const struct weir__spot *spot, uint64_t *result)
{
    const char *text = json_string_value(spot->value);

    if (json_is_integer(spot->value) && json_integer_value(spot->value) >= 0) {
        *result = (uint64_t)json_integer_value(spot->value);
        return 1;
    }
    if (text != NULL && strlen(text) == json_string_length(spot->value)
        && weir__size_parse(text, result) == 0)
        return 1;
    if (text != NULL)
        weir__spot_error(spot, "is \"%s\": give " WEIR__SIZE_FORMS, weir__shown(text).text);
    else
        weir__spot_error(spot, "is %s: give a whole number, 0 or more, or a size such as \"64M\"",
                         json_is_integer(spot->value) ? "negative"
                         : json_is_real(spot->value)  ? "not a whole number"
                                                      : weir__spec_kind(spot->value));
    return 0;
}

int weir__spec_stop(const struct weir__spot *spot, struct weir_stop_step steps[WEIR_STOP_STEPS],
                    size_t *count)
{
    const char *text = NULL;
    struct weir_error why;

    if (json_is_null(spot->value)
        || !weir__spec_string(spot, "a string such as \"INT:2s,TERM:5s,KILL\", or null", &text))
        return 0;
    if (weir_stop_parse(text, steps, count, &why) == 0)
        return 1;
    weir__spot_error(spot, "%s", why.text);
    return 0;
}

void weir__spec_list_add(struct weir__spec_errors *errors, struct weir__spec_list *list,
                         const char *string)
{
    const char **strings = realloc(list->strings, (list->count + 2) * sizeof *strings);

    if (strings == NULL || string == NULL) {
        errors->short_of_memory = 1;
    } else {
        strings[list->count++] = string;
        strings[list->count] = NULL;
    }
    if (strings != NULL)
        list->strings = strings;
}
