/* web/output.h - bytes to a client, its watch and its end. */
#ifndef WEIR_WEB_OUTPUT_H
#define WEIR_WEB_OUTPUT_H

#include "web/web.h"

/* Returns the number of bytes that the client has not taken yet. */
size_t weir__web_owed(const struct weir__web_client *client);

/* Sends what the socket takes. */
void weir__web_flush(struct weir__web_client *client);

/* Watches the client for what its state waits for, and looks at its deadlines in time. */
void weir__web_watch(struct weir__web_client *client);

/* When its next deadline is; INT64_MAX: none. */
int64_t weir__web_due_ns(const struct weir__web_client *client);

/* Ends the client soon: the loop frees it, because its call may be in a callback now. */
void weir__web_end(struct weir__web_client *client);

#endif
