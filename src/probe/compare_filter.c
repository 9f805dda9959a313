#include "config.h"

#include "probe/compare_filter.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/json_tree.h"
#include "schema/schema.h"
#include "schema/schema_value.h"

/* One report on its way. */
struct pruner {
    const json_t *tolerances;
    const char *env;
    struct weir__buffer pointer;
    int failed; /* memory is short */
};

static json_t *prune(struct pruner *pruner, const json_t *value, const json_t *essence);

const json_t *weir__compare_notes(const json_t *tolerances, const char *pointer, const char *env)
{
    const json_t *notes = pointer != NULL ? json_object_get(tolerances, pointer) : NULL;

    for (size_t i = 0; i < json_array_size(notes); i++)
        if (json_object_get(json_array_get(notes, i), env) != NULL)
            return notes;
    return NULL;
}

/* Whether there is more than places kept free. */
static bool holds_any(const json_t *pruned)
{
    for (size_t i = 0; i < json_array_size(pruned); i++)
        if (!json_is_null(json_array_get(pruned, i)))
            return true;
    return json_object_size(pruned) > 0;
}

static json_t *prune_below(struct pruner *pruner, const json_t *value, const json_t *essence,
                           const char *step)
{
    size_t length = pruner->pointer.length;
    json_t *pruned = NULL;

    if (weir__pointer_add(&pruner->pointer, step, NULL) == 0)
        pruned = prune(pruner, value, essence);
    else
        pruner->failed = 1;
    pruner->pointer.length = length;
    return pruned;
}

static json_t *prune_object(struct pruner *pruner, const json_t *value, const json_t *essence)
{
    json_t *pruned = json_object(), *member;
    const char *name;

    json_object_foreach((json_t *)value, name, member)
    {
        json_t *kept = prune_below(pruner, member, json_object_get(essence, name), name);

        if (kept != NULL)
            weir__tree_set(&pruned, name, kept);
    }
    pruner->failed |= pruned == NULL;
    return pruned;
}

static json_t *prune_array(struct pruner *pruner, const json_t *value, const json_t *essence)
{
    json_t *pruned = json_array(), *element;
    size_t index;

    json_array_foreach((json_t *)value, index, element)
    {
        char place[24];
        json_t *kept;

        snprintf(place, sizeof place, "%zu", index);
        kept = prune_below(pruner, element, json_array_get(essence, index), place);
        weir__tree_append(&pruned, kept != NULL ? kept : json_null());
    }
    pruner->failed |= pruned == NULL;
    return pruned;
}

static json_t *prune(struct pruner *pruner, const json_t *value, const json_t *essence)
{
    const char *pointer = weir__buffer_text(&pruner->pointer);
    json_t *pruned;

    if (weir__compare_notes(pruner->tolerances, pointer, pruner->env) != NULL)
        return json_incref((json_t *)(essence != NULL ? essence : value));
    if (json_is_object(value) && (essence == NULL || json_is_object(essence)))
        pruned = prune_object(pruner, value, essence);
    else if (json_is_array(value) && (essence == NULL || json_is_array(essence)))
        pruned = prune_array(pruner, value, essence);
    else
        return json_incref((json_t *)essence);
    pruner->failed |= pointer == NULL || pruned == NULL;
    if (essence != NULL || holds_any(pruned))
        return pruned;
    json_decref(pruned);
    return NULL;
}

json_t *weir__compare_filter(const struct weir__compared *side, const json_t *tolerances,
                             const char *env)
{
    struct pruner pruner = {.tolerances = tolerances, .env = env};
    json_t *pruned;

    if (side->essence == NULL)
        return json_incref((json_t *)side->report);
    pruned = prune(&pruner, side->report, side->essence);
    weir__buffer_clear(&pruner.pointer);
    if (!pruner.failed)
        return pruned;
    json_decref(pruned);
    return NULL;
}
