/* map/checkpoint.h - resume where a killed map stopped.
 *
 * The file says up to where the input is settled, and how long the output and the dead letters
 * were then: anything after that is cut off and redone.  It is written only once what it
 * describes is on disk, and atomically: written under another name, synced, renamed.  It
 * identifies the input and the work, so that a changed one is refused.
 *
 * It is locked while a map uses it, and so is the output: another map is refused.  A map that
 * finds no file creates an empty one to lock; it means that nothing has been done.
 */
#ifndef WEIR_MAP_CHECKPOINT_H
#define WEIR_MAP_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

struct stat;
struct weir_map;

struct weir__checkpoint {
    char input_identity[128], work_identity[24];
    int fd;     /* of the file, locked */
    int is_new; /* created by this map, nothing saved yet */
    int resumes, was_finished;
    uint64_t output_length, letters_length; /* as described by the file */
    uint64_t *ahead;                        /* settled out of order, ascending */
    size_t ahead_count;
    char *first; /* to save before the first dead letter; NULL: already saved */
    int64_t save_again_ns;
    uint64_t settled_saved; /* records settled at the last save, plus one */
};

/* Locks and reads the file, if there is one, and checks that it belongs to this input and work;
 * otherwise the map ends with status 6. The input is open; nothing is changed. Errors: INVALID
 * (the input or the checkpoint is not a regular file), SYSTEM, NOMEM. */
int weir__checkpoint_load(struct weir_map *map, struct weir_error *error);

/* Opens a file of a run with a checkpoint, with what an earlier run wrote. Returns a descriptor,
 * or -1 with errno; a missing file that the checkpoint names ends the map with status 6. */
int weir__checkpoint_open(struct weir_map *map, const char *path);

/* Locks the output, truncates it and the dead letters, and sets the map to continue from there,
 * or from the beginning. Errors: INVALID (the output is not a regular file), SYSTEM. */
int weir__checkpoint_resume(struct weir_map *map, struct weir_error *error);

/* Releases the lock, and removes an empty file created by this map. */
void weir__checkpoint_close(struct weir_map *map);

/* Whether the last save is some time ago; if so, moves the time of the next one. */
int weir__checkpoint_is_due(struct weir_map *map, int64_t now_ns);

/* Whether there is something to save. finished: nothing is left to do. */
int weir__checkpoint_is_stale(const struct weir_map *map, int finished);

/* Saves the state; all outputs must have been flushed. A failure ends the map. */
void weir__checkpoint_save(struct weir_map *map, int finished);

/* Called before the first dead letter is written: saves the length of their file. Returns 0 or
 * an errno value. */
int weir__checkpoint_save_first(struct weir_map *map);

/* Whether an earlier run settled the record out of order. */
int weir__checkpoint_has(const struct weir_map *map, uint64_t seq);

/* checkpoint_identity.c: describes the input (this file) and the work. */
void weir__checkpoint_identify(struct weir_map *map, const struct stat *file);

#endif
