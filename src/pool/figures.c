#include "config.h"

#include "pool/figures.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 32, METHODS_MAX = 4096 };

#define US INT64_C(1000)
#define MS (1000 * US)
#define S  (1000 * MS)

const int64_t weir__times_bounds_ns[WEIR__TIMES_BOUNDS] = {
    100 * US, 250 * US,  500 * US, 1 * MS,    2500 * US, 5 * MS,   10 * MS,
    25 * MS,  50 * MS,   75 * MS,  100 * MS,  250 * MS,  500 * MS, 750 * MS,
    1 * S,    2500 * MS, 5 * S,    7500 * MS, 10 * S,
};

void weir__times_add(struct weir__times *times, int64_t ns)
{
    size_t i = 0;

    while (i < WEIR__TIMES_BOUNDS && ns > weir__times_bounds_ns[i])
        i++;
    times->buckets[i]++;
    times->sum_ns += ns > 0 ? (uint64_t)ns : 0;
}

void weir__figures_begin(struct weir__figures *figures)
{
    *figures = (struct weir__figures){.others = {.name = ""}};
}

void weir__figures_clear(struct weir__figures *figures)
{
    for (size_t i = 0; i < figures->slot_count; i++)
        free(figures->slots[i]);
    free(figures->slots);
    figures->slots = NULL;
    figures->slot_count = figures->count = 0;
}

/* FNV-1a */
static size_t hash(const char *name)
{
    uint64_t value = UINT64_C(14695981039346656037);

    for (; *name != '\0'; name++)
        value = (value ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return (size_t)(value ^ (value >> 32));
}

/* The slot that has the name, or where it belongs.  Some slot is free. */
static struct weir__method_figures **find(struct weir__method_figures **slots, size_t count,
                                          const char *name)
{
    size_t i = hash(name) & (count - 1);

    while (slots[i] != NULL && strcmp(slots[i]->name, name) != 0)
        i = (i + 1) & (count - 1);
    return &slots[i];
}

static int grow(struct weir__figures *figures)
{
    size_t count = figures->slot_count > 0 ? figures->slot_count * 2 : FIRST_SLOTS;
    struct weir__method_figures **slots = calloc(count, sizeof(struct weir__method_figures *));

    if (slots == NULL)
        return WEIR_ERR_NOMEM;
    for (size_t i = 0; i < figures->slot_count; i++)
        if (figures->slots[i] != NULL)
            *find(slots, count, figures->slots[i]->name) = figures->slots[i];
    free(figures->slots);
    figures->slots = slots;
    figures->slot_count = count;
    return 0;
}

struct weir__method_figures *weir__figures_of(struct weir__figures *figures, const char *name)
{
    size_t length = strlen(name) + 1;
    struct weir__method_figures *made, **slot;

    if (figures->slot_count > 0) {
        slot = find(figures->slots, figures->slot_count, name);
        if (*slot != NULL)
            return *slot;
    }
    if (figures->count >= METHODS_MAX
        || (figures->count * 2 >= figures->slot_count && grow(figures) < 0))
        return &figures->others;
    made = calloc(1, sizeof *made + length);
    if (made == NULL)
        return &figures->others;
    made->name = memcpy(made + 1, name, length);
    *find(figures->slots, figures->slot_count, name) = made;
    figures->count++;
    return made;
}

void weir__figures_count(struct weir__method_figures *method, enum weir_outcome outcome,
                         int64_t wall_ns)
{
    method->outcomes[outcome]++;
    weir__times_add(&method->times, wall_ns);
    weir__histogram_add(&method->latency, wall_ns);
}

uint64_t weir__figures_calls(const struct weir__method_figures *method)
{
    uint64_t calls = 0;

    for (size_t i = 0; i < WEIR__OUTCOMES; i++)
        calls += method->outcomes[i];
    return calls;
}

const struct weir__method_figures *weir__figures_next(const struct weir__figures *figures,
                                                      size_t *at)
{
    while (*at < figures->slot_count) {
        const struct weir__method_figures *method = figures->slots[(*at)++];

        if (method != NULL)
            return method;
    }
    if (*at > figures->slot_count || weir__figures_calls(&figures->others) == 0)
        return NULL;
    ++*at;
    return &figures->others;
}
