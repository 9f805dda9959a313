/* work/attention.h - whether a worker is waiting for its input.
 *
 * Closing a worker's input is safe once it has processed everything it was given: if it ends
 * then, it does so because its input did.  The kernel shows in which system call each of its
 * threads is.
 */
#ifndef WEIR_WORK_ATTENTION_H
#define WEIR_WORK_ATTENTION_H

#include <sys/types.h>

enum weir__attention {
    WEIR__UNSURE,  /* the kernel does not say, or it waits for several things at once */
    WEIR__BUSY,    /* it runs, or waits for something other than its input */
    WEIR__WAITING, /* it, or a process that it started, is blocked reading descriptor 0 */
};

/* Examines a process and its descendants, at most a few hundred threads. */
enum weir__attention weir__attention_of(pid_t pid);

#endif
