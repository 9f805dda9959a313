/* web/mcp_session.h - sessions of MCP over HTTP, and the requests that belong to them. */
#ifndef WEIR_WEB_MCP_SESSION_H
#define WEIR_WEB_MCP_SESSION_H

#include <jansson.h>

#include "rpc/rpc_parse.h"
#include "web/web.h"

enum { WEIR__WEB_SESSION_ID = 33 };

struct weir__web_session {
    struct weir__web_session *next, **link; /* all of the door, the one used last first */
    char id[WEIR__WEB_SESSION_ID];
    char bearer[WEIR__DIGEST_SIZE]; /* of its client's token; "": there are no tokens */
    char *client;                   /* as it calls itself; NULL: unknown */
};

/* A request of HTTP that has a connection. */
struct weir__web_mcp {
    struct weir__web_door *door;
    struct weir__web_client *client; /* NULL: it has its answer, or went */
    struct weir__web_mcp *next, **link;
    struct weir__connection *connection;
    struct weir__web_session *session; /* NULL: none is needed */
    json_t *methods;                   /* that its token allows; NULL: all */
    struct weir__web_origin *origin;   /* NULL: nobody asks */
    int begins_session;
    int is_get;    /* it is only told what changes */
    int is_stream; /* the head of a stream of events is sent */
    int accepts_json, accepts_events;
};

/* The session of the client's token with this id, now the one used last; NULL: there is none. */
struct weir__web_session *weir__web_session_find(struct weir__web_client *client,
                                                 struct weir__http_text id);

/* A new one, for which the least useful one may end.  params: those of "initialize".  NULL: no
 * memory. */
struct weir__web_session *weir__web_session_begin(struct weir__web_client *client,
                                                  struct weir__slice params);

/* Ends what it has open, and frees it. */
void weir__web_session_end(struct weir__web_door *door, struct weir__web_session *session);

#endif
