/* work/worker_input.h - the stdin of a worker: what is queued, written and read of it.
 *
 * What owners of a worker use of it is in worker.h. */
#ifndef WEIR_WORK_WORKER_INPUT_H
#define WEIR_WORK_WORKER_INPUT_H

#include "work/worker.h"

/* Closes it, and drops what is not written. */
void weir__worker_drop_input(struct weir__worker *worker);

/* Watches what there is to wait for, after a change. */
void weir__worker_watch_input(struct weir__worker *worker);

/* The worker reads no more: counts what it has not read. */
void weir__worker_end_input(struct weir__worker *worker);

/* Whether no process has the other end of it any more. */
int weir__worker_is_deaf(const struct weir__worker *worker);

/* The callback of its watch. data: the worker. */
void weir__worker_can_write(void *data, int bits);

#endif
