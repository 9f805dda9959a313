/* pool/pool_worker.h - one worker: its state, its calls, its end. The states: see pool_types.h. */
#ifndef WEIR_POOL_POOL_WORKER_H
#define WEIR_POOL_POOL_WORKER_H

#include "pool/pool_types.h"

/* on_alarm of the worker comes in ms. */
void weir__pool_worker_alarm(struct weir__pool_worker *worker, int64_t ms);

/* Frees an output buffer that was large once, and is empty. */
void weir__pool_worker_shrink(struct weir__pool_worker *worker);

/* How many calls it may have at a time, when it is not lent. */
unsigned weir__pool_worker_window(const struct weir__pool_worker *worker);

/* Counts calls that it has answered, and marks it for replacement once they are enough, or it has
 * grown too large. */
void weir__pool_worker_answered(struct weir__pool_worker *worker, uint64_t calls);

/* Takes the worker out of service, whether or not its process still runs. Calls in the last unread
 * bytes were not read. */
void weir__pool_worker_lost(struct weir__pool_worker *worker, uint64_t unread);

/* Writes the bytes queued for the worker. */
void weir__pool_worker_flush(struct weir__pool_worker *worker);

/* The worker gets no more calls, and ends once it has none. */
void weir__pool_worker_retire(struct weir__pool_worker *worker);

/* Does what is due: ends the worker if it is broken, or retiring without calls. */
void weir__pool_worker_settle(struct weir__pool_worker *worker);

/* Starts the stop sequence. */
void weir__pool_worker_stop(struct weir__pool_worker *worker, int64_t grace_ms);

void weir__pool_worker_free(struct weir__pool_worker *worker);

/* The worker is called by its borrower, on its own pipes, until it is taken back. It must be
 * READY and have no call. */
void weir__pool_worker_lend(struct weir__pool_worker *worker, uint64_t number);
void weir__pool_worker_take_back(struct weir__pool_worker *worker);

/* The borrower has disconnected: the worker finishes what it has, within a limit, and exits. */
void weir__pool_worker_abandon(struct weir__pool_worker *worker);

/* Adds calls that the borrower reports. */
void weir__pool_worker_count(struct weir__pool_worker *worker, uint64_t calls, uint64_t errors);

/* Steps of the stop sequence of a call: SIGINT; the worker's own stop sequence; SIGKILL. reason:
 * what the worker did wrong, completes "the worker ..."; NULL: it ignored the cancellation. */
void weir__pool_worker_interrupt(struct weir__pool_worker *worker);
void weir__pool_worker_give_up(struct weir__pool_worker *worker, const char *reason);
void weir__pool_worker_kill(struct weir__pool_worker *worker, const char *reason);

/* Resident memory in KiB; 0: unknown. */
uint64_t weir__pool_worker_rss_kb(const struct weir__pool_worker *worker);

/* Its state, for people: "busy" and "lent" are kinds of "ready". */
const char *weir__pool_worker_state(const struct weir__pool_worker *worker);

/* The worker's own pid if it announced one (a launcher may be in front). */
pid_t weir__pool_worker_pid(const struct weir__pool_worker *worker);

#endif
