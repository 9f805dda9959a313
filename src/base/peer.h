/* base/peer.h - wait for the other end of a FIFO, or for room in an output, with a clock. */
#ifndef WEIR_BASE_PEER_H
#define WEIR_BASE_PEER_H

#include <stdint.h>

#include <weir/error.h>

/* What ends a wait early. */
struct weir__patience {
    int64_t deadline_ns; /* on weir__clock_ns(); 0: none */
    int cancel_fd;       /* readable: stop waiting; -1: none */
};

/* A deadline ms from now, none if ms is negative (WEIR_FOREVER). */
struct weir__patience weir__patience_of(int64_t ms);

/* Waits until poll(2) reports events (or an error) for fd.  fd -1: waits for the deadline
 * alone.  Returns 0, ETIMEDOUT or ECANCELED. */
int weir__peer_wait(int fd, short events, const struct weir__patience *patience);

/* open(2) for O_RDONLY or O_WRONLY that waits for the other end of a FIFO only as long as
 * patience allows: an open(2) that blocks can neither be timed out nor cancelled.  The
 * descriptor is close-on-exec, blocking and above 2.  Returns -1 with errno: open's, ETIMEDOUT
 * or ECANCELED. */
int weir__peer_open(const char *path, int flags, const struct weir__patience *patience);

/* Says why such a wait, an open or a write failed.  error's sys_errno is failed.  Returns its
 * status: TIMEOUT or SYSTEM. */
int weir__peer_fail(struct weir_error *error, int failed, const char *verb, const char *path);

#endif
