#include "config.h"

#include "base/socket_address.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"

int weir__socket_address(struct sockaddr_un *address, const char *path, struct weir_error *error)
{
    if (*path == '\0')
        return weir__fail(error, WEIR_ERR_INVALID, 0, "the socket's path is empty: give one");
    if (*path == '@')
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "%.200s names an abstract socket, which weir does not use: give the path "
                          "of a file, as in ./%.100s",
                          path, path);
    if (strlen(path) > WEIR__SOCKET_PATH_MAX)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "%.300s is too long for the path of a socket: it has %zu bytes, and the "
                          "limit is %d",
                          path, strlen(path), WEIR__SOCKET_PATH_MAX);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    return 0;
}

int weir__socket_peer(int fd, uid_t *user)
{
#ifdef SO_PEERCRED
    struct ucred peer;
    socklen_t length = sizeof peer;
    int status = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);

    if (status == 0)
        *user = peer.uid;
    return status;
#else
    gid_t group;

    return getpeereid(fd, user, &group);
#endif
}
