/* pool/pool.h - the inside of a pool.
 *
 * pool.c opens and closes it, worker_group.c keeps the right number of workers of each kind,
 * peer.c is one worker, hear.c what it says, dispatch.c gives calls to workers, call.c
 * is one call, call_api.c its owner's side, dialect.c the words on the wire.
 *
 * One worker, a peer:
 *
 *   start --> STARTING --hello--> READY --replaced, pool ends--> RETIRING
 *                 |                 |                               |
 *      no hello,  |                 | end of file, broken pipe      | no call left
 *      its end    |                 v                               |
 *                 |               LOST (READY or RETIRING before)   |
 *                 |                 | its exit, or a moment later   |
 *                 v                 v                               v
 *               ENDING <------ its calls are settled            ENDING --> gone
 *
 *   A line that is no message: READY or RETIRING --> ENDING at once.
 *
 * One call:
 *
 *   start --> QUEUED --a worker has room--> SENT --response--> OVER
 *               ^ |                          |  |
 *               | +--cancel, deadline--> OVER|  +--cancel, deadline--> CANCELLING
 *               |                            |                           | message, SIGINT,
 *               +--its worker died: unread,  |                           | SIGTERM, SIGKILL
 *                  or idempotent, once ------+--> OVER (unknown)         v
 *                                                                      OVER
 *
 *   At a deadline its owner is told at once; the call itself lives on, CANCELLING, until
 *   the worker has let go of it.
 *
 * Everything here is touched only by the thread that runs the context's loop.
 */
#ifndef WEIR_POOL_POOL_H
#define WEIR_POOL_POOL_H

#include <jansson.h>
#include <stdatomic.h>

#include <weir/pool.h>

#include "base/histogram.h"
#include "loop/timer_heap.h"
#include "work/backoff.h"
#include "work/dialect.h"
#include "work/message_reader.h"
#include "proc/operation.h"
#include "rpc/credit.h"
#include "work/stderr_forwarder.h"
#include "work/worker.h"

/* --- Calls ----------------------------------------------------------------- */

enum weir__call_state {
    WEIR__CALL_QUEUED,
    WEIR__CALL_SENT,
    WEIR__CALL_CANCELLING,
    WEIR__CALL_OVER,
};

/* Why a call is CANCELLING. */
enum weir__asked { WEIR__ASKED_NOT, WEIR__ASKED_CANCEL, WEIR__ASKED_DEADLINE, WEIR__ASKED_BROKEN };

struct weir__call_queue {
    struct weir_call *first, *last;
};

/* Whose calls they are, where several share a pool: workers take calls of each in turn. */
struct weir__flow {
    size_t queued;
    uint64_t turns[]; /* of the last call, for each kind */
};

/* A value of an output stream that nobody has taken yet. */
struct weir__value {
    struct weir__value *next;
    size_t length;
    char bytes[];
};

struct weir_call {
    struct weir__life life; /* first; over: its owner has been told */
    atomic_int refs;        /* its owner, and the pool until it is OVER */
    struct weir_pool *pool; /* NULL once OVER */
    enum weir__call_state state;
    struct weir__call_queue *queue; /* that it is in; NULL: in none */
    struct weir_call *next, *previous;
    struct weir__flow *flow; /* NULL: the pool's owner's */
    uint64_t turn;           /* in the queue of its kind; 0: it has not had one */

    /* What is asked: all in one piece of memory with the call. */
    const char *method;
    struct weir__slice params;
    const char *traceparent, *tracestate;
    int64_t deadline_ns; /* INT64_MAX: none */
    int idempotent, input;
    unsigned credit;     /* at its start */
    int64_t all_granted; /* and since: what a worker that has it anew may send */
    int only_kind; /* -1: any */

    struct weir__kind *kind; /* NULL: nobody knows yet */
    struct weir__peer *peer; /* that has it */
    int64_t id;              /* there */
    uint64_t offset;         /* of its first byte in all that the peer was given */
    unsigned kills;          /* workers that died of it, it alone */
    int has_streamed;        /* a value was delivered, or one was sent: it cannot be done again */
    int is_last_try;
    enum weir__asked asked;
    int step; /* of the ladder */
    struct weir__alarm deadline, ladder;

    struct weir__sender sender;
    struct weir__receiver receiver;
    int has_output, input_is_over;
    char *input_error; /* an error object, when it ended so */
    struct weir__value *values, **last_value, *taken;
    int news; /* for a thread that waits: a value, credit, the end */

    struct weir_call_sink sink;
    int has_sink, is_starting, is_decided, drops_values;
    struct weir_reply reply;
    int64_t started_ns;
};

