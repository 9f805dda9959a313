/* map/map_input.h - where a map's records come from. */
#ifndef WEIR_MAP_MAP_INPUT_H
#define WEIR_MAP_MAP_INPUT_H

#include <stdint.h>

#include "map/record_queue.h"
#include "loop/loop.h"

struct weir_map;

struct weir__map_input {
    int fd;
    int64_t size;       /* of a regular file; -1: it is none */
    weir__watch *watch; /* NULL: a file, always ready */
    int is_wanted;      /* there was nothing to read, and records were wanted */
    struct weir__records records;
    struct weir__record *unsent; /* taken out, and no lane had room */
    struct weir__queue returned; /* given to a worker that did not begin: they go out first */
    size_t turn_bytes;           /* read in this turn of the loop */
    int is_behind;               /* that was enough for a turn: there may be more */
};

/* Errors: SYSTEM. */
int weir__map_input_open(struct weir_map *map, struct weir_error *error);
void weir__map_input_close(struct weir_map *map);

/* The next record for a worker: 1, or 0 when there is none now.  What no worker may see
 * is buried here, and what an earlier run has settled is passed over.  While the output
 * or what waits in order is full there is none. */
int weir__map_input_take(struct weir_map *map, struct weir__record **record);

/* Whether there is one now. */
int weir__map_input_has(struct weir_map *map);

/* Whether there never will be. */
int weir__map_input_is_over(const struct weir_map *map);

/* A turn of the loop begins: so much may be read in it and no more, or input without end and
 * without a record would leave no time for anything else. */
void weir__map_input_turn(struct weir_map *map);

/* Waits for more where it is wanted; not while asleep, so that there is more of it. */
void weir__map_input_await(struct weir_map *map, int asleep);

#endif
