/* pool/connection_out.h - a connection to a server and its output.
 *
 * Answers are collected in a buffer, which is flushed as the client reads.  The client's credit
 * for values is passed on as it reads, too.
 */
#ifndef WEIR_POOL_CONNECTION_OUT_H
#define WEIR_POOL_CONNECTION_OUT_H

#include <weir/lines.h>

#include "base/buffer.h"
#include "pool/server.h"
#include "rpc/rpc_parse.h"

enum {
    WEIR__CONNECTION_CHUNK = 64 * 1024, /* bytes per read, also the room kept free */
    WEIR__OUTPUT_WINDOW = 64, /* values of a call in flight, whatever the client's credit */
};

/* A client's request while its call is open in the pool.
 *
 *   OPEN --outcome from the pool, protocol violation, end of connection--> gone
 */
struct weir__server_call {
    struct weir__connection *connection;
    struct weir__server_call *next, **link;           /* all calls of the connection */
    struct weir__server_call *next_same, **same_link; /* calls in the same table slot */
    struct weir__server_call *next_due,
        **due_link; /* calls with credit to pass on; link NULL: not listed */
    weir_call_t *pool_call;
    struct weir__batch *batch;  /* NULL: not in a batch */
    struct weir__slice id, key; /* own copies; key: for the table */
    char *owned_key;
    size_t hash, weight;
    uint64_t granted;  /* input credit given to the client, of the worker's */
    int input;         /* its input stream is open */
    int output;        /* it has an output stream */
    int64_t promised;  /* credit for values not yet given to the worker */
    int64_t under_way; /* credit given to the worker: values that may arrive */
    size_t unsent;     /* bytes of its input that the worker may not have read */
    void *front_data;  /* of the connection's front */
};

/* Requests that came in one line and are answered in one line. */
struct weir__batch {
    struct weir__buffer answers;
    size_t open; /* calls, plus one until all elements are read */
    size_t read; /* elements read so far */
};

/* Descriptors that go to the client with one byte of the output. */
struct weir__parcel {
    struct weir__parcel *next;
    uint64_t at; /* the byte: its number since the start */
    int fds[2];  /* owned */
};

/* What carries the messages of a connection that has no descriptors. */
struct weir__carrier {
    /* Takes whole lines: returns 1, or 0 where it has no room. Then weir__connection_flush() is
     * called once it has. */
    int (*take)(const char *lines, size_t length, void *context);
    /* The connection is about to be freed. */
    void (*over)(void *context);
    /* Whether its client may call this method of the pool. */
    int (*allows)(const char *method, void *context);
    /* In place of the server's on_call, if that is set. answer: the line that is sent next; empty:
     * the request ends without one; NULL: another call follows, of its fallback. */
    void (*called)(const struct weir__served_call *call, const struct weir__slice *answer,
                   void *context);
};

struct weir__connection {
    struct weir__server *server;
    const struct weir__front *front; /* what the client speaks: pool/front.h */
    void *front_data;
    uint64_t number;
    char *client; /* as it calls itself; NULL: unknown */
    struct weir__connection *next, **link;
    int fd, out_fd; /* one socket, or two descriptors */
    int in_is_socket, out_is_socket;
    const struct weir__carrier *carrier; /* NULL: it has descriptors */
    void *carrier_context;
    int is_left; /* its client has gone: it does not count among the server's connections */
    weir__watch *watch, *out_watch; /* out_watch: NULL for one socket */
    weir_lines_t *lines;
    struct weir__batch *batch; /* the one being read; its elements are in lines */
    struct weir__slice rest;   /* its unread part */
    struct weir__buffer sending;
    size_t sent;
    uint64_t written; /* since the start */
    struct weir__parcel *parcels;
    struct weir__lending *lending; /* NULL: no worker was ever asked for */

    struct weir__flow *flow; /* of its calls in the pool */
    struct weir__server_call *calls;
    size_t call_count;
    struct weir__server_call **table; /* hashed by key; size is a power of two */
    size_t table_size;
    struct weir__server_call *due, **last_due;

    size_t weight;       /* as counted by the server */
    size_t calls_weight; /* of its calls and batches */
    int is_reading;      /* lines are being read: answers are sent after the burst */
    int is_paused;       /* more to read in a later turn */
    int is_held;         /* not read: the server is short of memory */
    int has_taken;       /* the client has read something since then */
    int ending;          /* closes once everything is sent */
    int input_over;      /* two descriptors: closes once all calls are answered */
    int reader_stays;    /* two descriptors: only a write shows that the reader has gone */
    int is_over;
};

/* Returns the number of bytes that the client has not taken yet. */
size_t weir__connection_owed(const struct weir__connection *connection);

/* The parcel leaves with the byte that it names, the last of all parcels; takes it. */
void weir__connection_add_parcel(struct weir__connection *connection, struct weir__parcel *parcel);

/* Closes the descriptors of all parcels. */
void weir__connection_drop_parcels(struct weir__connection *connection);

/* Closes those of one; accepts NULL. */
void weir__parcel_free(struct weir__parcel *parcel);

/* Whether the client still gets bytes or an answer. */
int weir__connection_owes(const struct weir__connection *connection);

/* Whether requests are read: not while the client lags behind with reading. */
int weir__connection_is_read(const struct weir__connection *connection);

/* Whether more answers may be generated now. */
int weir__connection_has_room(const struct weir__connection *connection);

/* Whether the client may call this method. */
int weir__connection_allows(const struct weir__connection *connection, const char *method);

/* Answers a request, directly or in its batch: with the call's outcome or an error. */
void weir__connection_answer(struct weir__connection *connection, struct weir__batch *batch,
                             struct weir__slice id, const struct weir_reply *reply, int64_t code,
                             const char *message);

/* For a front that writes an answer itself: returns the buffer to append a line to, or NULL if no
 * answer is wanted any more. weir__connection_written() takes the status of writing. */
struct weir__buffer *weir__connection_begin_answer(struct weir__connection *connection,
                                                   struct weir__batch *batch);
void weir__connection_written(struct weir__connection *connection, struct weir__batch *batch,
                              int status);

/* Notes that a call of a batch has its answer. After the last one the batch is sent. */
void weir__connection_leave_batch(struct weir__connection *connection, struct weir__batch *batch);

/* Bytes were added (or memory ran out): sends them now, or after the current burst of lines. */
void weir__connection_sent(struct weir__connection *connection, int status);

/* Writes what it can and passes credit on. Calls may end here. */
void weir__connection_flush(struct weir__connection *connection);

/* Ends the connection soon: the loop closes it, because its calls may be in callbacks now. */
void weir__connection_end(struct weir__connection *connection);

/* Reports that the weight has changed. */
void weir__connection_weigh(struct weir__connection *connection);
size_t weir__connection_weight(const struct weir__connection *connection);

/* Stops or resumes reading from the client. */
void weir__connection_hold(struct weir__connection *connection, int hold);

/* Ends the connection with an error to the client, if that can be written at once. */
void weir__connection_drop(struct weir__connection *connection, const char *why);

/* Schedules passing on a call's credit if it has any, otherwise removes it from the schedule. */
void weir__connection_owe_credit(struct weir__server_call *call);
void weir__connection_forget_credit(struct weir__server_call *call);

#endif
