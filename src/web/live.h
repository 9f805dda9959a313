/* web/live.h - clients that watch what the server does: events of its figures and calls. */
#ifndef WEIR_WEB_LIVE_H
#define WEIR_WEB_LIVE_H

#include <jansson.h>

#include "web/web.h"

/* Sends the client events from now on, or refuses it. */
void weir__web_live_begin(struct weir__web_client *client);

/* It is over. */
void weir__web_live_drop(struct weir__web_client *client);

/* A call has begun or ended: those who watch are told soon. */
void weir__web_live_tell(struct weir__web_door *door);

/* Ends all that watch. */
void weir__web_live_end(struct weir__web_door *door);

/* The calls that wait or run.  NULL: no memory. */
json_t *weir__web_live_calls(const struct weir__web_door *door);

int weir__web_live_open(struct weir__web_door *door, struct weir_error *error);
void weir__web_live_close(struct weir__web_door *door);

#endif
