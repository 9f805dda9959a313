/* base/procfs.h - the only door to Linux's /proc.
 *
 * /proc counts only where it is ours.  In a PID namespace that still sees the outer
 * /proc every number there is the outer one: a process looked up by such a number is
 * another one.  Where /proc is not ours, is missing (a chroot) or is another system's,
 * nothing can be opened here and the callers take their portable way.
 *
 * Nothing that another process controls is read without bound: callers read at most
 * WEIR__PROC_READ_MAX bytes of a file, through a buffer of fixed size.
 */
#ifndef WEIR_BASE_PROCFS_H
#define WEIR_BASE_PROCFS_H

#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

/* execve(2) never makes an environment longer than this (three quarters of _STK_LIM);
 * prctl(2) lets a process claim any length. */
enum { WEIR__PROC_READ_MAX = 6 * 1024 * 1024 };

/* In place of a pid.  Not 0, which elsewhere is a process that has not started. */
enum { WEIR__PROC_THIS_THREAD = INT_MIN };

/* Whether /proc shows the processes of our own PID namespace.  Decided once for each
 * process, so again in a copy made by fork(2).  Async-signal-safe.
 * Threads: any. */
int weir__proc_is_ours(void);

/* Opens /proc/PID/FILE for reading, close-on-exec.  Returns a descriptor, or -1: with ESRCH for a
 * pid of 0 or below. */
int weir__proc_open(pid_t pid, const char *file);

/* Opens /proc, or the directory /proc/PID/NAME.  Returns NULL where it cannot. */
DIR *weir__proc_list(void);
DIR *weir__proc_list_of(pid_t pid, const char *name);

/* Reads what fits into text, which ends with NUL.  Returns its length, or -1. */
ssize_t weir__proc_read(pid_t pid, const char *file, char *text, size_t size);

/* Bytes of memory that programs can have without swapping, by the kernel's estimate; 0: unknown. */
uint64_t weir__proc_available_memory(void);

#endif
