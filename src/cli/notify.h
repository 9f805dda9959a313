/* cli/notify.h - the service manager that started weir serve, if any: its sockets
 * (sd_listen_fds(3)) and notifications (sd_notify(3)). */
#ifndef WEIR_CLI_NOTIFY_H
#define WEIR_CLI_NOTIFY_H

/* The passed listening socket, close-on-exec, or -1 if there is none, or -2 if there is more than
 * one or it is not a listening stream socket. */
int notify_take_socket(void);

/* Sends "READY=1" or the like to $NOTIFY_SOCKET, if set. */
void notify_send(const char *state);

#endif
