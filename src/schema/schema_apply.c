/* Keywords that apply other schemas, to parts of the value or to the value itself. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "schema/schema_check.h"
#include "schema/schema_keywords.h"

static int apply_below(struct run *run, const struct node *node, const json_t *value,
                       const struct place *above, const char *key, size_t index)
{
    struct place place = {above, key, index, above->depth + 1};

    return weir__node_apply(run, node, value, &place);
}

/* --- Objects ------------------------------------------------------------------------ */

int weir__apply_properties(struct run *run, const struct check *check, const json_t *value,
                           const struct place *place)
{
    for (size_t i = 0; i < check->sub_count; i++) {
        const struct sub *sub = &check->subs[i];
        const json_t *member = json_object_get(value, sub->key);

        if (member != NULL && apply_below(run, sub->node, member, place, sub->key, 0) < 0)
            return -1;
    }
    return 0;
}

int weir__apply_pattern_properties(struct run *run, const struct check *check, const json_t *value,
                                   const struct place *place)
{
    const char *name;
    json_t *member;

    json_object_foreach((json_t *)value, name, member)
    {
        for (size_t i = 0; i < check->sub_count; i++) {
            int matches = weir__run_search(run, check->subs[i].pattern, name, strlen(name));

            if (matches > 0)
                matches = apply_below(run, check->subs[i].node, member, place, name, 0);
            if (matches < 0)
                return -1;
        }
    }
    return 0;
}

/* Whether a name is neither in properties nor matched.  Returns -1 on an error. */
static int is_additional(struct run *run, const struct check *properties,
                         const struct check *patterns, const char *name)
{
    if (properties != NULL && json_object_get(properties->value, name) != NULL)
        return 0;
    for (size_t i = 0; patterns != NULL && i < patterns->sub_count; i++) {
        int matches = weir__run_search(run, patterns->subs[i].pattern, name, strlen(name));

        if (matches != 0)
            return matches < 0 ? -1 : 0;
    }
    return 1;
}

int weir__apply_additional_properties(struct run *run, const struct check *check,
                                      const json_t *value, const struct place *place)
{
    const struct check *properties = weir__node_check(check->node, "properties");
    const struct check *patterns = weir__node_check(check->node, "patternProperties");
    const char *name;
    json_t *member;

    json_object_foreach((json_t *)value, name, member)
    {
        int status = is_additional(run, properties, patterns, name);

        if (status > 0)
            status = apply_below(run, check->subs[0].node, member, place, name, 0);
        if (status < 0)
            return -1;
    }
    return 0;
}

int weir__apply_property_names(struct run *run, const struct check *check, const json_t *value,
                               const struct place *place)
{
    const char *name;
    json_t *member;

    json_object_foreach((json_t *)value, name, member)
    {
        json_t *text = json_string(name);
        int holds = text != NULL
                        ? weir__node_holds(run, check->subs[0].node, text, place, NULL)
                        : weir__fail(run->error, WEIR_ERR_NOMEM, 0, "no memory for a name");

        json_decref(text);
        if (holds == 0)
            holds = weir__run_report(run, check, place,
                                     "has a member \"%.100s\", whose name is not allowed", name);
        if (holds < 0)
            return -1;
    }
    return 0;
}

int weir__apply_dependent_schemas(struct run *run, const struct check *check, const json_t *value,
                                  const struct place *place)
{
    for (size_t i = 0; i < check->sub_count; i++)
        if (json_object_get(value, check->subs[i].key) != NULL
            && weir__node_apply(run, check->subs[i].node, value, place) < 0)
            return -1;
    return 0;
}

/* --- Arrays -------------------------------------------------------------------------- */

int weir__apply_prefix_items(struct run *run, const struct check *check, const json_t *value,
                             const struct place *place)
{
    for (size_t i = 0; i < check->sub_count && i < json_array_size(value); i++)
        if (apply_below(run, check->subs[i].node, json_array_get(value, i), place, NULL, i) < 0)
            return -1;
    return 0;
}

int weir__apply_items(struct run *run, const struct check *check, const json_t *value,
                      const struct place *place)
{
    const struct check *prefix = weir__node_check(check->node, "prefixItems");

    for (size_t i = prefix != NULL ? prefix->sub_count : 0; i < json_array_size(value); i++)
        if (apply_below(run, check->subs[0].node, json_array_get(value, i), place, NULL, i) < 0)
            return -1;
    return 0;
}

