/* spawner/response.h - responses to the host.  Never waits: what the socket does
 * not take is kept and sent on when there is room.
 *
 *   {"job":1,"what":"started","pids":[4711,4712]}
 *                                                          (those before one that failed, too)
   {"job":1,"what":"failed","stage":1,"step":"exec","errno":2,"detail":""}
 *   {"job":1,"what":"exit","stage":0,"pid":4711,"code":0,"signal":0,"user_us":1,"system_us":2,
 *    "max_rss_kb":3,"at_ns":4,"ended":true}   (at_ns: CLOCK_MONOTONIC)
 *   {"job":1,"what":"sent","signal":15}
 *   {"job":1,"what":"paused","stage":0,"signal":20}
 *   {"job":1,"what":"unsent","signal":15}   (a process of the job may not be sent it by us)
 *   {"job":1,"what":"ended"}   (with "survivors":[[4711,1]]: survivors, with an errno each)
 *   {"job":1,"what":"refused","errno":24,"detail":"..."}   (job 0: it could not be read)
 *   {"what":"pong"}
 *   {"what":"hello","pid":4711}   (from the parent of a spawner that is not to stay a child)
 */
#ifndef WEIR_SPAWNER_RESPONSE_H
#define WEIR_SPAWNER_RESPONSE_H

#include <stdint.h>

struct weir__link;

/* Responses go there from now on; NULL: nowhere. */
void response_use(const struct weir__link *link);

/* Sends one response; format as in printf(3). */
void response_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sends what is waiting.  Returns 1 while some of it still waits, else 0. */
int response_flush(void);

/* Writes text as the inside of a JSON string, cut to size. */
void response_escape(const char *text, char *escaped, int size);

#endif