/* --- Workers --------------------------------------------------------------- */

enum weir__peer_state {
    WEIR__PEER_STARTING,
    WEIR__PEER_READY,
    WEIR__PEER_RETIRING,
    WEIR__PEER_LOST,
    WEIR__PEER_ENDING,
};

struct weir__peer {
    struct weir__worker worker;
    struct weir__peer *next, *next_dirty;
    struct weir__kind *kind;
    enum weir__peer_state state;
    struct weir__ear ear; /* has its dialect */
    struct weir__greeting greeting;
    unsigned window;

    struct weir_call **slots; /* by id; as many as a power of two */
    size_t slot_count, flights;
    int64_t last_id;
    struct weir_call *suspect; /* has killed one before: it is here alone */

    struct weir__buffer partial; /* the beginning of a line */
    int is_dirty;                /* some are not written yet */
    struct weir__alarm alarm;    /* what it may take: to start, to grow old, to end */
    struct weir__seat *seat;
    int was_starting; /* when it was lost */
    int is_old;       /* to be replaced */
    int is_our_end;   /* we ended it, for no fault of a call's */
    uint64_t calls;
    char reason[300]; /* why it is of no use; "": its exit says it */
};

/* The place of one worker, and of those that come after it. */
struct weir__seat {
    struct weir__peer *peer; /* that had it last; NULL: it is gone */
    struct weir__backoff backoff;
    int has_answered; /* a call, since the last failure */
};

struct weir__kind {
    struct weir_pool *pool;
    size_t number;
    struct weir_command command; /* the launcher's words before its own */
    struct weir_command stop;    /* ends what the launcher leaves behind; argv NULL: none */
    json_t *methods;             /* as the last hello had them; NULL: not known, any may be tried */
    int is_known;                /* some worker has been ready */
    struct weir__call_queue queue; /* by their turns */
    uint64_t turn;                 /* of the last call that was sent */
    uint64_t own_turn;             /* and of the last of the pool's owner's */
    struct weir__peer *peers, *outgoing; /* outgoing: is being replaced */

    struct weir__seat *seats; /* as many as there are to be workers */
    int is_hopeless;          /* the program cannot be executed */
    int64_t failing_since_ns; /* starts fail, and no worker is up; 0: not so */
    int is_down;              /* and that for too long */
    struct weir__alarm restart;
    char last_words[480]; /* of the last that failed */
};

/* --- The pool -------------------------------------------------------------- */

enum weir__pool_state {
    WEIR__POOL_OPEN,
    WEIR__POOL_DRAINING, /* takes no calls */
    WEIR__POOL_ENDING,   /* has none; its workers end */
};

/* Somebody who waits for workers. */
struct weir__ready_wait {
    struct weir__ready_wait *next;
    struct weir_pool *pool;
    unsigned workers;
    struct weir__alarm alarm;
    int done, status;
    struct weir_error error;
    weir_pool_ready ready; /* NULL: a thread that sleeps */
    void *context;
};

struct weir_pool {
    struct weir__member member; /* first: the context hands it back */
    weir_t *weir;
    struct weir_pool_options options;
    enum weir__pool_state state;
    struct weir__kind *kinds;
    size_t kind_count;
    int is_launched; /* there is a launcher in front */
    struct weir__alarms alarms;
    struct weir__passer passer;
    struct weir__buffer scratch;
    struct weir_error clash; /* two kinds have a method of the same name */

    struct weir__call_queue unsorted; /* nobody knows yet whose they are */
    struct weir__call_queue decided;  /* their owners are told by the loop */
    size_t queued, running, alive;
    uint64_t calls, errors, restarts, noise, late;
    struct weir__latency latency;

    struct weir__ready_wait *waits;
    struct weir__peer *dirty;
    struct weir__alarm drain;
    void (*drained)(weir_pool_t *pool, void *context);
    void *drained_context;
    int is_closing; /* its owner waits, or has gone */
    int holds, freed, gone;
};

/* Around everything that happens in a pool: what was written meanwhile goes out
 * together when the outermost leaves.  Then the pool may be gone. */
void weir__pool_enter(struct weir_pool *pool);
void weir__pool_leave(struct weir_pool *pool);

/* Begins what weir_pool_close() does, without time to drain; that returns at once, and must
 * be called, when gone is set. */
void weir__pool_start_close(struct weir_pool *pool);

/* Closes it as inside a callback: its workers are killed, and nobody waits.  Accepts NULL. */
void weir__pool_kill(struct weir_pool *pool);

