/* audit/verify.h - whether a log is as it was written; if not, the first line that is not.
 *
 * One pass in constant memory.  Where a record is not the next one, what follows is
 * looked through once for the one that should be there: so a log is read twice at most.
 */
#ifndef WEIR_AUDIT_VERIFY_H
#define WEIR_AUDIT_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#include "audit/chain.h"

/* A part of the log.  All borrowed; fd is read from where it stands. */
struct weir__audit_file {
    int fd;
    const char *name;
};

enum weir__audit_fault {
    WEIR__AUDIT_SOUND,
    WEIR__AUDIT_CHANGED,   /* a record is not what was written, or not under this key */
    WEIR__AUDIT_MISSING,   /* records are not there */
    WEIR__AUDIT_DOUBLED,   /* a record is there again */
    WEIR__AUDIT_REORDERED, /* a record stands before one that it came after */
    WEIR__AUDIT_CUT,       /* a record ends in the middle, or the log before it should */
};

/* "changed". */
const char *weir__audit_fault_name(enum weir__audit_fault fault);

struct weir__audit_expected {
    const char *after; /* hash of the record before the first, where older files are kept
                          elsewhere; NULL: the first is number 1 */
    const char *last;  /* hash of the last record; NULL: whichever it is */
};

struct weir__audit_verdict {
    enum weir__audit_fault fault;
    uint64_t records;               /* that hold, before the fault */
    uint64_t started, ended, calls; /* of them */
    struct weir__audit_link first, last;
    size_t file;           /* position of the one with the fault */
    uint64_t line, offset; /* of the fault in it; line 0: the end of the log */
    int is_tail;           /* what is wrong is only that the file does not end with a newline */
    char sentence[400];    /* about the fault; "" without one */
};

/* Reads the files, oldest first.  That something is wrong with them is not an error but
 * the verdict.  A file that is being written to is waited for where its end looks
 * torn.  Errors: SYSTEM, NOMEM, TIMEOUT; INVALID when the log was made under a key
 * and key is none. */
int weir__audit_verify(const struct weir__audit_file *files, size_t count,
                       const struct weir__audit_key *key,
                       const struct weir__audit_expected *expected,
                       struct weir__audit_verdict *verdict, struct weir_error *error);

/* Cuts the tail that the verdict found, if the file still is as it was then.
 * Returns how many bytes it was.  fd is open for writing.  Errors: SYSTEM, TIMEOUT;
 * INVALID when there is no tail, or it has changed since. */
int64_t weir__audit_repair(int fd, const char *name, const struct weir__audit_verdict *verdict,
                           struct weir_error *error);

#endif
