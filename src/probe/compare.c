#include "config.h"

#include "probe/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_canonical.h"
#include "base/error.h"
#include "base/json_tree.h"
#include "schema/tolerance.h"
#include "probe/compare_filter.h"
#include "schema/decimal.h"
#include "schema/schema_value.h"
#include "schema/version.h"

/* How much each kind weighs; numbers weigh from this on. */
static const struct {
    const char *name;
    int weight;
} kinds[] = {
    [WEIR__DIFFERS_MAJOR] = {"major", 100},
    [WEIR__DIFFERS_GONE] = {"gone", 90},
    [WEIR__DIFFERS_NEW] = {"new", 85},
    [WEIR__DIFFERS_TYPE] = {"type", 80},
    [WEIR__DIFFERS_MINOR] = {"minor", 60},
    [WEIR__DIFFERS_VALUE] = {"value", 50},
    [WEIR__DIFFERS_NUMBER] = {"number", 10},
    [WEIR__DIFFERS_PATCH] = {"patch", 40},
    [WEIR__DIFFERS_PRERELEASE] = {"prerelease", 30},
    [WEIR__DIFFERS_SPELLING] = {"spelling", 10},
    [WEIR__DIFFERS_ORDER] = {"order", 5},
};

const char *weir__difference_name(enum weir__difference_kind kind)
{
    return kinds[kind].name;
}

/* --- Where the comparison is ------------------------------------------------------ */

/* What is allowed at a place: the nearest x-env-diff for the environment. */
struct allowed {
    const json_t *notes; /* an array, all of which have to allow it; NULL: none */
};

/* One level of both reports.  Pointers are in buffers that grow and shrink. */
struct comparer {
    struct weir__comparison *comparison;
    json_t *tolerances[2]; /* by JSON pointer in each report; NULL: no contract */
    const char *env;
    struct weir__buffer pointers[2]; /* where in each report */
    struct weir__buffer place;       /* what people are shown */
    struct weir_error *error;
};

static int out_of_memory(const struct comparer *comparer)
{
    return weir__fail(comparer->error, WEIR_ERR_NOMEM, 0, "no memory to compare");
}

static const json_t *notes_at(struct comparer *comparer, int side)
{
    return weir__compare_notes(comparer->tolerances[side],
                               weir__buffer_text(&comparer->pointers[side]), comparer->env);
}

static struct allowed tolerance_at(struct comparer *comparer, const json_t *a, struct allowed above)
{
    const json_t *notes = a != NULL ? notes_at(comparer, 0) : NULL;

    if (notes == NULL)
        notes = notes_at(comparer, 1);
    return notes != NULL ? (struct allowed){notes} : above;
}

/* Whether all notes allow b for a.  *word is the one that decides. */
static bool is_allowed(const struct comparer *comparer, struct allowed allowed, const json_t *a,
                       const json_t *b, const char **word)
{
    bool within = false;

    *word = NULL;
    for (size_t i = 0; i < json_array_size(allowed.notes); i++) {
        const char *text =
            json_string_value(json_object_get(json_array_get(allowed.notes, i), comparer->env));
        struct weir__tolerance tolerance;

        if (text == NULL || weir__tolerance_parse(text, &tolerance, NULL) < 0)
            continue;
        *word = text;
        within = a != NULL && b != NULL ? weir__tolerance_holds(&tolerance, a, b)
                                        : tolerance.kind == WEIR__TOLERANCE_ANY;
        if (!within)
            return false;
    }
    return within;
}

/* --- What a difference is ------------------------------------------------------------ */

static enum weir__difference_kind version_kind(const struct weir__version *a,
                                               const struct weir__version *b)
{
    for (int i = 0; i < WEIR__VERSION_NUMBERS; i++)
        if (a->number[i] != b->number[i])
            return i == 0   ? WEIR__DIFFERS_MAJOR
                   : i == 1 ? WEIR__DIFFERS_MINOR
                            : WEIR__DIFFERS_PATCH;
    return weir__version_compare(a, b) != 0  ? WEIR__DIFFERS_PRERELEASE
           : strcmp(a->build, b->build) != 0 ? WEIR__DIFFERS_PATCH
                                             : WEIR__DIFFERS_SPELLING;
}

static enum weir__difference_kind kind_of(const json_t *a, const json_t *b)
{
    struct weir__version left, right;

