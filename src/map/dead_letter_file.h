/* map/dead_letter_file.h - the file for a map's dead letters.
 *
 * Several maps may share it: every partition of a Spark job and every task of an array has the
 * same command.  So letters are appended, each whole, under the file's lock, and existing
 * contents are never removed.  A FIFO is opened and written while the map runs.
 *
 * With a checkpoint the file belongs to one map: it is locked for the whole run, and what
 * follows the checkpoint is cut off and redone.
 */
#ifndef WEIR_MAP_DEAD_LETTER_FILE_H
#define WEIR_MAP_DEAD_LETTER_FILE_H

#include <stdint.h>

#include "base/buffer.h"

struct weir_map;

struct weir__dead_letter_file {
    struct weir__buffer waiting; /* whole letters to write */
    int fd;                      /* -1: not open */
    int is_regular, failed;
    int is_awaited;          /* a FIFO without a reader yet */
    int64_t locked_since_ns; /* another process holds the lock; 0: none */
    uint64_t length;         /* of the file; with a checkpoint */
};

/* Expands %p (process), %h (host), %n (task) and %% in the name. The caller owns *path. Errors:
 * INVALID, NOMEM. */
int weir__dead_letter_path(const char *pattern, char **path, struct weir_error *error);

/* Opens the file, if there is to be one, and locks it with a checkpoint. Also returns 0 if that
 * ends the map with status 6. Errors: SYSTEM, INVALID (another map has it). */
int weir__dead_letters_open(struct weir_map *map, struct weir_error *error);

/* Writes what can be written now; a failure ends the map. */
void weir__dead_letters_flush(struct weir_map *map);

/* Whether no letters are pending, and no FIFO still waits for a reader. */
int weir__dead_letters_are_written(const struct weir_map *map);

void weir__dead_letters_close(struct weir_map *map);

#endif
