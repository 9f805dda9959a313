/* work/attention.h - what a worker is doing just now: whether it waits for its input.
 *
 * To close a worker's input is safe once it has come past all that it was given: if it then
 * ends, it does so because its input did.  The kernel tells in which system call each of its
 * threads is.
 */
#ifndef WEIR_WORK_ATTENTION_H
#define WEIR_WORK_ATTENTION_H

#include <sys/types.h>

enum weir__attention {
    WEIR__UNSURE,  /* the kernel does not tell, or it waits for several things at once */
    WEIR__BUSY,    /* it runs, or waits for something that is not its input */
    WEIR__WAITING, /* it, or a process that it started, is blocked reading descriptor 0 */
};

/* Looks at a process and its descendants, at most a few hundred threads. */
enum weir__attention weir__attention_of(pid_t pid);

#endif
