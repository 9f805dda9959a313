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

/* Write ends of non-blocking pipes, or eventfds, which get 8 bytes; -1: none; borrowed. */
struct weir__audit_bells {
    int failed;  /* once the journal has failed */
    int written; /* each time that weir__audit_journal_written() is higher */
};

/* Starts the thread, which blocks all signals.  Returns NULL on failure.  Errors: as
 * weir__audit_open(). */
struct weir__audit_journal *weir__audit_journal_open(const struct weir__audit_options *options,
                                                     struct weir__audit_bells bells,
                                                     struct weir_error *error);

/* Takes a record that nothing else refers to; NULL: memory is short, and the journal fails.
 * Returns its number, from 1; UINT64_MAX: the journal has failed, and it is not written. */
uint64_t weir__audit_journal_add(struct weir__audit_journal *journal, json_t *record);

/* The number of the last record that is written, and on disk where records are synced. */
uint64_t weir__audit_journal_written(struct weir__audit_journal *journal);

/* Why no more records are written; 0: they are. */
int weir__audit_journal_failure(struct weir__audit_journal *journal, struct weir_error *error);

/* Writes what is left, and ends the thread. NULL is fine. Errors: as failure(). */
int weir__audit_journal_close(struct weir__audit_journal *journal, struct weir_error *error);

#endif
