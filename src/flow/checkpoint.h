/* flow/checkpoint.h - go on where a killed map left off.
 *
 * The file says how far the input is settled and how long the output and the
 * dead letters were then: what lies behind is cut off and done again.  It is
 * written only after what it speaks of is on the disk, and is whole or old:
 * written beside, synced, renamed.  It names the input and the work, so that a
 * changed one is refused.
 */
#ifndef WEIR_FLOW_CHECKPOINT_H
#define WEIR_FLOW_CHECKPOINT_H

#include <stdint.h>

#include <weir/error.h>

struct weir_map;

/* Reads the file, if there is one, and looks whether it is of this input and
 * this work: else the map ends with status 6.  The input is open; nothing is
 * touched.  Errors: INVALID (the input is no regular file), SYSTEM, NOMEM. */
int weir__checkpoint_load(struct weir_map *map, struct weir_error *error);

/* Locks the output, cuts it and the letters, and sets the map to go on from
 * there, or from the beginning.  Errors: INVALID (the output is no regular
 * file), SYSTEM. */
int weir__checkpoint_resume(struct weir_map *map, struct weir_error *error);

/* Writes the file.  finished: nothing is left to do, and status is what came of
 * it.  Returns 0, or an errno. */
int weir__checkpoint_save(struct weir_map *map, int finished, int status);

/* Whether the record was settled in an earlier run, out of order. */
int weir__checkpoint_has(const struct weir_map *map, uint64_t seq);

#endif
