/* pool/pool_types.h - the internals of a pool, as its files share them.
 *
 * From the bottom up: call_queue.c queues waiting calls, worker_calls.c has the calls of a
 * worker and the bytes to send it, call.c is one call, with its answer in call_answer.c and its
 * streams in call_stream.c, pool_worker.c is one worker, with what it says in worker_messages.c
 * and its process in worker_process.c, worker_group.c the workers that run one command,
 * wait_ready.c waits for workers, dispatch.c assigns calls to workers, guard.c refuses calls of
 * methods that fail, pool.c opens, settles and closes the whole, call_api.c has the owner's
 * functions for a call.
 *
 * Above the pool, lending.c lends its workers to a client.
 *
 * A file acts only on those below it.  What concerns a file above is marked as stale, and the
 * outermost weir__pool_leave() settles it.
 *
 * One worker:
 *
 *   start --> STARTING --hello--> READY --replaced, pool ends--> RETIRING
 *                 |                 |                               |
 *      no hello,  |                 | end of file, broken pipe      | no call left
 *      its exit   |                 v                               |
 *                 |               LOST (READY or RETIRING before)   |
 *                 |                 | its exit, or 50 ms later      |
 *                 v                 v                               v
 *               ENDING <------ its calls are settled            ENDING --> gone
 *
 *   A line that is not a message, or a call that does not stop: any state --> BROKEN, then
 *   ENDING once the pool is settled.
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
 *   At a deadline the owner gets the outcome at once; the call remains CANCELLING until the
 *   worker stops it.
 *
 * Threads: only the thread that runs the context's loop uses any of this.
 */
#ifndef WEIR_POOL_POOL_TYPES_H
#define WEIR_POOL_POOL_TYPES_H

#include <jansson.h>
#include <stdatomic.h>

#include <weir/pool.h>

#include "base/histogram.h"
#include "loop/timer_heap.h"
#include "pool/figures.h"
#include "proc/operation.h"
#include "rpc/credit.h"
#include "work/handshake.h"
#include "work/line_splitter.h"
#include "work/stderr_forwarder.h"
#include "work/supervisor.h"
#include "work/warm.h"
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

/* The calls of one connection. Flows that share a pool take turns. */
struct weir__flow {
    size_t queued;
    uint64_t turns[]; /* of the last call, per group */
};

/* A value of an output stream that the owner has not received yet. */
struct weir__value {
    struct weir__value *next;
    size_t length;
    char bytes[];
};

struct weir__guard;

struct weir_call {
    struct weir__operation operation; /* first; over: its owner has the outcome */
    atomic_int refs;                  /* by its owner, and by the pool until OVER */
    struct weir_pool *pool;           /* NULL once OVER */
    enum weir__call_state state;
    struct weir__call_queue *queue; /* NULL: not queued */
    struct weir_call *next, *previous;
    struct weir__flow *flow; /* NULL: started by the pool's owner */
    uint64_t turn;           /* in its group's queue; 0: none yet */

    /* The request, in one block of memory with the call. */
    const char *method;
    struct weir__slice params;
    const char *traceparent, *tracestate;
    int64_t deadline_ns; /* INT64_MAX: none */
    int64_t last_ns;     /* of the method that answers in its place */
    int idempotent, input, whole;
    int may_have_run;    /* the method whose fallback this is */
    unsigned credit;     /* initial credit */
    int64_t all_granted; /* the total: a worker that gets the call again may send as much */
    int only_group;      /* -1: any */

    struct weir__worker_group *group;     /* NULL: not known yet */
    struct weir__method_figures *figures; /* NULL: it is counted */
    struct weir__pool_worker *worker;     /* where it runs */
    int64_t id;                           /* with this worker */
    uint64_t offset;                      /* of its first byte in the bytes sent to this worker */
    unsigned kills;                       /* workers that died while running it */
    int has_streamed;                     /* a value was delivered or sent: it cannot be retried */
    enum weir__asked asked;
    int step;     /* of the stop sequence */
    int is_trial; /* let through by a breaker that is half open */

    /* Of a call of an MCP server: */
    int is_loner;    /* no other call runs beside it */
    int is_doubtful; /* cancelled, and not answered for a while */
    int is_pausing;  /* it is repeated when stop_timer rings */
    int has_looked;  /* the methods were read again, in search of its function */
    unsigned repeats;
    char *request_state; /* what the repeated request must carry; NULL: nothing */
    struct weir__heap_timer deadline, stop_timer;

