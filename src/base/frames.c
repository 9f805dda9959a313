#include "config.h"

#include "base/frames.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

int weir__frames_flush(int socket, struct weir__frames *frames, int flags)
{
    while (frames->sent < frames->length) {
        ssize_t count = weir__rights_send(socket, frames->out + frames->sent,
                                          frames->length - frames->sent, NULL, 0, flags);

        if (count < 0)
            return (int)-count;
        frames->sent += (size_t)count;
    }
    frames->sent = frames->length = 0;
    return 0;
}

int weir__frame_send(int socket, struct weir__frames *frames, const char *text, size_t length,
                     const int *fds, size_t fd_count, int flags)
{
    int failed = weir__frames_flush(socket, frames, flags);
    ssize_t count;

    if (failed != 0)
        return failed;
    if (length > WEIR__FRAME_SIZE)
        return EMSGSIZE;
    for (int i = 0; i < WEIR__FRAME_HEAD; i++)
        frames->out[i] = (unsigned char)(length >> 8 * i & 0xff);
    memcpy(frames->out + WEIR__FRAME_HEAD, text, length);
    count = weir__rights_send(socket, frames->out, WEIR__FRAME_HEAD + length, fds, fd_count, flags);
    if (count < 0)
        return (int)-count;
    frames->sent = (size_t)count;
    frames->length = WEIR__FRAME_HEAD + length;
    failed = weir__frames_flush(socket, frames, flags);
    return failed == EAGAIN || failed == EWOULDBLOCK ? 0 : failed;
}

static size_t text_length(const struct weir__frames *frames)
{
    size_t length = 0;

    for (int i = 0; i < WEIR__FRAME_HEAD; i++)
        length |= (size_t)frames->in[i] << 8 * i;
    return length;
}

/* Nothing behind the frame is read: the descriptors that come are its own. */
int weir__frame_receive(int socket, struct weir__frames *frames, char *text, size_t *length,
                        struct weir__rights *rights, int flags)
{
    size_t wanted = WEIR__FRAME_HEAD;

    for (;;) {
        ssize_t count;

        if (frames->came >= WEIR__FRAME_HEAD)
            wanted = WEIR__FRAME_HEAD + text_length(frames);
        if (wanted > sizeof frames->in)
            return -EPROTO;
        if (frames->came == wanted)
            break;
        count = weir__rights_receive(socket, frames->in + frames->came, wanted - frames->came,
                                     &frames->rights, flags);
        if (count <= 0)
            return (int)count;
        frames->came += (size_t)count;
    }
    *length = wanted - WEIR__FRAME_HEAD;
    memcpy(text, frames->in + WEIR__FRAME_HEAD, *length);
    rights->count = frames->rights.count;
    rights->lost = frames->rights.lost;
    memcpy(rights->fds, frames->rights.fds, sizeof(int) * rights->count);
    frames->came = frames->rights.count = 0;
    frames->rights.lost = 0;
    return 1;
}
