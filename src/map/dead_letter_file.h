/* map/dead_letter_file.h - the file that a map's dead letters go to.
 *
 * Many maps may have the same one: every partition of a Spark job, every task of an array has
 * the same command.  So letters are appended, each whole, under the file's lock, and nothing
 * that is there is ever removed.  A FIFO is waited for, and written to, while the map runs.
 *
 * With a checkpoint the file is the map's alone: it is locked for the whole run, and what lies
 * behind the checkpoint is cut off and done again.
 */
#ifndef WEIR_MAP_DEAD_LETTER_FILE_H
#define WEIR_MAP_DEAD_LETTER_FILE_H

#include <stdint.h>

#include "base/buffer.h"

struct weir_map;

struct weir__letter_file {
    struct weir__buffer waiting; /* whole letters, to be written */
    int fd;                      /* -1: not open */
    int is_regular, failed;
    int is_awaited; /* it is a FIFO that nobody reads yet */
    int64_t locked_since_ns; /* another process has the lock; 0: none has */
    uint64_t length;         /* with a checkpoint: of the file */
};

/* Fills in the name's %p (process), %h (host), %n (task) and %%.  The caller owns *path.
 * Errors: INVALID, NOMEM. */
int weir__letter_path(const char *pattern, char **path, struct weir_error *error);

/* Opens the file, where there is to be one; and locks it, with a checkpoint.  Where that ends the
 * map with status 6, it returns 0.  Errors: SYSTEM, INVALID (another map has it). */
int weir__letters_open(struct weir_map *map, struct weir_error *error);

/* Writes what can be written now; what fails ends the map. */
void weir__letters_flush(struct weir_map *map);

/* Whether nothing waits: neither letters, nor a reader of a FIFO for its end. */
int weir__letters_are_written(const struct weir_map *map);

void weir__letters_close(struct weir_map *map);

#endif
