/* audit/lock.h - one writer at a time, among processes. */
#ifndef WEIR_AUDIT_LOCK_H
#define WEIR_AUDIT_LOCK_H

#include <weir/error.h>

/* How long to wait for others.  Each holds the lock for one write. */
enum { WEIR__AUDIT_LOCK_MS = 10000 };

enum weir__audit_lock {
    WEIR__AUDIT_LOCK_SHARED, /* no other process writes */
    WEIR__AUDIT_LOCK_OWN,    /* to write */
};

/* Locks the file; the lock ends with the descriptor, also when the process is killed.
 * name is for messages.  Errors: TIMEOUT, SYSTEM. */
int weir__audit_lock_take(int fd, enum weir__audit_lock lock, const char *name,
                          struct weir_error *error);

void weir__audit_lock_drop(int fd);

#endif
