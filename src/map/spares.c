#include "config.h"

#include "map/spares.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEP = 16, /* sizes are multiples of this */
    KEPT_BYTES = 4 * 1024 * 1024,
};

/* Which list has blocks of this size; WEIR__SPARE_SIZES: none. */
static size_t list_of(size_t size)
{
    size_t steps = size / STEP;

    return steps < WEIR__SPARE_SIZES ? steps : WEIR__SPARE_SIZES;
}

/* A spare block begins with the address of the next one. */
static void *next_of(const void *block)
{
    void *next;

    memcpy(&next, block, sizeof next);
    return next;
}

void *weir__spares_take(struct weir__spares *spares, size_t size)
{
    size_t list = list_of(size);
    void *block;

    if (list == WEIR__SPARE_SIZES)
        return malloc(size);
    block = spares->first[list];
    if (block == NULL)
        return malloc((list + 1) * STEP);
    spares->first[list] = next_of(block);
    spares->bytes -= (list + 1) * STEP;
    return block;
}

void weir__spares_give(struct weir__spares *spares, void *block, size_t size)
{
    size_t list = list_of(size);

    if (list == WEIR__SPARE_SIZES || spares->bytes >= KEPT_BYTES) {
        free(block);
        return;
    }
    spares->bytes += (list + 1) * STEP;
    memcpy(block, &spares->first[list], sizeof spares->first[list]);
    spares->first[list] = block;
}

void weir__spares_clear(struct weir__spares *spares)
{
    for (size_t i = 0; i < WEIR__SPARE_SIZES; i++) {
        while (spares->first[i] != NULL) {
            void *block = spares->first[i];

            spares->first[i] = next_of(block);
            free(block);
        }
    }
    spares->bytes = 0;
}
