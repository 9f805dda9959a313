/* web/kept.h - replies that are kept: of calls with an Idempotency-Key, and of those that were sent
 * with Prefer: respond-async.
 *
 *   running --its call ends--> done --10 min, 1,000 later ones or 16 MiB of them--> forgotten
 *
 * They are in memory only. */
#ifndef WEIR_WEB_KEPT_H
#define WEIR_WEB_KEPT_H

#include "web/web.h"

enum { WEIR__WEB_TIMING = 96 };

struct weir__web_kept {
    struct weir__web_kept *next, **link; /* all of the door, the newest first */
    struct weir__web_exchange *exchange; /* its call, while that runs */
    char id[WEIR__WEB_CALL_ID];
    struct weir__web_ask ask; /* .key is "" too where the call may be tried again */
    int64_t ended_ns;
    int status;        /* of the response; 0: it runs */
    unsigned retry_s;  /* with 503: for Retry-After; 0: 1 */
    uint64_t held_for; /* what must be written before it is sent */
    char timing[WEIR__WEB_TIMING];
    struct weir__buffer body;
};

/* Finds the one with this key, or of this call that was sent with respond-async; NULL: none. */
struct weir__web_kept *weir__web_kept_find(struct weir__web_door *door, const char *caller,
                                           const char *key);
struct weir__web_kept *weir__web_kept_call(struct weir__web_door *door, const char *caller,
                                           const char *id);

/* Begins one for what the client asks.  Returns NULL: no memory. */
struct weir__web_kept *weir__web_kept_begin(struct weir__web_exchange *exchange,
                                            const struct weir__web_ask *ask);

/* Its call has ended; takes body.  A call that was not executed (503) may be tried again. */
void weir__web_kept_end(struct weir__web_kept *kept, int status, const char *timing,
                        struct weir__buffer *body);

/* Answers the client with its response, which is done. */
void weir__web_kept_answer(struct weir__web_client *client, const struct weir__web_kept *kept,
                           int is_replay);

/* Forgets it, or all that are done; NULL is fine. */
void weir__web_kept_free(struct weir__web_kept *kept);
void weir__web_kept_clear(struct weir__web_door *door);

#endif
