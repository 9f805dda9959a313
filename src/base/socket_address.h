/* base/socket_address.h - the path of a Unix socket as an address. */
#ifndef WEIR_BASE_SOCKET_ADDRESS_H
#define WEIR_BASE_SOCKET_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

#include <weir/error.h>

/* The longest path that an address holds: the kernel's array less the NUL. */
enum { WEIR__SOCKET_PATH_MAX = sizeof((struct sockaddr_un *)0)->sun_path - 1 };

/* Fills *address from path.  Errors: INVALID, when the path is empty, longer than
 * WEIR__SOCKET_PATH_MAX, or names Linux's abstract namespace ("@name"), which has no
 * file whose mode could keep other users out. */
int weir__socket_address(struct sockaddr_un *address, const char *path, struct weir_error *error);

/* The user at the other end of a connected Unix socket: the one that connected, or that began to
 * listen.  Returns 0, or -1: the system does not say. */
int weir__socket_peer(int fd, uid_t *user);

#endif
