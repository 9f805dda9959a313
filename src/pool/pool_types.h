/* pool/pool_types.h - the inside of a pool, as its files share it.
 *
 * From the bottom up: call_queue.c has the places where calls wait, worker_calls.c the calls
 * that a worker has and the bytes for it, call.c one call, pool_worker.c one worker,
 * worker_group.c the workers that run one command, wait_ready.c waits for workers, dispatch.c
 * gives calls to workers, pool.c opens, settles and closes the whole, call_api.c is the owner's
 * side of a call.
 *
 * A file acts only on what is below it.  What concerns a file above is marked as stale, and
 * the outermost weir__pool_leave() settles it.
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
 *   A line that is not a message, a call that does not stop: any --> BROKEN, and ENDING as
 *   soon as the pool is settled.
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
 *   At a deadline the call's owner gets the outcome at once; the call itself stays
 *   CANCELLING until the worker has let go of it.
 *
 * Threads: only the thread that runs the context's loop touches any of this.
 */
#ifndef WEIR_POOL_POOL_TYPES_H
#define WEIR_POOL_POOL_TYPES_H

#include <jansson.h>
#include <stdatomic.h>

#include <weir/pool.h>

#include "base/histogram.h"
#include "loop/timer_heap.h"
#include "proc/operation.h"
#include "rpc/credit.h"
#include "work/handshake.h"
#include "work/line_splitter.h"
#include "work/stderr_forwarder.h"
#include "work/supervisor.h"
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

/* The calls of one connection, where several share a pool: each flow gets its turn. */
struct weir__flow {
    size_t queued;
    uint64_t turns[]; /* of the last call, for each group */
};

/* A value of an output stream that the owner has not taken yet. */
struct weir__value {
    struct weir__value *next;
    size_t length;
    char bytes[];
};

struct weir_call {
    struct weir__life life; /* first; over: its owner has the outcome */
    atomic_int refs;        /* its owner, and the pool until it is OVER */
    struct weir_pool *pool; /* NULL once OVER */
    enum weir__call_state state;
    struct weir__call_queue *queue; /* NULL: in none */
    struct weir_call *next, *previous;
    struct weir__flow *flow; /* NULL: started by the pool's owner */
    uint64_t turn;           /* in the queue of its group; 0: none yet */

    /* The request, in one block of memory with the call. */
    const char *method;
    struct weir__slice params;
    const char *traceparent, *tracestate;
    int64_t deadline_ns; /* INT64_MAX: none */
    int idempotent, input;
    unsigned credit;     /* at its start */
    int64_t all_granted; /* in total: what a worker that gets the call again may send */
    int only_group;      /* -1: any */

    struct weir__worker_group *group; /* NULL: not known yet */
    struct weir__pool_worker *worker; /* the worker that has it */
    int64_t id;                       /* there */
    uint64_t offset;                  /* of its first byte in everything sent to that worker */
    unsigned kills;                   /* workers that died while they had it */
    int has_streamed; /* a value was delivered or sent: the call cannot be repeated */
    enum weir__asked asked;
    int step; /* of the stop sequence */
    struct weir__alarm deadline, stop_alarm;

    struct weir__sender sender;
    struct weir__receiver receiver;
    int has_output, input_is_over;
    char *input_error; /* an error object, when the input ended with one */
    struct weir__value *values, **last_value, *taken;
    int wakeup; /* wakes a waiting thread: a value, credit, the end */

    struct weir_call_sink sink;
    int has_sink;
    int is_starting;  /* weir_call_start() has not returned yet */
    int is_decided;   /* its outcome is known; the loop reports it */
    int drops_values; /* the owner takes none */
    struct weir_reply reply;
    int64_t started_ns;
};

/* --- Workers --------------------------------------------------------------- */

enum weir__pool_worker_state {
    WEIR__POOL_WORKER_STARTING,
    WEIR__POOL_WORKER_READY,
    WEIR__POOL_WORKER_RETIRING,
    WEIR__POOL_WORKER_LOST,
    WEIR__POOL_WORKER_BROKEN, /* must not be used; ends when the pool is settled */
    WEIR__POOL_WORKER_ENDING,
};

