/* map/checkpoint.h - go on where a killed map left off.
 *
 * The file says how far the input is settled and how long the output and the
 * dead letters were then: what lies behind is cut off and done again.  It is
 * written only after what it speaks of is on the disk, and is whole or old:
 * written beside, synced, renamed.  It names the input and the work, so that a
 * changed one is refused.
 *
 * It is locked for as long as a map works with it, and so is the output: with
 * one that is being worked on another map is refused.  So that there is something
 * to lock, a map that finds no file makes an empty one, which says nothing.
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
    int is_new; /* we made it, and nothing is saved yet */
    int resumes, was_finished;
    uint64_t output_length, letters_length; /* of what it speaks of */
    uint64_t *ahead;                        /* settled out of order, ascending */
    size_t ahead_count;
    char *first; /* what is saved before the first letter is written; NULL: something is saved */
    int64_t save_again_ns;
    uint64_t settled_saved; /* records settled when it was last saved, and one */
};

/* Locks the file and reads it, if there is one, and looks whether it is of this
 * input and this work: else the map ends with status 6.  The input is open;
 * nothing is touched.  Errors: INVALID (the input or the checkpoint is no regular
 * file), SYSTEM, NOMEM. */
int weir__checkpoint_load(struct weir_map *map, struct weir_error *error);

/* Opens a file of a run with a checkpoint, with what an earlier run wrote.  Returns a descriptor,
 * or -1 with errno; a missing file that the checkpoint names ends the map with status 6. */
int weir__checkpoint_open(struct weir_map *map, const char *path);

/* Locks the output, cuts it and the letters, and sets the map to go on from
 * there, or from the beginning.  Errors: INVALID (the output is no regular
 * file), SYSTEM. */
int weir__checkpoint_resume(struct weir_map *map, struct weir_error *error);

/* Gives the lock back; an empty file that we made goes. */
void weir__checkpoint_close(struct weir_map *map);

/* Whether the last save is some time ago; if so, the next one is due later. */
int weir__checkpoint_is_due(struct weir_map *map, int64_t now_ns);

/* Whether there is something to save.  finished: nothing is left to do. */
int weir__checkpoint_is_stale(const struct weir_map *map, int finished);

/* Saves what is done, which is written out.  What fails ends the map. */
void weir__checkpoint_save(struct weir_map *map, int finished);

/* Before the first letter is written: saves how long their file was then.  Returns 0, or an
 * errno. */
int weir__checkpoint_vouch(struct weir_map *map);

/* Whether the record was settled in an earlier run, out of order. */
int weir__checkpoint_has(const struct weir_map *map, uint64_t seq);

/* checkpoint_identity.c: says what the input, which is this file, and the work are. */
void weir__checkpoint_identify(struct weir_map *map, const struct stat *file);

#endif
