/* pool/worker_process.h - the process of a worker: its start, and what happens to it. */
#ifndef WEIR_POOL_WORKER_PROCESS_H
#define WEIR_POOL_WORKER_PROCESS_H

#include "pool/pool_types.h"

/* Errors: as weir__worker_start(). */
int weir__pool_worker_start(struct weir__worker_group *group, struct weir__seat *seat,
                            struct weir_error *error);

#endif
