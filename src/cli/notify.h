/* cli/notify.h - the service manager that started weir serve, where there is one:
 * sockets from it (sd_listen_fds(3)), and news to it (sd_notify(3)). */
#ifndef WEIR_CLI_NOTIFY_H
#define WEIR_CLI_NOTIFY_H

#include <weir/error.h>

/* The listening socket that was passed, close-on-exec, or -1: none was.  More than
 * one, or one that is no listening stream socket: -2. */
int notify_take_socket(void);

/* Sends "READY=1" or the like to $NOTIFY_SOCKET; without one nothing happens. */
void notify_send(const char *state);

/* given, or $XDG_RUNTIME_DIR/weir.sock.  The caller owns it: free().  NULL:
 * INVALID, there is neither; NOMEM. */
char *socket_path(const char *given, struct weir_error *error);

#endif
