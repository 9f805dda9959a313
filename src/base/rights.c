#include "config.h"

#include "base/rights.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef WEIR_LINUX
#include <linux/sockios.h>
#endif

#include "base/fd.h"
#include "base/portable.h"

enum {
    TAKEN_MS = 2000, /* for the peer, to take what was sent to it */
    OTHERS_MS = 100, /* for other peers of this user's processes */
};

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * WEIR__RIGHTS)];
};

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

ssize_t weir__rights_send(int socket, const void *bytes, size_t length, const int *fds,
                          size_t fd_count, int flags)
{
    union control control;
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
        ssize_t count = sendmsg(socket, &header, flags | MSG_NOSIGNAL);

        if (count >= 0)
            return count;
        if (errno == EINTR)
            continue;
        /* More descriptors are on their way to peers than this user may have open (unix(7)): the
         * peer takes them out shortly. There is no event for that. */
        if (errno == ETOOMANYREFS && waited_ms++ < (is_taken(socket) ? OTHERS_MS : TAKEN_MS)) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            continue;
        }
        return -errno;
    }
}

static void take(struct msghdr *header, struct weir__rights *rights)
{
    struct cmsghdr *one;

    for (one = CMSG_FIRSTHDR(header); one != NULL; one = CMSG_NXTHDR(header, one)) {
        const unsigned char *from = CMSG_DATA(one);

        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t left = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int); left > 0; left--) {
            int fd;

            memcpy(&fd, from, sizeof fd);
            from += sizeof fd;
            if (WEIR__RECEIVE_CLOEXEC == 0)
                weir__fd_close_on_exec(fd);
            if (rights->count < WEIR__RIGHTS) {
                rights->fds[rights->count++] = fd;
            } else {
                close(fd);
                rights->lost = 1;
            }
        }
    }
    rights->lost |= (header->msg_flags & MSG_CTRUNC) != 0;
}

ssize_t weir__rights_receive(int socket, void *bytes, size_t size, struct weir__rights *rights,
                             int flags)
{
    union control control;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ssize_t count;

    do
        count = recvmsg(socket, &header, flags | WEIR__RECEIVE_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return errno == ECONNRESET ? 0 : -errno;
    take(&header, rights);
    return count;
}

void weir__rights_close(struct weir__rights *rights)
{
    for (size_t i = 0; i < rights->count; i++)
        weir__close(&rights->fds[i]);
    rights->count = 0;
}
