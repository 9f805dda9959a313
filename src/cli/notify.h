/* cli/notify.h - the service manager that started weir serve, if any: its sockets
 * (sd_listen_fds(3)) and notifications (sd_notify(3)). */
#ifndef WEIR_CLI_NOTIFY_H
#define WEIR_CLI_NOTIFY_H

/* Listening sockets that were passed, close-on-exec; -1: none. */
struct notify_sockets {
    int protocol; /* named "weir" in LISTEN_FDNAMES, or one alone whose name is not "http" */
    int http;     /* named "http" */
};

/* Returns 0, or -1 if there is a socket that is neither, or no listening stream socket. */
int notify_take_sockets(struct notify_sockets *sockets);

/* Sends "READY=1" or the like to $NOTIFY_SOCKET, if set. */
void notify_send(const char *state);

#endif
