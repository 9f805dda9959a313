/* pool/session.h - one connection to a server: a client and its calls.
 *
 * session.c is the connection, errand.c a call that came over it.
 */
#ifndef WEIR_POOL_SESSION_H
#define WEIR_POOL_SESSION_H

#include <weir/lines.h>

#include "base/buffer.h"
#include "pool/server.h"
#include "rpc/message.h"

/* One request of a client's that a worker has.
 *
 *   OPEN --the pool's outcome--> answered and freed
 */
struct weir__errand {
    struct weir__session *session;
    struct weir__errand *next, **link;
    weir_call_t *call;
    struct weir__batch *batch; /* NULL: it came alone */
    struct weir__slice id;     /* its own copy */
    uint64_t granted;          /* input credit told to the client, of what the worker has given */
    int input;                 /* it has an input stream that is open */
    int output;                /* it was given credit for values */
    int64_t promised;          /* of that credit, what the worker does not have yet */
    int64_t under_way;         /* and what it has: values that may come */
};

/* Requests that came in one line, and are answered in one. */
struct weir__batch {
    struct weir__buffer answers;
    size_t open;
};

struct weir__session {
    struct weir__server *server;
    struct weir__session *next, **link;
    int fd;
    weir__watch *watch;
    weir_lines *lines;
    struct weir__buffer sending;
    size_t sent;
    struct weir__errand *errands;
    size_t outputs; /* errands with output */
    int hearing;    /* answers gather until the burst of lines is over */
    int ending;     /* closes when all is sent */
    int is_over;
};

/* Takes fd.  Errors: SYSTEM, NOMEM. */
int weir__session_open(struct weir__server *server, int fd, struct weir_error *error);

/* Cancels its calls and closes it. */
void weir__session_close(struct weir__session *session);

/* Whether the client is owed bytes. */
int weir__session_owes(const struct weir__session *session);

/* session.c, for errand.c */
/* Answers a request, to the client or into its batch: with what came of the call, or
 * with an error. */
void weir__session_answer(struct weir__session *session, struct weir__batch *batch,
                          struct weir__slice id, const struct weir_reply *reply, int64_t code,
                          const char *message);
/* One call of a batch is answered; with the last one the batch is. */
void weir__session_leave_batch(struct weir__session *session, struct weir__batch *batch);
/* What was added goes out now, or when the burst of lines that is being heard is over. */
void weir__session_sent(struct weir__session *session, int status);

/* errand.c, for session.c */
/* Starts the call that a request asks for, or answers why not. */
void weir__errand_start(struct weir__session *session, struct weir__batch *batch,
                        const struct weir__message *message);
/* A notification: of one of the calls, perhaps. */
void weir__errand_notice(struct weir__session *session, const struct weir__message *message);
/* Passes some of its credit on to the worker; returns whether it did.  Calls may end. */
int weir__errand_grant(struct weir__errand *errand);
/* Cancels it, and tells nobody. */
void weir__errand_free(struct weir__errand *errand);

#endif
