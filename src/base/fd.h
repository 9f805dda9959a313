/* base/fd.h - descriptors: close-on-exec, above stdio, and no SIGPIPE. */
#ifndef WEIR_BASE_FD_H
#define WEIR_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

#include <weir/error.h>

enum { FD_READ_END, FD_WRITE_END };

/* Opens a pipe whose two ends are close-on-exec and above 2, so that a host
 * with closed stdio never finds a pipe of ours there.  On failure both ends
 * are -1.  Errors: SYSTEM. */
int weir__pipe(int ends[2], struct weir_error *error);

/* Closes *fd unless it is -1, then sets it to -1.  Keeps errno. */
void weir__close(int *fd);

/* Moves *fd above 2 when it is not, close-on-exec.  On failure *fd is closed
 * and -1.  Errors: SYSTEM. */
int weir__fd_above_stdio(int *fd, struct weir_error *error);

/* Whether fd is open, and for what mode says: O_RDONLY or O_WRONLY. */
int weir__fd_may(int fd, int mode);

/* Whether what is written to both arrives in one order: they are open on one pipe or terminal, or
 * on one file and at its end or at the same place of it. */
int weir__fd_is_same(int a, int b);

/* Sets O_NONBLOCK.  Only for descriptions that no other process shares. */
void weir__fd_set_nonblocking(int fd);

/* write(2) that answers EPIPE where write would raise SIGPIPE, without
 * touching the host's handlers: the kernel is asked to raise none (pwritev2(2) with
 * RWF_NOSIGNAL), or the signal is blocked in this thread and taken back if it
 * came (POSIX.1-2008, 2.4.1: SIGPIPE goes to the thread). */
ssize_t weir__write_no_sigpipe(int fd, const void *bytes, size_t length);

/* splice(2) between two pipes, without waiting and without SIGPIPE.  Every errno but EAGAIN,
 * EINTR and EPIPE says that it cannot be done: then the bytes are to be copied. */
ssize_t weir__splice_no_sigpipe(int from, int to, size_t length);

/* Writes all of it, waiting as often as it takes.  Returns 0 or an errno. */
int weir__write_all(int fd, const void *bytes, size_t length);

/* Makes an anonymous file that holds bytes, at offset 0: a sealed memfd, or an
 * unlinked temporary file where that does not work.  Returns a descriptor.
 * Errors: SYSTEM. */
int weir__fd_of_bytes(const void *bytes, size_t length, struct weir_error *error);

/* Opens what fd is open on once more: a description of its own, close-on-exec.
 * Returns a descriptor, or -1 where that cannot be done: always without
 * Linux's /proc. */
int weir__fd_reopen(int fd, int flags);

/* Opens a directory for fchdir(2), close-on-exec; without O_PATH one that may be
 * entered and not read cannot be.  Returns a descriptor, or -1. */
int weir__fd_of_directory(const char *path);

/* Asks for a pipe that holds size bytes.  Returns what it holds now, or 0 where
 * nobody says. */
size_t weir__pipe_resize(int fd, size_t size);

/* Closes every descriptor from first on: close_range(2), else the list in
 * /proc/self/fd, else all up to the limit. */
void weir__close_from(int first);

/* The portable ways, for the tests that compare them. */
ssize_t weir__write_no_sigpipe_portable(int fd, const void *bytes, size_t length);
int weir__fd_of_bytes_portable(const void *bytes, size_t length, struct weir_error *error);
void weir__close_from_portable(int first);

/* Opens a pseudo-terminal in raw mode, close-on-exec and above 2: *ours and *childs end.
 * Errors: SYSTEM. */
int weir__pty_open(int *ours, int *childs, struct weir_error *error);

/* Opens the master of a pseudo-terminal, non-blocking, close-on-exec and above 2.  rows and columns
 * 0: 24 and 80.  echoes: what is written to it is seen in its output; returns: a newline of the
 * program comes out as CR LF.  Errors: SYSTEM. */
int weir__pty_open_master(int *master, int rows, int columns, int echoes, int returns,
                          struct weir_error *error);
/* Returns 0, or a negative errno value. */
int weir__pty_resize(int master, int rows, int columns);

/* Opens a file for a child, above 2 and close-on-exec, without waiting for the other end of a FIFO.
 * Returns a blocking descriptor, or a negative status.  Errors: SYSTEM. */
int weir__fd_open_for_child(const char *path, int flags, struct weir_error *error);

#endif
