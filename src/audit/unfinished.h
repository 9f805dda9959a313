/* audit/unfinished.h - the jobs that have started and not ended, in constant memory. */
#ifndef WEIR_AUDIT_UNFINISHED_H
#define WEIR_AUDIT_UNFINISHED_H

#include <stddef.h>
#include <stdint.h>

#include "audit/chain.h"

/* How many are tracked at a time; any more are only counted. */
enum { WEIR__AUDIT_UNFINISHED = 4096 };

/* Where the record "started" of a job is. */
struct weir__audit_place {
    size_t file;
    uint64_t offset, number; /* of its line */
};

struct weir__audit_unfinished;

/* Returns NULL when memory is short. */
struct weir__audit_unfinished *weir__audit_unfinished_new(void);
void weir__audit_unfinished_free(struct weir__audit_unfinished *jobs);

/* Takes note of a record that stands at place. */
void weir__audit_unfinished_note(struct weir__audit_unfinished *jobs,
                                 const struct weir__audit_entry *entry,
                                 const struct weir__audit_place *place);

/* Those that have not ended, in the order of their lines.  Valid until the next note.
 * *more: how many were only counted. */
const struct weir__audit_place *weir__audit_unfinished_list(struct weir__audit_unfinished *jobs,
                                                            size_t *count, uint64_t *more);

#endif
