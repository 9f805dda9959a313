/* web/answer.h - whole responses to a request. */
#ifndef WEIR_WEB_ANSWER_H
#define WEIR_WEB_ANSWER_H

#include "http/problem.h"
#include "web/web.h"

/* Begins a response: its status, and the fields that every response of the door has.  The caller
 * may write more fields. */
struct weir__http_writer weir__web_begin(struct weir__web_client *client, int status);

/* Ends the head that was begun with a body of this type, and the request with it.  type NULL: no
 * body. */
void weir__web_answer(struct weir__web_client *client, struct weir__http_writer *writer,
                      const char *type, const char *bytes, size_t length);

/* The whole of a response with status 200.  text is a JSON text, or NULL for want of memory; takes
 * it. */
void weir__web_answer_json(struct weir__web_client *client, char *text);

/* Retry-After; 0 seconds are 1. */
void weir__web_write_retry(struct weir__http_writer *writer, unsigned seconds);

/* A problem document, with Retry-After of 503 and 429: client->retry_s, at least 1.  call and data
 * as in weir__http_problem_write().  With writer NULL, begins the response too. */
void weir__web_answer_problem(struct weir__web_client *client, struct weir__http_writer *writer,
                              const struct weir__http_problem *problem, const char *detail,
                              const char *call, struct weir__http_text data);

/* A problem of the door itself; type NULL: the one of the status. */
void weir__web_refuse(struct weir__web_client *client, int status, const char *type,
                      const char *detail);

/* The response is written, or could not be for want of memory (failed): the next request. */
void weir__web_finish(struct weir__web_client *client, int failed);

#endif
