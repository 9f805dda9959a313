/* base/frames.h - messages over a SOCK_STREAM socket, for systems without SOCK_SEQPACKET.
 *
 * A frame is the length of a text in four bytes, the lowest first, and the text.  Its descriptors
 * are attached to the first byte.  A frame may be sent, and arrive, in any number of pieces.
 */
#ifndef WEIR_BASE_FRAMES_H
#define WEIR_BASE_FRAMES_H

#include "base/rights.h"

/* Longest text of a frame, and the bytes in front of it. */
enum { WEIR__FRAME_SIZE = 32 * 1024, WEIR__FRAME_HEAD = 4 };

/* What one end has of two frames; all zero at the beginning. */
struct weir__frames {
    size_t came; /* bytes of in */
    struct weir__rights rights;
    unsigned char in[WEIR__FRAME_HEAD + WEIR__FRAME_SIZE];

    size_t sent, length; /* of out: what is between them waits for room */
    unsigned char out[WEIR__FRAME_HEAD + WEIR__FRAME_SIZE];
};

/* Sends a frame, with fds (borrowed).  Returns 0 or a positive errno.  With MSG_DONTWAIT, EAGAIN
 * means that nothing of it was sent; 0, that the rest waits where the socket has no room for it. */
int weir__frame_send(int socket, struct weir__frames *frames, const char *text, size_t length,
                     const int *fds, size_t fd_count, int flags);

/* Sends what waits.  Returns 0, EAGAIN with MSG_DONTWAIT while some still does, or an errno. */
int weir__frames_flush(int socket, struct weir__frames *frames, int flags);

/* Receives one frame: its text to text, which has room for WEIR__FRAME_SIZE bytes, its descriptors
 * to rights, which is overwritten.  Returns 1, 0 at the end (also within a frame), -EAGAIN with
 * MSG_DONTWAIT while no whole frame is there, -EPROTO for what is no frame, or another negative
 * errno. */
int weir__frame_receive(int socket, struct weir__frames *frames, char *text, size_t *length,
                        struct weir__rights *rights, int flags);

#endif
