/* map/spares.h - small blocks of memory that are used again and again, by their sizes.
 *
 * No more than 4 MiB are kept: blocks of one size must not be lacking for another. */
#ifndef WEIR_MAP_SPARES_H
#define WEIR_MAP_SPARES_H

#include <stddef.h>

enum { WEIR__SPARE_SIZES = 64 };

/* All zero is empty. */
struct weir__spares {
    void *first[WEIR__SPARE_SIZES];
    size_t bytes; /* of all that are kept */
};

/* Returns a block of at least this size; NULL: no memory. */
void *weir__spares_take(struct weir__spares *spares, size_t size);

/* Gives a block back that was taken with the same size. */
void weir__spares_give(struct weir__spares *spares, void *block, size_t size);

/* Frees the spare blocks. */
void weir__spares_clear(struct weir__spares *spares);

#endif