    if (a == NULL || b == NULL)
        return a == NULL ? WEIR__DIFFERS_NEW : WEIR__DIFFERS_GONE;
    if (json_is_number(a) && json_is_number(b))
        return WEIR__DIFFERS_NUMBER;
    if (json_is_boolean(a) && json_is_boolean(b))
        return WEIR__DIFFERS_VALUE;
    if (json_typeof(a) != json_typeof(b))
        return WEIR__DIFFERS_TYPE;
    if (weir__version_of(a, &left) == 0 && weir__version_of(b, &right) == 0 && left.count > 1
        && right.count > 1)
        return version_kind(&left, &right);
    return WEIR__DIFFERS_VALUE;
}

static int weight_of(enum weir__difference_kind kind, const json_t *a, const json_t *b)
{
    double left, right, most;

    if (kind != WEIR__DIFFERS_NUMBER)
        return kinds[kind].weight;
    left = json_number_value(a);
    right = json_number_value(b);
    most = fmax(fabs(left), fabs(right));
    /* From hardly any to one of another sign: that is 2.  No sum here can overflow. */
    return kinds[kind].weight + (int)(35 * fabs(left / most - right / most) / 2);
}

static int add_difference(struct comparer *comparer, const json_t *a, const json_t *b,
                          enum weir__difference_kind kind, struct allowed allowed)
{
    const char *place = weir__buffer_text(&comparer->place), *word;
    struct weir__difference difference = {.a = a, .b = b, .kind = kind};

    difference.weight = weight_of(kind, a, b);
    difference.within = is_allowed(comparer, allowed, a, b, &word);
    difference.place = place != NULL ? strdup(place) : NULL;
    difference.allowed = word != NULL ? strdup(word) : NULL;
    if (difference.place == NULL || (word != NULL && difference.allowed == NULL)
        || weir__buffer_add(&comparer->comparison->differences, &difference, sizeof difference,
                            NULL)
               < 0) {
        free(difference.place);
        free(difference.allowed);
        return out_of_memory(comparer);
    }
    if (difference.within)
        comparer->comparison->within++;
    else
        comparer->comparison->beyond++;
    return 0;
}

/* --- Values in values ------------------------------------------------------------------ */

static int compare_values(struct comparer *comparer, const json_t *a, const json_t *b,
                          struct allowed allowed);

/* Compares what is a step further: steps[0] and [1] in the reports, shown to people. */
static int compare_below(struct comparer *comparer, const json_t *a, const json_t *b,
                         const char *const steps[2], const char *shown, struct allowed allowed)
{
    size_t lengths[] = {comparer->pointers[0].length, comparer->pointers[1].length};
    size_t place_length = comparer->place.length;
    int status = weir__pointer_add(&comparer->place, shown, NULL);

    for (int side = 0; side < 2 && status == 0; side++)
        status = steps[side] != NULL
                     ? weir__pointer_add(&comparer->pointers[side], steps[side], NULL)
                     : 0;
    if (status < 0)
        status = out_of_memory(comparer);
    else
        status = compare_values(comparer, a, b, allowed);
    for (int side = 0; side < 2; side++)
        comparer->pointers[side].length = lengths[side];
    comparer->place.length = place_length;
    return status;
}

static int compare_objects(struct comparer *comparer, const json_t *a, const json_t *b,
                           struct allowed allowed)
{
    const char *name;
    json_t *member;
    int status = 0;

    json_object_foreach((json_t *)a, name, member)
    {
        const char *const steps[] = {name, name};

        if (status == 0)
            status =
                compare_below(comparer, member, json_object_get(b, name), steps, name, allowed);
    }
    json_object_foreach((json_t *)b, name, member)
    {
        const char *const steps[] = {name, name};

        if (status == 0 && json_object_get(a, name) == NULL)
            status = compare_below(comparer, NULL, member, steps, name, allowed);
    }
    return status;
}

/* Elements by what they are called: name -> index.  NULL where one has no name of its
 * own, or memory is short: then they go by their place. */
static json_t *index_by(const json_t *array, const char *member)
{
    json_t *index = json_object(), *element;
    size_t i;

    json_array_foreach((json_t *)array, i, element)
    {
        const char *name = json_string_value(json_object_get(element, member));

        if (name != NULL && json_object_get(index, name) == NULL
            && json_object_set_new(index, name, json_integer((json_int_t)i)) == 0)
            continue;
        json_decref(index);
        return NULL;
    }
    return index;
}

static const json_t *element_at(const json_t *array, const json_t *index)
{
    return index != NULL ? json_array_get(array, (size_t)json_integer_value(index)) : NULL;
}

