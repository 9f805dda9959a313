#include "config.h"

#include "audit/lock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/file.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"

/* Waits between tries, in nanoseconds: a lock is held for some ten microseconds. */
enum { FIRST_WAIT_NS = 20000, LONGEST_WAIT_NS = 2000000 };

int weir__audit_lock_take(int fd, enum weir__audit_lock lock, const char *name,
                          struct weir_error *error)
{
    int64_t deadline_ns = weir__clock_ns() + (int64_t)WEIR__AUDIT_LOCK_MS * 1000000;
    int how = (lock == WEIR__AUDIT_LOCK_OWN ? LOCK_EX : LOCK_SH) | LOCK_NB;
    struct timespec wait = {.tv_nsec = FIRST_WAIT_NS};

    /* Not the lock that waits: the process that holds it may have been stopped. */
    while (flock(fd, how) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot lock %.300s", name);
        if (weir__clock_ns() > deadline_ns)
            return weir__fail(error, WEIR_ERR_TIMEOUT, 0,
                              "another process has held the lock on %.300s for %d s: find it with "
                              "lslocks or fuser",
                              name, WEIR__AUDIT_LOCK_MS / 1000);
        nanosleep(&wait, NULL);
        if (wait.tv_nsec < LONGEST_WAIT_NS)
            wait.tv_nsec += wait.tv_nsec / 2;
    }
    return 0;
}

void weir__audit_lock_drop(int fd)
{
    flock(fd, LOCK_UN);
}