    struct weir__sender sender;
    struct weir__receiver receiver;
    int has_output, input_is_over;
    char *input_error; /* the error object that ended the input, if any */
    struct weir__value *values, **last_value, *taken;
    int wakeup; /* wakes a waiting thread: value, credit, end */

    struct weir_call_sink sink;
    int has_sink;
    int is_starting;  /* weir_call_start() has not returned yet */
    int is_decided;   /* the outcome is known; the loop reports it */
    int drops_values; /* the owner takes no values */
    struct weir_reply reply;
    int64_t started_ns;
    struct weir__trace_call *traced; /* NULL: not recorded, or not sent yet */
};

/* --- Workers --------------------------------------------------------------- */

/* What the pool itself asks an MCP server: see errand.h.  The ids are 0 if nothing is asked. */
struct weir__errands {
    struct weir__pool_worker *worker;
    int64_t life_id, list_id, listen_id;
    int list_is_due; /* once more after this one */
    struct weir__tool_list tools;
    struct weir__heap_timer life_timer, list_timer;
};

enum weir__pool_worker_state {
    WEIR__POOL_WORKER_STARTING,
    WEIR__POOL_WORKER_READY,
    WEIR__POOL_WORKER_RETIRING,
    WEIR__POOL_WORKER_LOST,
    WEIR__POOL_WORKER_BROKEN, /* unusable; ends once the pool is settled */
    WEIR__POOL_WORKER_ENDING,
};

struct weir__pool_worker {
    struct weir__worker child;
    struct weir__pool_worker *next, *next_dirty;
    struct weir__worker_group *group;
    enum weir__pool_worker_state state;
    struct weir__message_reader reader; /* has its dialect */
    struct weir__handshake handshake;
    unsigned window; /* calls at a time; 0: none, it is lent */

    struct weir_call **slots; /* by id; the number is a power of two */
    size_t slot_count, flights;
    int64_t last_id;
    uint64_t lent;                 /* its number at the borrower; 0: it is not lent */
    struct weir_call *quarantined; /* a call that has killed a worker: it runs alone */
    size_t loners, doubtful;       /* of its calls */
    struct weir__errands *errands; /* what the pool asks it itself; NULL: nothing */

    struct weir__line_splitter lines; /* of its output */
    int is_dirty;                     /* has unwritten bytes */
    struct weir__heap_timer timer;    /* for start, age and end */
    struct weir__seat *seat;
    int was_starting; /* when it was lost */
    int is_old;       /* to be replaced */
    int is_our_end;   /* ended by the pool: no call is to blame */
    uint64_t calls;
    char reason[300]; /* why it is unusable; "": see its exit */
};

/* What a worker says of a method, as a call needs it. */
struct weir__method_terms {
    const json_t *about; /* where it says that; NULL: nowhere */
    int has_output;      /* a stream */
    int is_idempotent;
};

struct weir__worker_group {
    struct weir_pool *pool;
    size_t number;
    struct weir_command command;    /* with the launcher's words first */
    int is_launched;                /* there are such words */
    struct weir__warm warm;         /* parent of its workers, with the pool's warm */
    struct weir_command stop;       /* stops what the launcher leaves behind; argv NULL: none */
    struct weir_kind_options kind;  /* with the pool's values where it has none of its own */
    enum weir__mcp_start mcp_start; /* how the next server is greeted */
    unsigned capabilities;          /* of MCP servers: enum weir__mcp_capability */
    int has_greeted_again;          /* since the last server was ready or failed */
    size_t doubtful;                /* calls of its workers */
    json_t *methods;                /* of the latest hello; NULL: unknown, any may be called */
    struct weir__method_terms last; /* of the last method called */
    int is_known;                   /* a worker has been ready */
    struct weir__call_queue queue;  /* sorted by turn */
    uint64_t turn;                  /* of the last call sent */
    uint64_t own_turn;              /* of the last call by the pool's owner */
    struct weir__pool_worker *workers, *outgoing; /* outgoing: is being replaced */

