/* base/rights.h - bytes with descriptors over a Unix socket: sendmsg(2) and recvmsg(2). */
#ifndef WEIR_BASE_RIGHTS_H
#define WEIR_BASE_RIGHTS_H

#include <stddef.h>
#include <sys/types.h>

/* Largest number of descriptors in one message: SCM_MAX_FD of Linux. */
enum { WEIR__RIGHTS = 253 };

struct weir__rights {
    int fds[WEIR__RIGHTS]; /* close-on-exec; the caller owns them */
    size_t count;
    int lost; /* the process had no room for some of them (EMFILE) */
};

/* Sends the bytes, and fds (borrowed) with the first of them.  Returns how many were sent, which is
 * all of them but on a SOCK_STREAM socket, or a negative errno. */
ssize_t weir__rights_send(int socket, const void *bytes, size_t length, const int *fds,
                          size_t fd_count, int flags);

/* Receives bytes, and adds the descriptors that came with them to rights.  Returns how many, 0 at
 * the end (a reset connection counts as one), or a negative errno. */
ssize_t weir__rights_receive(int socket, void *bytes, size_t size, struct weir__rights *rights,
                             int flags);

/* Closes those that are not -1. */
void weir__rights_close(struct weir__rights *rights);

#endif
