/* web/exchange.h - a request that has a call: from its start to the last byte of its response. */
#ifndef WEIR_WEB_EXCHANGE_H
#define WEIR_WEB_EXCHANGE_H

#include "web/web.h"

/* Calls method for the client's request, and answers it in the end.  params: a JSON text, or none;
 * borrowed.  The terms are the client's. */
void weir__web_exchange_start(struct weir__web_client *client, const char *method,
                              struct weir__http_text params);

/* Grants credit for more values where the client reads them. */
void weir__web_exchange_grant(struct weir__web_exchange *exchange);

/* The client has gone: cancels the call without a response, or lets it go on where its reply is
 * kept. */
void weir__web_exchange_drop(struct weir__web_exchange *exchange);

/* Cancels the calls that go on without a client. */
void weir__web_exchange_end_all(struct weir__web_door *door);

#endif