    struct weir__supervisor supervisor; /* a seat for each worker that is wanted */
    int is_down;                        /* starts have failed for too long */
    struct weir__heap_timer restart;
    uint64_t restarts;
    char last_failure[480]; /* of the last worker that failed */
};

/* --- The pool -------------------------------------------------------------- */

enum weir__pool_state {
    WEIR__POOL_OPEN,
    WEIR__POOL_DRAINING, /* accepts no calls */
    WEIR__POOL_ENDING,   /* no calls left; workers end */
};

/* What has changed since the pool was last settled. */
enum weir__stale {
    WEIR__STALE_WORKERS = 1,  /* some must end, be replaced or started */
    WEIR__STALE_CALLS = 2,    /* a worker has room */
    WEIR__STALE_UNSORTED = 4, /* a group is known, up or down: look again for workers */
    WEIR__STALE_WAITS = 8,    /* a wait for workers may be over */
};

/* How a worker reports to the files above. */
struct weir__pool_worker_ops {
    /* Called around everything that happens in a worker. */
    void (*begin)(struct weir_pool *pool);
    void (*end)(struct weir_pool *pool);
    void (*on_ready)(struct weir__pool_worker *worker);
    /* The worker accepts no more calls. reason is set. */
    void (*on_lost)(struct weir__pool_worker *worker, int was_starting);
};

/* How workers report to the one that borrows them: see lending.h. */
struct weir__borrower_ops {
    void (*offer)(void *context); /* a worker may be free, or may never be */
    void (*recall)(void *context, const struct weir__pool_worker *worker);
    void (*gone)(void *context, const struct weir__pool_worker *worker);
};

/* A wait for workers. */
struct weir__ready_wait {
    struct weir__ready_wait *next;
    struct weir_pool *pool;
    unsigned workers;
    struct weir__heap_timer timer;
    int done, status;
    struct weir_error error;
    weir_pool_ready ready; /* NULL: a thread waits */
    void *context;
};

/* A pool that is a client: its one worker is a server behind two descriptors. */
struct weir__pool_pair {
    int in, out; /* taken by the worker, then -1 */
    int was_started;
    void (*on_lost)(void *context, const char *why); /* why completes "the server ..." */
    void *context;
};

struct weir_pool {
    struct weir__member member; /* first: the context passes it back */
    weir_t *weir;
    const struct weir__pool_worker_ops *worker_ops;
    struct weir__pool_pair *pair; /* NULL: its workers are processes, or its owner closes it */
    int is_client;                /* its worker is a server */
    struct weir_pool_options options;
    struct weir__stop_sequence stop; /* of the workers */
    enum weir__pool_state state;
    struct weir__worker_group *groups;
    size_t group_count;
    struct weir__timer_heap timers;
    struct weir__stderr_forwarder forwarder;
    struct weir__buffer scratch;
    struct weir_error clash; /* two groups have a method with the same name */
    int has_mcp;             /* some group is of MCP servers */

    struct weir__call_queue unsorted; /* calls whose group is unknown */
    struct weir__call_queue sorting;  /* those being examined again */
    struct weir__call_queue decided;  /* calls whose outcome the loop will report */
    size_t queued, running, alive;
    uint64_t calls, errors, restarts, noise, late;
    struct weir__histogram latency;
    struct weir__figures figures;
    const struct weir__guard *guard; /* borrowed; NULL: none */

    const struct weir__borrower_ops *borrower; /* NULL: none */
    void *borrower_context;
    size_t lent;

    struct weir__ready_wait *waits;
    void (*on_methods)(void *context); /* those of a group may have changed, or it is down; NULL:
                                        * nobody asks */
    void *on_methods_context;
    /* Whether what an MCP tool returns fits its outputSchema; 0 with the reason. NULL: that is not
     * checked. */
    int (*check_output)(json_t *schema, struct weir__slice value, char *reason, size_t size,
                        void *context);
    void *check_context;
    int is_hurried; /* workers get little time for their end */
    struct weir__pool_worker *dirty;
    struct weir__heap_timer drain;
    void (*drained)(weir_pool_t *pool, void *context);
    void *drained_context;
    int is_closing; /* its owner waits for the end, or has abandoned it */
    unsigned stale; /* enum weir__stale */
    int holds, freed, gone;
};

static inline struct weir_pool *weir__pool_of(const struct weir__pool_worker *worker)
{
    return worker->group->pool;
}

#endif