struct weir__pool_worker {
    struct weir__worker child;
    struct weir__pool_worker *next, *next_dirty;
    struct weir__worker_group *group;
    enum weir__pool_worker_state state;
    struct weir__message_reader reader; /* has its dialect */
    struct weir__handshake handshake;
    unsigned window;

    struct weir_call **slots; /* by id; their number is a power of two */
    size_t slot_count, flights;
    int64_t last_id;
    struct weir_call *quarantined; /* has killed a worker before: it runs here alone */

    struct weir__line_splitter lines; /* of its output */
    int is_dirty;                     /* has bytes that are not written yet */
    struct weir__alarm alarm;         /* to start, to grow old, to end */
    struct weir__seat *seat;
    int was_starting; /* when it was lost */
    int is_old;       /* to be replaced */
    int is_our_end;   /* we ended it; no call is to blame */
    uint64_t calls;
    char reason[300]; /* why it is unusable; "": see its exit */
};

struct weir__worker_group {
    struct weir_pool *pool;
    size_t number;
    struct weir_command command;   /* the launcher's words before its own */
    struct weir_command stop;      /* ends what the launcher leaves behind; argv NULL: none */
    json_t *methods;               /* of the latest hello; NULL: not known, any may be tried */
    int is_known;                  /* some worker has been ready */
    struct weir__call_queue queue; /* by turn */
    uint64_t turn;                 /* of the last call that was sent */
    uint64_t own_turn;             /* of the last call of the pool's owner */
    struct weir__pool_worker *workers, *outgoing; /* outgoing: is being replaced */

    struct weir__supervisor supervisor; /* a seat for each worker that is wanted */
    int is_down;                        /* starts have failed for too long */
    struct weir__alarm restart;
    char last_failure[480]; /* of the last worker that failed */
};

/* --- The pool -------------------------------------------------------------- */

enum weir__pool_state {
    WEIR__POOL_OPEN,
    WEIR__POOL_DRAINING, /* takes no calls */
    WEIR__POOL_ENDING,   /* has no calls; its workers end */
};

/* What has changed since the pool was settled. */
enum weir__stale {
    WEIR__STALE_WORKERS = 1,  /* some must end, be replaced or be started */
    WEIR__STALE_CALLS = 2,    /* a worker has room */
    WEIR__STALE_UNSORTED = 4, /* a group is known, up or down; calls look for a worker again */
    WEIR__STALE_WAITS = 8,    /* a wait for workers may be over */
};

/* How a worker reports to what is above it. */
struct weir__pool_worker_ops {
    /* Around everything that happens in it. */
    void (*begin)(struct weir_pool *pool);
    void (*end)(struct weir_pool *pool);
    void (*on_ready)(struct weir__pool_worker *worker);
    /* It takes no more calls.  reason is set. */
    void (*on_lost)(struct weir__pool_worker *worker, int was_starting);
};

/* A wait for workers. */
struct weir__ready_wait {
    struct weir__ready_wait *next;
    struct weir_pool *pool;
    unsigned workers;
    struct weir__alarm alarm;
    int done, status;
    struct weir_error error;
    weir_pool_ready ready; /* NULL: a thread sleeps */
    void *context;
};

struct weir_pool {
    struct weir__member member; /* first: the context hands it back */
    weir_t *weir;
    const struct weir__pool_worker_ops *worker_ops;
    struct weir_pool_options options;
    enum weir__pool_state state;
    struct weir__worker_group *groups;
    size_t group_count;
    int is_launched; /* there is a launcher in front */
    struct weir__alarms alarms;
    struct weir__stderr_forwarder forwarder;
    struct weir__buffer scratch;
    struct weir_error clash; /* two groups have a method of the same name */

    struct weir__call_queue unsorted; /* calls whose group is not known yet */
    struct weir__call_queue sorting;  /* those of them that are being looked at again */
    struct weir__call_queue decided;  /* calls whose outcome the loop reports */
    size_t queued, running, alive;
    uint64_t calls, errors, restarts, noise, late;
    struct weir__latency latency;

    struct weir__ready_wait *waits;
    struct weir__pool_worker *dirty;
    struct weir__alarm drain;
    void (*drained)(weir_pool_t *pool, void *context);
    void *drained_context;
    int is_closing; /* its owner waits for its end, or has gone */
    unsigned stale; /* enum weir__stale */
    int holds, freed, gone;
};

#endif
