/* base/datagram.h - one JSON object a datagram, with descriptors, between a host
 * and its spawner.
 *
 * The socket is SOCK_SEQPACKET.  What does not fit a datagram travels in a
 * sealed memory file: the datagram is then the byte 'M' with the beginning of the
 * text behind it, and the file is the first descriptor.
 */
#ifndef WEIR_BASE_DATAGRAM_H
#define WEIR_BASE_DATAGRAM_H

#include <stddef.h>

#include <weir/error.h>

/* Largest number of descriptors in one message: the kernel's SCM_MAX_FD, less
 * the one that a large message takes. */
enum { WEIR__DATAGRAM_FDS = 252 };

/* Longest text sent as a datagram.  Linux keeps at least 212,992 bytes for a
 * socket's unread messages by default; a longer text takes a memory file. */
enum { WEIR__DATAGRAM_SIZE = 32 * 1024 };

/* Opens the two ends, close-on-exec and above 2.  Errors: SYSTEM. */
int weir__datagram_socketpair(int ends[2], struct weir_error *error);

/* Sends text with fds (borrowed).  Waits for room unless flags has
 * MSG_DONTWAIT.  Returns 0, or a positive errno. */
int weir__datagram_send(int socket, const char *text, size_t length, const int *fds,
                        size_t fd_count, int flags);

struct weir__datagram {
    char *text; /* NUL-terminated; valid until the message is cleared */
    size_t length;
    int unreadable; /* an errno: text is its beginning, as much as came, and no more */
    int fds[WEIR__DATAGRAM_FDS + 1]; /* close-on-exec; the caller owns them */
    size_t fd_count;
    int fds_lost; /* the process had no room for some of them (EMFILE) */
    char datagram[WEIR__DATAGRAM_SIZE + 1];
};

/* Receives one message.  Returns 1, 0 at the end (the peer is gone), or a negative errno:
 * -EAGAIN with MSG_DONTWAIT when there is none.  A reset connection counts as an end.
 * Allocates only for a message that is larger than a datagram; without memory for it the
 * message is unreadable. */
int weir__datagram_receive(int socket, struct weir__datagram *message, int flags);

/* Frees the text and closes the descriptors that are not -1. */
void weir__datagram_clear(struct weir__datagram *message);

#endif
