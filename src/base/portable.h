/* base/portable.h - what systems have under different names, or not at all: each is used here
 * alone. Where configure finds the better call it is used; ./configure --disable-linux takes the
 * other way on Linux too.
 */
#ifndef WEIR_BASE_PORTABLE_H
#define WEIR_BASE_PORTABLE_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

/* Room for the name of a machine and its NUL byte; HOST_NAME_MAX is not everywhere. */
enum { WEIR__HOST_NAME_SIZE = 256 };

/* socket(2), accept(2), socketpair(2) and pipe(2) with descriptors that are close-on-exec, and
 * raise no SIGPIPE where MSG_NOSIGNAL may not be known. Without calls that do so at once, a process
 * that another thread forks in between inherits them. */
int weir__socket(int domain, int type, int is_nonblocking);
int weir__socket_accept(int listening, struct sockaddr *peer, socklen_t *length,
                        int is_nonblocking);
int weir__socket_pair(int type, int ends[2]);
int weir__pipe_ends(int ends[2]);

/* recvmsg(2), whose descriptors the caller marks with this if the call could not. */
#ifdef MSG_CMSG_CLOEXEC
enum { WEIR__RECEIVE_CLOEXEC = MSG_CMSG_CLOEXEC };
#else
enum { WEIR__RECEIVE_CLOEXEC = 0 };
#endif

/* Sets close-on-exec. */
void weir__fd_close_on_exec(int fd);

/* Takes a signal of this thread, which is blocked, if it waits. */
void weir__signal_take(int signal);

/* poll(2) with these signals blocked instead; timeout may be NULL. Errors: an errno of ppoll(2). */
int weir__poll_with(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                    const sigset_t *signals);

/* Writes the data of a file to its disk. Returns 0, or -1 with errno. */
int weir__sync(int fd);

/* Up to 256 random bytes that nobody can guess. Returns 0, or -1 with errno. */
int weir__random(void *bytes, size_t length);

/* Zeroes a secret; no compiler leaves it out. */
void weir__wipe(void *bytes, size_t length);

/* When a file's content was last changed. */
struct timespec weir__changed(const struct stat *file);

#endif