/* wait_ready.c */
/* Somebody may wait for what has changed. */
void weir__pool_look(struct weir_pool *pool);
/* Who waits hears that the pool is closed. */
void weir__pool_end_waits(struct weir_pool *pool);

/* options.c */
int weir__pool_options_copy(struct weir_pool *pool, const struct weir_pool_options *options,
                            struct weir_error *error);
void weir__pool_options_clear(struct weir_pool *pool);

/* worker_group.c */
int weir__kind_tend(struct weir__kind *kind, struct weir_error *error);
void weir__kind_greeted(struct weir__kind *kind, struct weir__peer *peer);
void weir__kind_lost(struct weir__kind *kind, struct weir__peer *peer, int was_starting);
/* It has answered a call. */
void weir__kind_succeeded(struct weir__peer *peer);
void weir__kind_restart_due(void *owner);
unsigned weir__kind_ready(const struct weir__kind *kind);
const json_t *weir__kind_method(const struct weir__kind *kind, const char *name);
/* Whether a method is known to have a stream, either way. */
int weir__pool_streams(const struct weir_pool *pool, const char *method);

/* peer.c */
int weir__peer_start(struct weir__kind *kind, struct weir__seat *seat, struct weir_error *error);
/* Puts what dialect functions wrote to scratch on its way. */
int weir__peer_give(struct weir__peer *peer);
void weir__peer_flush(struct weir__peer *peer);
/* Takes it out of service; its calls are settled.  format: why, as the end of "it ...". */
void weir__peer_break(struct weir__peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* It takes no more calls, and ends when it has none. */
void weir__peer_retire(struct weir__peer *peer);
/* Down the ladder; its calls are settled. */
void weir__peer_stop(struct weir__peer *peer, int64_t grace_ms);
/* Its greeting is over: it takes calls. */
void weir__peer_ready(struct weir__peer *peer);
int weir__peer_listens(const struct weir__peer *peer);
void weir__peer_free(struct weir__peer *peer);
/* Resident memory in KiB; 0 where nobody can tell. */
uint64_t weir__peer_rss_kb(const struct weir__peer *peer);
pid_t weir__peer_pid(const struct weir__peer *peer);
struct weir_call *weir__peer_find(const struct weir__peer *peer, int64_t id);
int weir__peer_add(struct weir__peer *peer, struct weir_call *call);
/* A call is not its any more. */
void weir__peer_remove(struct weir__peer *peer, struct weir_call *call);
void weir__peer_answered(struct weir__peer *peer);

/* hear.c */
void weir__peer_hear(struct weir__peer *peer, const char *bytes, size_t length);
/* Makes its ear; its greeting has the dialect. */
void weir__peer_listen(struct weir__peer *peer);

/* dispatch.c */
/* The caller owns it: free().  NULL: memory is short. */
struct weir__flow *weir__flow_new(const struct weir_pool *pool);
void weir__queue_append(struct weir__call_queue *queue, struct weir_call *call);
void weir__queue_remove(struct weir_call *call);
/* A new call: to a worker, or into a queue, or refused. */
void weir__dispatch_call(struct weir_call *call);
/* A call whose worker died: to the head. */
void weir__dispatch_again(struct weir_call *call);
/* Gives out what a kind has room for. */
void weir__dispatch(struct weir__kind *kind);
/* Looks anew at the calls that waited for a kind to be known, or to be up. */
void weir__dispatch_sort(struct weir_pool *pool);

/* call_api.c */
/* As weir_call_start(), for one of several.  The flow is left when the call is freed. */
struct weir_call *weir__call_start(weir_pool_t *pool, struct weir__flow *flow, const char *method,
                                   struct weir__slice params,
                                   const struct weir_call_options *options,
                                   const struct weir_call_sink *sink, struct weir_error *error);

/* call.c */
void weir__call_answer(struct weir_call *call, const struct weir__news *news);
void weir__call_value(struct weir_call *call, struct weir__slice value);
void weir__call_credit(struct weir_call *call, int64_t n);
void weir__call_ask(struct weir_call *call, enum weir__asked asked);
/* The worker is gone; unread: it had not even read the call. */
void weir__call_lost(struct weir_call *call, const struct weir__peer *peer, int unread,
                     const char *how);
/* It is over, for a reason of ours.  code as in docs/protocol.md. */
void weir__call_decide(struct weir_call *call, enum weir_outcome outcome, int64_t code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
void weir__call_deadline(void *owner);
void weir__call_ladder(void *owner);
void weir__call_grant(struct weir_call *call, int64_t values);
void weir__call_consumed(struct weir_call *call);
struct weir__slice weir__call_input_error(const struct weir_call *call);
void weir__call_unref(struct weir_call *call);

#endif
