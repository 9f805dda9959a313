/* work/warm.h - a warm parent: a process that imports a Python worker's program once, and forks
 * each worker from it.
 *
 * It is started with the worker's command and WEIR_WARM=3, the number of its end of a socket.  For
 * each worker it is sent one end of a connection; the other end goes to the spawner with the start
 * (see spawner/warm.h).  Where it ends, the connections not taken yet end with it, and so the
 * starts fail; the next start has a new one.
 */
#ifndef WEIR_WORK_WARM_H
#define WEIR_WORK_WARM_H

#include "work/worker.h"

struct weir__warm {
    struct weir__worker parent;
    int control; /* our end of the socket */
    int is_up;   /* parent is to be cleared */
    int is_over; /* it has ended */
};

/* Starts a warm parent where none is up, with these options for workers, and gives it one end of a
 * connection.  Returns the other end in *fd, which is the caller's.  All of *warm is zero at the
 * first call.  Errors: SYSTEM, NOMEM, SPAWNER. */
int weir__warm_connect(struct weir__warm *warm, weir_t *weir,
                       const struct weir__worker_options *options, int *fd,
                       struct weir_error *error);

/* Ends the warm parent; its workers live on.  The next start has a new one. */
void weir__warm_close(struct weir__warm *warm);

#endif
