/* web/client.h - one connection of the web door. */
#ifndef WEIR_WEB_CLIENT_H
#define WEIR_WEB_CLIENT_H

#include "web/web.h"

/* Serves the client that has connected; takes fd. */
void weir__web_client_open(struct weir__web_door *door, int fd, const struct weir__web_peer *peer);

/* Tells a client why it is not served; takes fd. */
void weir__web_client_refuse(struct weir__web_door *door, int fd, const struct weir__web_peer *peer,
                             int status, const char *detail);

/* Cancels its call and closes it. */
void weir__web_client_close(struct weir__web_client *client);

/* Its response is complete: sends it, and reads the next request. */
void weir__web_client_go_on(struct weir__web_client *client);

/* Looks whether its time is over. */
void weir__web_client_check(struct weir__web_client *client, int64_t now_ns);

#endif
