/* pool/connection.h - one connection to a server: a client and its calls.
 *
 * connection.c is the connection, server_call.c a call that came over it.
 */
#ifndef WEIR_POOL_CONNECTION_H
#define WEIR_POOL_CONNECTION_H

#include <weir/lines.h>

#include "base/buffer.h"
#include "pool/server.h"
#include "rpc/rpc_parse.h"

/* One request of a client's that a worker has.
 *
 *   OPEN --the pool's outcome, a broken rule, the end of its connection--> gone
 */
struct weir__errand {
    struct weir__session *session;
    struct weir__errand *next, **link;           /* all of the session */
    struct weir__errand *next_same, **same_link; /* those of the same place in its table */
    struct weir__errand *next_due, **due_link;   /* those with credit to pass on; link NULL: no */
    weir_call_t *call;
    struct weir__batch *batch;  /* NULL: it came alone */
    struct weir__slice id, key; /* its own copies; key: what it is found by */
    char *owned_key;
    size_t hash, weight;
    uint64_t granted;  /* input credit told to the client, of what the worker has given */
    int input;         /* it has an input stream that is open */
    int64_t promised;  /* credit for values that the worker does not have yet */
    int64_t under_way; /* and that it has: values that may come */
    size_t unsent;     /* bytes of its input stream that the worker may not have read */
};

/* Requests that came in one line, and are answered in one. */
struct weir__batch {
    struct weir__buffer answers;
    size_t open;  /* calls, and one more until all elements are heard */
    size_t heard; /* elements */
};

struct weir__session {
    struct weir__server *server;
    struct weir__session *next, **link;
    int fd;
    weir__watch *watch;
    weir_lines *lines;
    struct weir__batch *batch; /* whose elements are being heard; they are in lines */
    struct weir__slice rest;   /* of it */
    struct weir__buffer sending;
    size_t sent;

    struct weir__flow *flow; /* its calls in the pool */
    struct weir__errand *errands;
    size_t errand_count;
    struct weir__errand **table; /* by key; as many as a power of two */
    size_t table_size;
    struct weir__errand *due, **last_due;

    size_t weight;       /* that the server has counted */
    size_t calls_weight; /* of its calls and batches */
    int hearing;         /* answers gather until the burst of lines is over */
    int is_paused;       /* there is more to hear, in a later turn */
    int is_held;         /* not read: the server's memory is short */
    int has_taken;       /* it has read something since it was held */
    int ending;          /* closes when all is sent */
    int is_over;
};

/* Takes fd.  Errors: SYSTEM, NOMEM. */
int weir__session_open(struct weir__server *server, int fd, struct weir_error *error);

/* Cancels its calls and closes it. */
void weir__session_close(struct weir__session *session);

/* Whether the client is owed bytes, or an answer. */
int weir__session_owes(const struct weir__session *session);

/* connection.c, for server_call.c */
/* Answers a request, to the client or into its batch: with what came of the call, or
 * with an error. */
void weir__session_answer(struct weir__session *session, struct weir__batch *batch,
                          struct weir__slice id, const struct weir_reply *reply, int64_t code,
                          const char *message);
/* One call of a batch is answered; with the last one the batch is. */
void weir__session_leave_batch(struct weir__session *session, struct weir__batch *batch);
/* What was added goes out now, or when the burst of lines that is being heard is over. */
void weir__session_sent(struct weir__session *session, int status);

/* connection.c, for bounds.c */
size_t weir__session_weight(const struct weir__session *session);
/* Is read no more, or again. */
void weir__session_hold(struct weir__session *session, int hold);
/* Puts the client out, with a sentence if it can be said at once. */
void weir__session_drop(struct weir__session *session, const char *why);

/* server_call.c, for bounds.c */
/* Counts again what its calls hold for their workers. */
void weir__errand_weigh(struct weir__session *session);

/* server_call.c, for connection.c */
/* Starts the call that a request asks for, or answers why not. */
void weir__errand_start(struct weir__session *session, struct weir__batch *batch,
                        const struct weir__message *message);
/* A notification: of one of the calls, perhaps. */
void weir__errand_notice(struct weir__session *session, const struct weir__message *message);
/* Passes credit of the first one that is due on to its worker.  Calls may end. */
void weir__errand_grant(struct weir__session *session);
/* Cancels it without an answer: the client has gone. */
void weir__errand_drop(struct weir__errand *errand);

#endif
