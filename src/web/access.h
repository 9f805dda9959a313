/* web/access.h - who may ask: by which name, from which page, as which user. */
#ifndef WEIR_WEB_ACCESS_H
#define WEIR_WEB_ACCESS_H

#include "web/web.h"

/* Looks at Host and Origin: a page elsewhere that a browser shows must not reach the door, not even
 * by a name of its own that leads here.  Returns 0, or the status to refuse the request with. */
int weir__web_check_names(const struct weir__web_client *client);

/* Whether a function is exposed. */
int weir__web_is_exposed(const struct weir__web_door *door, const char *name);

/* The Origin of a request that comes from a page elsewhere which is trusted; NULL: it does not. */
const char *weir__web_foreign_origin(const struct weir__web_client *client);

enum weir__web_who {
    WEIR__WEB_ANYBODY,
    WEIR__WEB_CALLER,
    WEIR__WEB_BOUND_CALLER, /* or one with a bound token */
    WEIR__WEB_OPERATOR,
    WEIR__WEB_LOCAL, /* any on this machine, or an operator */
};

/* Looks at the token of a head, where tokens decide.  Returns 0, or the status to refuse the
 * request with, for 401 with the problem's *type. */
int weir__web_authorize(struct weir__web_client *client, enum weir__web_who who, const char **type);

/* Whose request it is, as sessions and kept replies remember it: the digest of its token; "": there
 * are no tokens. */
const char *weir__web_caller(const struct weir__web_client *client);

/* Whether the bearer of the token may call this function now: 0, 403 or 429. */
int weir__web_authorize_name(struct weir__web_client *client, const char *name);

/* Spends a bound token, which must be for this call: whatever becomes of the call, it is used.
 * Returns 0, 401 with *type, or 503. */
int weir__web_spend(struct weir__web_client *client, const char *name, struct weir__http_text body,
                    const char **type);

/* Whether the client that has connected to fd may be served: a process of this user or of root,
 * where the door asks for that. */
int weir__web_is_own_user(const struct weir__web_door *door, int fd);

/* Finds out where the door is, and whether it can ask for users.  Errors: INVALID, SYSTEM. */
int weir__web_access_begin(struct weir__web_door *door, struct weir_error *error);

#endif