int weir__apply_contains(struct run *run, const struct check *check, const json_t *value,
                         const struct place *place)
{
    const struct check *least = weir__node_check(check->node, "minContains");
    const struct check *most = weir__node_check(check->node, "maxContains");
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(value); i++) {
        struct place element = {place, NULL, i, place->depth + 1};
        int holds =
            weir__node_holds(run, check->subs[0].node, json_array_get(value, i), &element, NULL);

        if (holds < 0)
            return -1;
        count += (size_t)holds;
    }
    if (count < (least != NULL ? least->number : 1))
        return weir__run_report(
            run, least != NULL ? least : check, place,
            "has %zu elements that match \"contains\" but must have at least %zu", count,
            least != NULL ? least->number : 1);
    if (most != NULL && count > most->number)
        return weir__run_report(run, most, place,
                                "has %zu elements that match \"contains\" but may have at most "
                                "%zu",
                                count, most->number);
    return 0;
}

/* --- The same value again -------------------------------------------------------------- */

int weir__apply_ref(struct run *run, const struct check *check, const json_t *value,
                    const struct place *place)
{
    return weir__node_apply(run, check->subs[0].node, value, place);
}

int weir__apply_all_of(struct run *run, const struct check *check, const json_t *value,
                       const struct place *place)
{
    for (size_t i = 0; i < check->sub_count; i++)
        if (weir__node_apply(run, check->subs[i].node, value, place) < 0)
            return -1;
    return 0;
}

/* Of alternatives that all fail, the one whose findings lie deepest is most likely the intended
 * one. */
static bool is_nearer(const struct found *a, const struct found *b)
{
    return a->deepest != b->deepest ? a->deepest > b->deepest : a->count < b->count;
}

/* Counts the alternatives that match, and finds the nearest. Returns -1 on an error. */
static int count_alternatives(struct run *run, const struct check *check, const json_t *value,
                              const struct place *place, size_t *nearest, struct found *best)
{
    int count = 0;

    for (size_t i = 0; i < check->sub_count; i++) {
        struct found found;
        int holds = weir__node_holds(run, check->subs[i].node, value, place, &found);

        if (holds < 0)
            return -1;
        count += holds;
        if (holds == 0 && (best->count == 0 || is_nearer(&found, best))) {
            *best = found;
            *nearest = i;
        }
    }
    return count;
}

static int report_no_alternative(struct run *run, const struct check *check, const json_t *value,
                                 const struct place *place, size_t nearest,
                                 const struct found *best)
{
    if (check->sub_count > 1
        && weir__run_report(
               run, check, place,
               "matches none of %zu alternatives; number %zu is the nearest and fails as follows",
               check->sub_count, nearest + 1)
               < 0)
        return -1;
    if (run->quiet == 0)
        return weir__node_apply(run, check->subs[nearest].node, value, place);
    run->failed++;
    if (run->deepest < best->deepest)
        run->deepest = best->deepest;
    return 0;
}

int weir__apply_any_of(struct run *run, const struct check *check, const json_t *value,
                       const struct place *place)
{
    struct found best = {0};
    size_t nearest = 0;
    int count = count_alternatives(run, check, value, place, &nearest, &best);

    if (count != 0)
        return count < 0 ? -1 : 0;
    return report_no_alternative(run, check, value, place, nearest, &best);
}

int weir__apply_one_of(struct run *run, const struct check *check, const json_t *value,
                       const struct place *place)
{
    struct found best = {0};
    size_t nearest = 0;
    int count = count_alternatives(run, check, value, place, &nearest, &best);

    if (count == 0)
        return report_no_alternative(run, check, value, place, nearest, &best);
    if (count > 1)
        return weir__run_report(run, check, place,
                                "matches %d of %zu alternatives but must match exactly one", count,
                                check->sub_count);
    return count < 0 ? -1 : 0;
}

int weir__apply_not_(struct run *run, const struct check *check, const json_t *value,
                     const struct place *place)
{
    int holds = weir__node_holds(run, check->subs[0].node, value, place, NULL);

    if (holds <= 0)
        return holds;
    return weir__run_report(run, check, place, "matches what \"not\" forbids");
}

int weir__apply_if(struct run *run, const struct check *check, const json_t *value,
                   const struct place *place)
{
    int holds = weir__node_holds(run, check->subs[0].node, value, place, NULL);
    const struct check *next =
        holds < 0 ? NULL : weir__node_check(check->node, holds ? "then" : "else");

    if (holds < 0)
        return -1;
    return next != NULL ? weir__node_apply(run, next->subs[0].node, value, place) : 0;
}
