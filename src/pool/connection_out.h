/* pool/connection_out.h - a connection to a server, and what goes out over it.
 *
 * Answers gather in a buffer that is flushed as the client reads.  Credit that the client gives
 * for values is passed on as it reads, too.
 */
#ifndef WEIR_POOL_CONNECTION_OUT_H
#define WEIR_POOL_CONNECTION_OUT_H

#include <weir/lines.h>

#include "base/buffer.h"
#include "pool/server.h"
#include "rpc/rpc_parse.h"

enum {
    WEIR__CONNECTION_CHUNK = 64 * 1024, /* bytes read at once, and kept as room for more */
    WEIR__OUTPUT_WINDOW = 64, /* values of one call under way, whatever the client's credit */
};

/* One request of a client, while the pool has its call.
 *
 *   OPEN --the pool's outcome, a broken rule, the end of its connection--> gone
 */
struct weir__server_call {
    struct weir__connection *connection;
    struct weir__server_call *next, **link;           /* all of the connection */
    struct weir__server_call *next_same, **same_link; /* those of the same place in its table */
    struct weir__server_call *next_due,
        **due_link; /* those with credit to pass on; link NULL: not one */
    weir_call_t *pool_call;
    struct weir__batch *batch;  /* NULL: it came alone */
    struct weir__slice id, key; /* its own copies; key: what it is found by */
    char *owned_key;
    size_t hash, weight;
    uint64_t granted;  /* input credit the client has been given, of the credit from the worker */
    int input;         /* it has an input stream that is open */
    int64_t promised;  /* credit for values that the worker does not have yet */
    int64_t under_way; /* and that it has: values that may come */
    size_t unsent;     /* bytes of its input stream that the worker may not have read */
};

/* Requests that came in one line, and are answered in one. */
struct weir__batch {
    struct weir__buffer answers;
    size_t open;  /* calls, and one more until all elements are read */
    size_t heard; /* elements that were read */
};

struct weir__connection {
    struct weir__server *server;
    struct weir__connection *next, **link;
    int fd;
    weir__watch *watch;
    weir_lines_t *lines;
    struct weir__batch *batch; /* whose elements are being read; they are in lines */
    struct weir__slice rest;   /* of it */
    struct weir__buffer sending;
    size_t sent;

    struct weir__flow *flow; /* its calls in the pool */
    struct weir__server_call *calls;
    size_t call_count;
    struct weir__server_call **table; /* by key; as many as a power of two */
    size_t table_size;
    struct weir__server_call *due, **last_due;

    size_t weight;       /* that the server has counted */
    size_t calls_weight; /* of its calls and batches */
    int hearing;         /* lines are being read: answers gather until the burst is over */
    int is_paused;       /* there is more to read, in a later turn */
    int is_held;         /* not read: the server's memory is short */
    int has_taken;       /* it has read something since it was held */
    int ending;          /* closes when all is sent */
    int is_over;
};

/* Bytes that the client has not taken yet. */
size_t weir__connection_owed(const struct weir__connection *connection);

/* Whether the client is owed bytes, or an answer. */
int weir__connection_owes(const struct weir__connection *connection);

/* Whether the client's requests are read: not while it has much to read itself. */
int weir__connection_is_read(const struct weir__connection *connection);

/* Whether more answers may be made now. */
int weir__connection_has_room(const struct weir__connection *connection);

/* Answers a request, to the client or into its batch: with the outcome of the call, or with an
 * error. */
void weir__connection_answer(struct weir__connection *connection, struct weir__batch *batch,
                             struct weir__slice id, const struct weir_reply *reply, int64_t code,
                             const char *message);

/* One call of a batch has its answer; after the last one the batch is sent. */
void weir__connection_leave_batch(struct weir__connection *connection, struct weir__batch *batch);

/* Bytes were added, or there was no memory for them: they go out now, or after the burst of
 * lines that is being read. */
void weir__connection_sent(struct weir__connection *connection, int status);

/* Writes what it can, and passes credit on.  Calls may end here. */
void weir__connection_flush(struct weir__connection *connection);

/* Ends it soon: its calls may be in callbacks now, so the loop closes it. */
void weir__connection_end(struct weir__connection *connection);

/* Its weight has changed. */
void weir__connection_weigh(struct weir__connection *connection);
size_t weir__connection_weight(const struct weir__connection *connection);

/* Stops reading from the client, or goes on. */
void weir__connection_hold(struct weir__connection *connection, int hold);

/* Ends it with an error to the client, if that can be written at once. */
void weir__connection_drop(struct weir__connection *connection, const char *why);

/* Passes a call's credit on when its turn comes, where it has any; or not any more. */
void weir__connection_owe_credit(struct weir__server_call *call);
void weir__connection_forget_credit(struct weir__server_call *call);

#endif
