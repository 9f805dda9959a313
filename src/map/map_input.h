/* map/map_input.h - the source of a map's records. */
#ifndef WEIR_MAP_MAP_INPUT_H
#define WEIR_MAP_MAP_INPUT_H

#include <stdint.h>

#include "map/record_queue.h"
#include "loop/loop.h"

struct weir_map;

struct weir__map_input {
    int fd;
    int64_t size;       /* of a regular file; otherwise -1 */
    weir__watch *watch; /* NULL: a file, always ready */
    int is_wanted;      /* records were wanted, but there was nothing to read */
    struct weir__record_reader reader;
    struct weir__record *unsent;        /* taken out, but no worker had room */
    struct weir__record_queue returned; /* given to a worker that did not begin: sent first */
    size_t turn_bytes;                  /* read in this turn of the loop */
    int is_behind;                      /* the limit for this turn was reached: there may be more */
};

/* Errors: SYSTEM. */
int weir__map_input_open(struct weir_map *map, struct weir_error *error);
void weir__map_input_close(struct weir_map *map);

/* Takes the next record for a worker: 1, or 0 if there is none now. Records that no worker may
 * get become dead letters here; those settled by an earlier run are skipped. None while the
 * output or the reorder buffer is full. */
int weir__map_input_take(struct weir_map *map, struct weir__record **record);

/* Whether there is one now. */
int weir__map_input_has(struct weir_map *map);

/* Whether there will never be another. */
int weir__map_input_is_over(const struct weir_map *map);

/* Starts a turn of the loop, which limits how much is read: endless input without a record would
 * leave no time for anything else. */
void weir__map_input_turn(struct weir_map *map);

/* Waits for more if it is wanted; not while asleep, so that more arrives at once. */
void weir__map_input_await(struct weir_map *map, int asleep);

#endif
