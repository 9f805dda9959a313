/* flow/checkpoint.h - go on where a killed map left off.
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
#ifndef WEIR_FLOW_CHECKPOINT_H
#define WEIR_FLOW_CHECKPOINT_H

#include <stdint.h>

#include <weir/error.h>

struct weir_map;

/* Locks the file and reads it, if there is one, and looks whether it is of this
 * input and this work: else the map ends with status 6.  The input is open;
 * nothing is touched.  Errors: INVALID (the input or the checkpoint is no regular
 * file), SYSTEM, NOMEM. */
int weir__checkpoint_load(struct weir_map *map, struct weir_error *error);

/* Opens the output or the dead letters as they stand.  Returns a descriptor, or -1
 * with errno; one that an earlier run wrote and that is gone ends the map with
 * status 6. */
int weir__checkpoint_open(struct weir_map *map, const char *path);

/* Locks the output, cuts it and the letters, and sets the map to go on from
 * there, or from the beginning.  Errors: INVALID (the output is no regular
 * file), SYSTEM. */
int weir__checkpoint_resume(struct weir_map *map, struct weir_error *error);

/* Gives the lock back; an empty file that we made goes. */
void weir__checkpoint_close(struct weir_map *map);

/* Writes the file.  finished: nothing is left to do, and status is what came of
 * it.  Returns 0, or an errno. */
int weir__checkpoint_save(struct weir_map *map, int finished, int status);

/* Whether the record was settled in an earlier run, out of order. */
int weir__checkpoint_has(const struct weir_map *map, uint64_t seq);

#endif
