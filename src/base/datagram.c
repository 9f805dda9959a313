#include "config.h"

#include "base/datagram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/portable.h"

#ifdef HAVE_SEQPACKET
enum { SOCKET_TYPE = SOCK_SEQPACKET, HAS_FRAMES = 0 };
#else
enum { SOCKET_TYPE = SOCK_STREAM, HAS_FRAMES = 1 };
#endif

/* What stands for a text in a memory file: a mark, and the text's beginning. */
enum { LARGE_MARK = 'M', LARGE_BEGINNING = 96 };

int weir__datagram_socketpair(int ends[2], struct weir_error *error)
{
    int status;

    if (weir__socket_pair(SOCKET_TYPE, ends) < 0) {
        ends[0] = ends[1] = -1;
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot open a socket pair");
    }
    status = weir__fd_above_stdio(&ends[0], error);
    if (status == 0)
        status = weir__fd_above_stdio(&ends[1], error);
    if (status < 0) {
        weir__close(&ends[0]);
        weir__close(&ends[1]);
    }
    return status;
}

int weir__link_open(struct weir__link *link, int socket, struct weir_error *error)
{
    if (HAS_FRAMES)
        return weir__link_open_frames(link, socket, error);
    link->socket = socket;
    link->frames = NULL;
    return 0;
}

int weir__link_open_frames(struct weir__link *link, int socket, struct weir_error *error)
{
    link->frames = calloc(1, sizeof *link->frames);
    if (link->frames == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a connection");
    link->socket = socket;
    return 0;
}

void weir__link_close(struct weir__link *link)
{
    if (link->frames != NULL)
        weir__rights_close(&link->frames->rights);
    free(link->frames);
    link->frames = NULL;
    weir__close(&link->socket);
}

int weir__link_flush(const struct weir__link *link)
{
    return link->frames != NULL ? weir__frames_flush(link->socket, link->frames, MSG_DONTWAIT) : 0;
}

static int send_datagram(const struct weir__link *link, const char *bytes, size_t length,
                         const int *fds, size_t fd_count, int flags)
{
    ssize_t count;

    if (link->frames != NULL)
        return weir__frame_send(link->socket, link->frames, bytes, length, fds, fd_count, flags);
    count = weir__rights_send(link->socket, bytes, length, fds, fd_count, flags);
    return count < 0 ? (int)-count : 0;
}

int weir__datagram_send(const struct weir__link *link, const char *text, size_t length,
                        const int *fds, size_t fd_count, int flags)
{
    int with_file[WEIR__DATAGRAM_FDS + 1];
    char stand_in[1 + LARGE_BEGINNING] = {LARGE_MARK};
    struct weir_error error;
    int status;

    if (fd_count > WEIR__DATAGRAM_FDS)
        return EMSGSIZE;
    if (length <= WEIR__DATAGRAM_SIZE)
        return send_datagram(link, text, length, fds, fd_count, flags);
    with_file[0] = weir__fd_of_bytes(text, length, &error);
    if (with_file[0] < 0)
        return error.sys_errno != 0 ? error.sys_errno : ENOMEM;
    if (fd_count > 0)
        memcpy(with_file + 1, fds, sizeof(int) * fd_count);
    memcpy(stand_in + 1, text, LARGE_BEGINNING);
    status = send_datagram(link, stand_in, sizeof stand_in, with_file, fd_count + 1, flags);
    weir__close(&with_file[0]);
    return status;
}

/* Replaces the text by what the first descriptor holds.  Returns 0, or an errno. */
static int read_large(struct weir__datagram *message)
{
    struct stat file;
    size_t length;
    char *text;

    if (message->rights.lost)
        return EMFILE;
    if (message->rights.count == 0 || fstat(message->rights.fds[0], &file) < 0)
        return EBADF;
    length = (size_t)file.st_size;
    text = malloc(length + 1);
    if (text == NULL)
        return ENOMEM;
    for (size_t at = 0; at < length;) {
        ssize_t count = pread(message->rights.fds[0], text + at, length - at, (off_t)at);

        if (count <= 0) {
            free(text);
            return count < 0 ? errno : EIO;
        }
        at += (size_t)count;
    }
    text[length] = '\0';
    message->text = text;
    message->length = length;
    close(message->rights.fds[0]);
    message->rights.count--;
    memmove(message->rights.fds, message->rights.fds + 1, sizeof(int) * message->rights.count);
    return 0;
}

int weir__datagram_receive(const struct weir__link *link, struct weir__datagram *message, int flags)
{
    int status;

    message->rights.count = 0;
    message->rights.lost = 0;
    message->unreadable = 0;
    message->text = message->datagram;
    if (link->frames != NULL) {
        status = weir__frame_receive(link->socket, link->frames, message->datagram,
                                     &message->length, &message->rights, flags);
    } else {
        status = (int)weir__rights_receive(link->socket, message->datagram, WEIR__DATAGRAM_SIZE,
                                           &message->rights, flags);
        message->length = status > 0 ? (size_t)status : 0;
    }
    if (status <= 0)
        return status;
    message->datagram[message->length] = '\0';
    if (message->datagram[0] == LARGE_MARK) {
        message->text = message->datagram + 1;
        message->length--;
        message->unreadable = read_large(message);
    }
    return 1;
}

void weir__datagram_clear(struct weir__datagram *message)
{
    if (message->text < message->datagram || message->text > message->datagram + 1)
        free(message->text);
    message->text = NULL;
    weir__rights_close(&message->rights);
}
