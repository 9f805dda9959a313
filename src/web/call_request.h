/* web/call_request.h - from a request to its call: the fields of its head, its query and its body.
 */
#ifndef WEIR_WEB_CALL_REQUEST_H
#define WEIR_WEB_CALL_REQUEST_H

#include "web/web.h"

/* Reads what the call needs of the head.  Returns 0, or refuses the request. */
int weir__web_call_read(struct weir__web_client *client);

/* The body is there, or its input stream begins: starts the call, or answers with the reply to an
 * earlier one. */
weir__web_handler weir__web_call;

#endif
