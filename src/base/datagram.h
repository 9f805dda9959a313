/* base/datagram.h - one JSON object a datagram, with descriptors, between a host
 * and its spawner.
 *
 * The socket is SOCK_SEQPACKET, or where the system has none, SOCK_STREAM with frames
 * (base/frames.h).  What does not fit a datagram travels in a sealed memory file: the datagram is
 * then the byte 'M' with the beginning of the text behind it, and the file is the first descriptor.
 */
#ifndef WEIR_BASE_DATAGRAM_H
#define WEIR_BASE_DATAGRAM_H

#include <stddef.h>

#include <weir/error.h>

#include "base/frames.h"
#include "base/rights.h"

/* Largest number of descriptors in one message: a large one takes one more. */
enum { WEIR__DATAGRAM_FDS = WEIR__RIGHTS - 1 };

/* Longest text sent as a datagram.  Linux keeps at least 212,992 bytes for a
 * socket's unread messages by default; a longer text takes a memory file. */
enum { WEIR__DATAGRAM_SIZE = WEIR__FRAME_SIZE };

/* One end of a connection. */
struct weir__link {
    int socket;                  /* -1: none */
    struct weir__frames *frames; /* NULL: the socket keeps messages apart */
};

/* Opens the two ends, close-on-exec and above 2.  Errors: SYSTEM. */
int weir__datagram_socketpair(int ends[2], struct weir_error *error);

/* Makes a link of an end, which is the link's from then on.  Errors: NOMEM, and then the socket is
 * the caller's. */
int weir__link_open(struct weir__link *link, int socket, struct weir_error *error);

/* The same with frames, whatever the system has. */
int weir__link_open_frames(struct weir__link *link, int socket, struct weir_error *error);

/* Closes it, with what has not been sent or received whole. */
void weir__link_close(struct weir__link *link);

/* Sends text with fds (borrowed).  Waits for room unless flags has MSG_DONTWAIT: then EAGAIN means
 * that there is none, and what the socket did not take of a message is sent by the next call or
 * weir__link_flush().  Returns 0, or a positive errno. */
int weir__datagram_send(const struct weir__link *link, const char *text, size_t length,
                        const int *fds, size_t fd_count, int flags);

/* Sends what is left of a message.  Returns 0, EAGAIN while there is no room, or an errno. */
int weir__link_flush(const struct weir__link *link);

struct weir__datagram {
    char *text; /* NUL-terminated; valid until the message is cleared */
    size_t length;
    int unreadable; /* an errno: text is its beginning, as much as came, and no more */
    struct weir__rights rights;
    char datagram[WEIR__DATAGRAM_SIZE + 1];
};

/* Receives one message.  Returns 1, 0 at the end (the peer is gone), or a negative errno:
 * -EAGAIN with MSG_DONTWAIT when there is none.  A reset connection counts as an end.
 * Allocates only for a message that is larger than a datagram; without memory for it the
 * message is unreadable. */
int weir__datagram_receive(const struct weir__link *link, struct weir__datagram *message,
                           int flags);

/* Frees the text and closes the descriptors that are not -1. */
void weir__datagram_clear(struct weir__datagram *message);

#endif