static int compare_named(struct comparer *comparer, const json_t *a, const json_t *b,
                         const json_t *const names[2], struct allowed allowed)
{
    int status = 0;

    for (int side = 0; side < 2; side++) {
        const char *name;
        json_t *unused;

        json_object_foreach((json_t *)names[side], name, unused)
        {
            const json_t *left = json_object_get(names[0], name);
            const json_t *right = json_object_get(names[1], name);
            char places[2][24];
            const char *const steps[] = {left != NULL ? places[0] : NULL,
                                         right != NULL ? places[1] : NULL};

            if (status < 0 || (side == 1 && left != NULL))
                continue;
            snprintf(places[0], sizeof places[0], "%" JSON_INTEGER_FORMAT,
                     json_integer_value(left));
            snprintf(places[1], sizeof places[1], "%" JSON_INTEGER_FORMAT,
                     json_integer_value(right));
            status = compare_below(comparer, element_at(a, left), element_at(b, right), steps, name,
                                   allowed);
        }
    }
    return status;
}

static int compare_by_place(struct comparer *comparer, const json_t *a, const json_t *b,
                            struct allowed allowed)
{
    size_t left = json_array_size(a), right = json_array_size(b);
    int status = 0;

    for (size_t i = 0; i < (left > right ? left : right) && status == 0; i++) {
        char place[24];
        const char *const steps[] = {place, place};

        snprintf(place, sizeof place, "%zu", i);
        status = compare_below(comparer, json_array_get(a, i), json_array_get(b, i), steps, place,
                               allowed);
    }
    return status;
}

/* --- Lists of plain values ---------------------------------------------------------------- */

static bool are_scalars(const json_t *array)
{
    size_t i;
    json_t *element;

    json_array_foreach((json_t *)array, i,
                       element) if (json_is_object(element) || json_is_array(element)) return false;
    return true;
}

/* Counts the elements: canonical form -> how many. */
static int count_elements(json_t *counts, const json_t *array, int by)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        char *text = weir__canonical_text(json_array_get(array, i), NULL);
        json_int_t count =
            text != NULL ? json_integer_value(json_object_get(counts, text)) + by : 0;
        int failed = text == NULL || json_object_set_new(counts, text, json_integer(count)) < 0;

        free(text);
        if (failed)
            return -1;
    }
    return 0;
}

/* Tells the elements of array that counts has left over; side 0 has positive ones. */
static int compare_remaining(struct comparer *comparer, const json_t *array, json_t *counts,
                             int side, struct allowed allowed)
{
    int status = 0;

    for (size_t i = 0; i < json_array_size(array) && status == 0; i++) {
        const json_t *element = json_array_get(array, i);
        char *text = weir__canonical_text(element, NULL), place[24];
        json_int_t count = text != NULL ? json_integer_value(json_object_get(counts, text)) : 0;
        const char *const steps[] = {side == 0 ? place : NULL, side == 0 ? NULL : place};

        snprintf(place, sizeof place, "%zu", i);
        if (side == 0 ? count > 0 : count < 0) {
            status = json_object_set_new(counts, text, json_integer(count + (side == 0 ? -1 : 1)));
            if (status == 0)
                status = compare_below(comparer, side == 0 ? element : NULL,
                                       side == 0 ? NULL : element, steps, place, allowed);
        }
        free(text);
    }
    return status;
}

static int compare_lists(struct comparer *comparer, const json_t *a, const json_t *b,
                         struct allowed allowed)
{
    json_t *counts = json_object();
    size_t before = comparer->comparison->differences.length;
    int status =
        counts == NULL || count_elements(counts, a, 1) < 0 || count_elements(counts, b, -1) < 0
            ? out_of_memory(comparer)
            : 0;

    if (status == 0)
        status = compare_remaining(comparer, a, counts, 0, allowed);
    if (status == 0)
        status = compare_remaining(comparer, b, counts, 1, allowed);
    if (status == 0 && before == comparer->comparison->differences.length && !json_equal(a, b))
        status = add_difference(comparer, a, b, WEIR__DIFFERS_ORDER, allowed);
    json_decref(counts);
    return status;
}

static int compare_arrays(struct comparer *comparer, const json_t *a, const json_t *b,
                          struct allowed allowed)
{
    static const char *const members[] = {"name", "path", "executable"};

    if (are_scalars(a) && are_scalars(b))
        return compare_lists(comparer, a, b, allowed);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        json_t *const names[] = {index_by(a, members[i]), index_by(b, members[i])};
        int named = names[0] != NULL && names[1] != NULL, status = 0;

        if (named)
            status = compare_named(comparer, a, b, (const json_t *const *)names, allowed);
        json_decref(names[0]);
        json_decref(names[1]);
        if (named)
            return status;
    }
    return compare_by_place(comparer, a, b, allowed);
}

