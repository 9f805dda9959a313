/* audit/journal.h - records of what happens all the time, such as calls, without a wait for each.
 *
 * A thread of the journal's own appends them in the order in which they were added, and waits for
 * the disk once for all that have come meanwhile.  A record is on disk a moment after it was
 * added, and all are when the journal is closed.  While very many wait, adding waits.
 */
#ifndef WEIR_AUDIT_JOURNAL_H
#define WEIR_AUDIT_JOURNAL_H

#include "audit/log.h"

struct weir__audit_journal;

/* Starts the thread, which blocks all signals.  failed_fd: an eventfd or the write end of a
 * non-blocking pipe that gets 8 bytes once the journal has failed; -1: none; borrowed.  Returns
 * NULL on failure.  Errors: as weir__audit_open(). */
struct weir__audit_journal *weir__audit_journal_open(const struct weir__audit_options *options,
                                                     int failed_fd, struct weir_error *error);

/* Takes a record that nothing else refers to; NULL: memory is short, and the journal fails. */
void weir__audit_journal_add(struct weir__audit_journal *journal, json_t *record);

/* Why no more records are written; 0: they are. */
int weir__audit_journal_failure(struct weir__audit_journal *journal, struct weir_error *error);

/* Writes what is left, and ends the thread. NULL is fine. Errors: as failure(). */
int weir__audit_journal_close(struct weir__audit_journal *journal, struct weir_error *error);

#endif
