/* web/metrics.h - the figures of the door and of its pool, in the text format of Prometheus
 * (0.0.4).
 */
#ifndef WEIR_WEB_METRICS_H
#define WEIR_WEB_METRICS_H

#include "web/web.h"

/* The head of a request was read. */
void weir__web_metrics_begin(struct weir__web_client *client);

/* Its response with client->status is written. */
void weir__web_metrics_end(struct weir__web_client *client);

/* The client has gone without one. */
void weir__web_metrics_drop(struct weir__web_client *client);

/* A token was refused.  type: of the problem; NULL: the one of the status. */
void weir__web_metrics_refuse(struct weir__web_door *door, int status, const char *type);

void weir__web_metrics_clear(struct weir__web_door *door);

/* Writes all of them.  Errors: NOMEM. */
int weir__web_metrics_write(const struct weir__web_door *door, struct weir__buffer *to);

#endif
