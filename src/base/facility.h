/* base/facility.h - does a facility of the system work here?
 *
 * A system call may be missing (ENOSYS), or a sandbox may refuse it with whatever errno it
 * likes: EPERM, EACCES, EINVAL.  So the question is never which errno it is, but whether the
 * call did what it is for.  Each use has the same form:
 *
 *     if (weir__facility_works(WEIR__MEMFD)) {
 *         fd = memfd_create(...);
 *         if (fd >= 0)
 *             return fd;
 *         weir__facility_failed(WEIR__MEMFD, errno);
 *     }
 *     ... the portable way, whose own error counts where it fails too ...
 *
 * A refusal is remembered, so that a refused call costs nothing the next time.
 *
 * What libuv needs for an event loop (epoll, eventfd, pipe2) has no other way, and a sandbox
 * that kills instead of refusing cannot be helped.
 */
#ifndef WEIR_BASE_FACILITY_H
#define WEIR_BASE_FACILITY_H

enum weir__facility {
    WEIR__ACCEPT4,
    WEIR__CLOSE_RANGE,
    WEIR__MEMFD,
    WEIR__SPLICE,
    WEIR__TIMERFD,
    WEIR__VFORK,
    WEIR__WAITID,
    WEIR__WRITE_NO_SIGNAL,
    WEIR__FACILITY_COUNT
};

/* Whether it has not been refused yet in this process. */
int weir__facility_works(enum weir__facility facility);

/* Notes that it has failed with an errno.  What any call may meet (no memory, no descriptor
 * to spare, a signal) says nothing of the facility, and is not remembered. */
void weir__facility_failed(enum weir__facility facility, int error);

#endif
