/* web/account.h - tells the owner of the door of requests and calls that are over, and has answers
 * wait until that is noted. */
#ifndef WEIR_WEB_ACCOUNT_H
#define WEIR_WEB_ACCOUNT_H

#include "web/web.h"

/* Notes who asks for a call, whose client may go before it ends, in *origin, which the caller
 * frees; NULL: nobody asks.  Errors: NOMEM. */
int weir__web_account_begin(const struct weir__web_client *client,
                            struct weir__web_origin **origin);

/* The exchange's call is over, or given up. */
void weir__web_account_call(struct weir__web_exchange *exchange);

/* The same for one that was made at /mcp.  client: NULL where it has gone; status: of its response;
 * 0: there is none. */
void weir__web_account_served(const struct weir__web_door *door, struct weir__web_client *client,
                              const struct weir__web_origin *origin,
                              const struct weir__served_call *made, int status);

/* A response is written, or the client goes without one (then is_answered is 0). */
void weir__web_account_request(struct weir__web_client *client, int is_answered);

enum { WEIR__WEB_TRACE = 56 };

/* Makes a traceparent that begins a trace.  Returns text. */
char *weir__web_account_trace(char text[WEIR__WEB_TRACE]);

/* What the client is owed waits until this is written; 0: it does not. */
void weir__web_account_hold(struct weir__web_client *client, uint64_t number);

/* Whether what the client is owed must wait. */
int weir__web_account_holds(const struct weir__web_client *client);

/* Looks what is written now, and lets clients go on.  data: the door. */
void weir__web_account_release(void *data, int bits);

#endif
