/* web/input.h - the input stream of a call: lines of the body, as the worker has credit for them.
 */
#ifndef WEIR_WEB_INPUT_H
#define WEIR_WEB_INPUT_H

#include "web/web.h"

/* Cancels the call, which is then answered with this status and detail (static). */
void weir__web_fail_call(struct weir__web_exchange *exchange, int status, const char *detail);

/* Sends the worker the lines that came, and the end of the stream behind the last. */
void weir__web_input_send(struct weir__web_client *client);

/* Whether more of the input stream is wanted now. */
int weir__web_input_is_read(const struct weir__web_client *client);

#endif
