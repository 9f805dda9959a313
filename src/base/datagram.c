#include "config.h"

#include "base/datagram.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef WEIR_LINUX
#include <linux/sockios.h>
#endif

#include "base/error.h"
#include "base/fd.h"
#include "base/portable.h"

enum {
    /* What stands for a text in a memory file: a mark, and the text's beginning. */
    LARGE_MARK = 'M',
    LARGE_BEGINNING = 96,
    TAKEN_MS = 2000, /* for the peer, to take what was sent to it */
    OTHERS_MS = 100, /* for other peers of this user's processes */
};

int weir__datagram_socketpair(int ends[2], struct weir_error *error)
{
    int status;

    if (weir__socket_pair(SOCK_SEQPACKET, ends) < 0) {
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

/* Whether the peer has received all that was sent. */
static int is_taken(int socket)
{
#ifdef SIOCOUTQ
    int waiting = 0;

    return ioctl(socket, SIOCOUTQ, &waiting) == 0 && waiting == 0;
#else
    (void)socket;
    return 0;
#endif
}

static int send_datagram(int socket, const void *bytes, size_t length, const int *fds,
                         size_t fd_count, int flags)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * (WEIR__DATAGRAM_FDS + 1))];
    } control;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    int waited_ms = 0;

    if (fd_count > 0) {
        struct cmsghdr *rights;

        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        memset(control.bytes, 0, header.msg_controllen);
        rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * fd_count);
    }
    for (;;) {
        if (sendmsg(socket, &header, flags | MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno == EINTR)
            continue;
        /* More descriptors are on their way to peers than this user may have open (unix(7)): the
         * peer takes them out shortly. There is no event for that. */
        if (errno == ETOOMANYREFS && waited_ms++ < (is_taken(socket) ? OTHERS_MS : TAKEN_MS)) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            continue;
        }
        return errno;
    }
}

int weir__datagram_send(int socket, const char *text, size_t length, const int *fds,
                        size_t fd_count, int flags)
{
    int with_file[WEIR__DATAGRAM_FDS + 1];
    char stand_in[1 + LARGE_BEGINNING] = {LARGE_MARK};
    struct weir_error error;
    int status;

    if (fd_count > WEIR__DATAGRAM_FDS)
        return EMSGSIZE;
    if (length <= WEIR__DATAGRAM_SIZE)
        return send_datagram(socket, text, length, fds, fd_count, flags);
    with_file[0] = weir__fd_of_bytes(text, length, &error);
    if (with_file[0] < 0)
        return error.sys_errno != 0 ? error.sys_errno : ENOMEM;
    if (fd_count > 0)
        memcpy(with_file + 1, fds, sizeof(int) * fd_count);
    memcpy(stand_in + 1, text, LARGE_BEGINNING);
    status = send_datagram(socket, stand_in, sizeof stand_in, with_file, fd_count + 1, flags);
    weir__close(&with_file[0]);
    return status;
}

static void take_fds(struct msghdr *header, struct weir__datagram *message)
{
    struct cmsghdr *rights;

    for (rights = CMSG_FIRSTHDR(header); rights != NULL; rights = CMSG_NXTHDR(header, rights))
        if (rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
            message->fd_count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(message->fds, CMSG_DATA(rights), sizeof(int) * message->fd_count);
        }
    for (size_t i = 0; WEIR__RECEIVE_CLOEXEC == 0 && i < message->fd_count; i++)
        weir__fd_close_on_exec(message->fds[i]);
    message->fds_lost = (header->msg_flags & MSG_CTRUNC) != 0;
}

/* Replaces the text by what the first descriptor holds.  Returns 0, or an errno. */
static int read_large(struct weir__datagram *message)
{
    struct stat file;
    size_t length;
    char *text;

    if (message->fds_lost)
        return EMFILE;
    if (message->fd_count == 0 || fstat(message->fds[0], &file) < 0)
        return EBADF;
    length = (size_t)file.st_size;
    text = malloc(length + 1);
    if (text == NULL)
        return ENOMEM;
    for (size_t at = 0; at < length;) {
        ssize_t count = pread(message->fds[0], text + at, length - at, (off_t)at);

        if (count <= 0) {
            free(text);
            return count < 0 ? errno : EIO;
        }
        at += (size_t)count;
    }
    text[length] = '\0';
    message->text = text;
    message->length = length;
    close(message->fds[0]);
    message->fd_count--;
    memmove(message->fds, message->fds + 1, sizeof(int) * message->fd_count);
    return 0;
}

int weir__datagram_receive(int socket, struct weir__datagram *message, int flags)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * (WEIR__DATAGRAM_FDS + 1))];
    } control;
    struct iovec part = {.iov_base = message->datagram, .iov_len = WEIR__DATAGRAM_SIZE};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ssize_t count;

    message->fd_count = 0;
    message->fds_lost = 0;
    message->unreadable = 0;
    message->text = message->datagram;
    do
        count = recvmsg(socket, &header, flags | WEIR__RECEIVE_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        return count == 0 || errno == ECONNRESET ? 0 : -errno;
    take_fds(&header, message);
    message->length = (size_t)count;
    message->datagram[count] = '\0';
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
    for (size_t i = 0; i < message->fd_count; i++)
        weir__close(&message->fds[i]);
    message->fd_count = 0;
}
