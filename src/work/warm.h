/* work/warm.h - a warm parent: a process that imports a Python worker's program once, and forks
 * each worker from it.
 *
 * It is started with the worker's command and WEIR_WARM=3, the number of its end of a socket.  For
 * each worker it is sent one end of a connection; the other end goes to the spawner with the start
 * (see spawner/warm.h).  Where it ends, the connections not taken yet end with it, and so the
 * starts fail; the next start has a new one.
 *
 * A parent that has forked and then lets a start wait until its owner gives that up is stuck, in
 * a fork handler of the program for example: it is killed, and the next start has a new one.  One
 * that has not forked yet may be importing, and is left alone.
 */
#ifndef WEIR_WORK_WARM_H
#define WEIR_WORK_WARM_H

#include "work/worker.h"

struct weir__warm {
    struct weir__worker parent;
    int control; /* our end of the socket */
    int is_up;   /* parent is to be cleared */
    int is_over; /* it has ended */
    struct weir__forks forks;
};

/* Whether a start has to wait for others to be forked, or to be given up: requests are descriptors
 * on their way, of which the system allows a user no more than one process may have open. */
int weir__warm_is_full(const struct weir__warm *warm);

/* Starts a warm parent where none is up, with these options for workers, and gives it one end of a
 * connection.  Sets options->warm, which the caller closes, and options->forks.  All of *warm is
 * zero at the first call.  Errors: SYSTEM, NOMEM, SPAWNER. */
int weir__warm_connect(struct weir__warm *warm, weir_t *weir, struct weir__worker_options *options,
                       struct weir_error *error);

/* Ends the warm parent; its workers live on.  The next start has a new one. */
void weir__warm_close(struct weir__warm *warm);

#endif
