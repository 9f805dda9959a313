/* web/access.h - who may ask: by which name, from which page, as which user. */
#ifndef WEIR_WEB_ACCESS_H
#define WEIR_WEB_ACCESS_H

#include "web/web.h"

/* Looks at Host and Origin: a page elsewhere that a browser shows must not reach the door, not even
 * by a name of its own that leads here.  Returns 0, or the status to refuse the request with. */
int weir__web_check_names(const struct weir__web_client *client);

/* The Origin of a request that comes from a page elsewhere which is trusted; NULL: it does not. */
const char *weir__web_foreign_origin(const struct weir__web_client *client);

/* Whether the client that has connected to fd may be served: a process of this user or of root,
 * where the door asks for that. */
int weir__web_is_own_user(const struct weir__web_door *door, int fd);

/* Finds out where the door is, and whether it can ask for users.  Errors: INVALID, SYSTEM. */
int weir__web_access_begin(struct weir__web_door *door, struct weir_error *error);

#endif
