#include "config.h"

#include "cli/notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/portable.h"

enum { FIRST_PASSED = 3, PASSED_MAX = 2 };

static int is_listening(int fd)
{
    int listens = 0, type = 0;
    socklen_t length = sizeof listens;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens
           && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

/* Whether the entry of LISTEN_FDNAMES at *names is this name. */
static int is_named(const char *names, const char *name)
{
    size_t length = strlen(name);

    return names != NULL && strncmp(names, name, length) == 0
           && (names[length] == ':' || names[length] == '\0');
}

static const char *next_name(const char *names)
{
    const char *colon = names != NULL ? strchr(names, ':') : NULL;

    return colon != NULL ? colon + 1 : NULL;
}

int notify_take_sockets(struct notify_sockets *sockets)
{
    const char *pid = getenv("LISTEN_PID"), *listed = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    int count = listed != NULL && strlen(listed) == 1 ? *listed - '0' : -1;

    *sockets = (struct notify_sockets){-1, -1};
    if (pid == NULL || listed == NULL || strtol(pid, NULL, 10) != getpid())
        return 0;
    if (count < 1 || count > PASSED_MAX)
        return -1;
    for (int i = 0; i < count; i++, names = next_name(names)) {
        int is_http = is_named(names, "http"), is_ours = is_named(names, "weir") || count == 1;
        int *place = is_http ? &sockets->http : &sockets->protocol;

        if (!is_listening(FIRST_PASSED + i) || *place >= 0 || (!is_http && !is_ours))
            return -1;
        fcntl(FIRST_PASSED + i, F_SETFD, FD_CLOEXEC);
        *place = FIRST_PASSED + i;
    }
    unsetenv("LISTEN_PID"); /* not for the workers */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return 0;
}

void notify_send(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval timeout = {.tv_sec = 2};
    size_t length = path != NULL ? strlen(path) : 0;
    int fd;

    if (length == 0 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* the abstract namespace */
    fd = weir__socket(AF_UNIX, SOCK_DGRAM, 0);
    /* A manager that does not read its socket must not block us. */
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (fd >= 0)
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    weir__close(&fd);
}
