/* web/route.h - what a request asks for: the table of routes. */
#ifndef WEIR_WEB_ROUTE_H
#define WEIR_WEB_ROUTE_H

#include "web/web.h"

/* Looks at a head: refuses the request, or answers it, or starts its call, or has the body read
 * (state BODY). */
void weir__web_route_head(struct weir__web_client *client);

/* The same when the body is there, from the end of the head to client->body_end. */
void weir__web_route_body(struct weir__web_client *client);

#endif
