/* map/map_call.h - a worker that is called: each record is a call of one function, as in
 * docs/protocol.md.
 *
 *   started --hello sent--> HANDSHAKE --its answer--> READY: records are sent as calls
 *                               |                       |
 *                               | none in time,         | a line that is not a message,
 *                               v a bad one             v a cancelled call that stays
 *                            given up                 given up
 *
 * Calls may be answered in any order; the worker's queue keeps the order in which they were
 * sent.  As many as the worker runs at a time have their turn; the others wait there.
 *
 * map_call.c has the handshake, timeouts and scheduling; call_answer.c the effect of an answer
 * on its record; call_inflight.c the calls themselves.
 */
#ifndef WEIR_MAP_MAP_CALL_H
#define WEIR_MAP_MAP_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "map/map_worker.h"
#include "rpc/credit.h"
#include "work/handshake.h"

/* The values of one call so far. */
struct weir__gather {
    struct weir__gather *next;
    int64_t id;
    int64_t cancelled_ns; /* 0: its record waits for it */
    struct weir__receiver receiver;
    struct weir__buffer values; /* each with a newline */
};

struct weir__map_worker_call {
    struct weir__handshake handshake;
    struct weir__message_reader reader; /* its dialect is the worker's */
    int64_t now_ns;                     /* arrival time of the message being processed */
    int is_ready;
    int is_plain;   /* gets a call at its turn; workers with weir's protocol queue calls */
    int is_stream;  /* the function has an output stream */
    size_t running; /* calls in flight that have their turn */
    int64_t last_id;
    struct weir__record *waiting; /* the first in flight without its turn; NULL: none */
    struct weir__gather *gathers; /* of calls with values, and of cancelled ones */
    struct weir__buffer scratch;  /* lines for the worker */
};

/* --- call_inflight.c ----------------------------------------------------------- */

/* Ends the map: out of memory. */
void weir__call_no_memory(struct weir__map_worker *worker);

/* Sends the contents of scratch. Errors: NOMEM. */
int weir__call_give(struct weir__map_worker *worker);

/* Sends everything in flight, of which nothing has been sent before. Errors: NOMEM. */
int weir__call_send_all(struct weir__map_worker *worker, int64_t now_ns);

/* Handles a record added to those in flight. Errors: NOMEM. */
int weir__call_send(struct weir__map_worker *worker, struct weir__record *record);

/* The record of this call; NULL: answered, or no longer needs an answer. */
struct weir__record *weir__call_find(const struct weir__map_worker *worker, int64_t id);

/* Removes a call that needs no answer any more; a waiting one gets its turn. */
void weir__call_take_out(struct weir__map_worker *worker, struct weir__record *record,
                         int64_t now_ns);

/* Ends a call whose record was removed: its answer is still to come. */
void weir__call_cancel(struct weir__map_worker *worker, int64_t id, int64_t now_ns);

/* NULL: none. */
struct weir__gather *weir__gather_find(const struct weir__map_worker_call *call, int64_t id);
/* NULL: out of memory, and the map ends. */
struct weir__gather *weir__gather_add(struct weir__map_worker *worker, int64_t id);
/* Accepts NULL. */
void weir__gather_drop(struct weir__map_worker_call *call, struct weir__gather *gather);

/* --- call_answer.c: each returns 0 when the worker is of no more use ----------- */

int weir__call_result_came(struct weir__map_worker *worker, const struct weir__incoming *incoming,
                           int64_t now_ns);
int weir__call_error_came(struct weir__map_worker *worker, const struct weir__incoming *incoming,
                          int64_t now_ns);
int weir__call_chunk_came(struct weir__map_worker *worker, const struct weir__incoming *incoming,
                          int64_t now_ns);

/* The worker lacks the function: ends the map. */
void weir__call_no_such_method(struct weir__map_worker *worker);

#endif
