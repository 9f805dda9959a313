/* map/map_output.h - the destination of a map's outcomes: replies go to the output, dead letters
 * to their file. */
#ifndef WEIR_MAP_MAP_OUTPUT_H
#define WEIR_MAP_MAP_OUTPUT_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/atomic_file.h"
#include "map/dead_letter_file.h"
#include "loop/loop.h"

struct weir_map;

enum {
    WEIR__OUTPUT_FULL = 256 * 1024
}; /* no more replies are taken with this many bytes
    * unwritten */

struct weir__map_output {
    struct weir__buffer replies;   /* to write */
    size_t written;                /* of replies */
    uint64_t sent;                 /* bytes of both written */
    int fd, is_shared, failed;     /* is_shared: others have the description, it stays blocking */
    weir__watch *watch;            /* NULL: a file, always ready */
    struct weir__atomic_file file; /* replaced as a whole at the end, or not at all; fd -1: none */
    struct weir__dead_letter_file letters;
};

/* Opens both. Files written by an earlier run keep their contents; a missing one ends the map
 * with status 6. Errors: SYSTEM. */
int weir__map_output_open(struct weir_map *map, struct weir_error *error);
void weir__map_output_close(struct weir_map *map);

/* Writes what can be written now; a failure ends the map. */
void weir__map_output_flush(struct weir_map *map);

/* Whether too much waits for a slow reader to take more. */
int weir__map_output_is_full(const struct weir_map *map);
int weir__map_output_is_empty(const struct weir_map *map);

#endif