static int compare_values(struct comparer *comparer, const json_t *a, const json_t *b,
                          struct allowed above)
{
    struct allowed allowed = tolerance_at(comparer, a, above);

    if (json_is_object(a) && json_is_object(b))
        return compare_objects(comparer, a, b, allowed);
    if (json_is_array(a) && json_is_array(b))
        return compare_arrays(comparer, a, b, allowed);
    if (json_is_number(a) && json_is_number(b) && weir__decimal_compare(a, b) == 0)
        return 0;
    if (a != NULL && b != NULL && json_equal(a, b))
        return 0;
    return add_difference(comparer, a, b, kind_of(a, b), allowed);
}

/* --- The whole ------------------------------------------------------------------------------ */

static int by_weight(const void *left, const void *right)
{
    const struct weir__difference *a = left, *b = right;

    if (a->within != b->within)
        return a->within - b->within;
    if (a->weight != b->weight)
        return b->weight - a->weight;
    return strcmp(a->place, b->place);
}

size_t weir__comparison_count(const struct weir__comparison *comparison)
{
    return comparison->differences.length / sizeof(struct weir__difference);
}

const struct weir__difference *weir__comparison_at(const struct weir__comparison *comparison,
                                                   size_t index)
{
    return (const struct weir__difference *)(const void *)comparison->differences.bytes + index;
}

void weir__comparison_clear(struct weir__comparison *comparison)
{
    for (size_t i = 0; i < weir__comparison_count(comparison); i++) {
        free(weir__comparison_at(comparison, i)->place);
        free(weir__comparison_at(comparison, i)->allowed);
    }
    weir__buffer_clear(&comparison->differences);
    json_decref(comparison->documents[0]);
    json_decref(comparison->documents[1]);
    *comparison = (struct weir__comparison){0};
}

static int compare_sides(struct comparer *comparer, const struct weir__compared *const sides[2],
                         const struct weir__contract *contract)
{
    json_t **documents = comparer->comparison->documents;

    for (int i = 0; i < 2; i++) {
        if (contract != NULL && comparer->env != NULL) {
            comparer->tolerances[i] =
                weir__contract_differences(contract, sides[i]->report, comparer->error);
            if (comparer->tolerances[i] == NULL)
                return -1;
        }
        documents[i] = weir__compare_filter(sides[i], comparer->tolerances[i], comparer->env);
        if (documents[i] == NULL)
            return out_of_memory(comparer);
    }
    return compare_values(comparer, documents[0], documents[1], (struct allowed){NULL});
}

int weir__compare(struct weir__comparison *comparison, const struct weir__compared *a,
                  const struct weir__compared *b, const struct weir__contract *contract,
                  const char *env, struct weir_error *error)
{
    const struct weir__compared *const sides[] = {a, b};
    struct weir_error mine = {0};
    struct comparer comparer = {
        .comparison = comparison, .env = env, .error = error != NULL ? error : &mine};
    int status;

    *comparison = (struct weir__comparison){0};
    status = compare_sides(&comparer, sides, contract);
    if (status == 0 && weir__comparison_count(comparison) > 0)
        qsort(comparison->differences.bytes, weir__comparison_count(comparison),
              sizeof(struct weir__difference), by_weight);
    for (int i = 0; i < 2; i++) {
        weir__buffer_clear(&comparer.pointers[i]);
        json_decref(comparer.tolerances[i]);
    }
    weir__buffer_clear(&comparer.place);
    if (status == 0)
        return 0;
    weir__comparison_clear(comparison);
    return (int)comparer.error->status;
}

static json_t *difference_json(const struct weir__difference *difference)
{
    json_t *object =
        json_pack("{s:s, s:s, s:i, s:b, s:s?}", "place", difference->place, "kind",
                  weir__difference_name(difference->kind), "weight", difference->weight, "within",
                  difference->within, "allowed", difference->allowed);

    if (difference->a != NULL)
        weir__tree_set(&object, "a", json_incref((json_t *)difference->a));
    if (difference->b != NULL)
        weir__tree_set(&object, "b", json_incref((json_t *)difference->b));
    return object;
}

json_t *weir__comparison_json(const struct weir__comparison *comparison, const char *env)
{
    json_t *list = json_array();

    for (size_t i = 0; i < weir__comparison_count(comparison); i++)
        weir__tree_append(&list, difference_json(weir__comparison_at(comparison, i)));
    return json_pack("{s:i, s:s, s:b, s:I, s:I, s:s?, s:o}", "weir", 1, "kind", "comparison", "ok",
                     comparison->beyond == 0, "beyond", (json_int_t)comparison->beyond, "within",
                     (json_int_t)comparison->within, "env", env, "differences", list);
}
