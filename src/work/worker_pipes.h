/* work/worker_pipes.h - the pipes of a worker that starts, or its terminal. */
#ifndef WEIR_WORK_WORKER_PIPES_H
#define WEIR_WORK_WORKER_PIPES_H

#include "work/worker.h"

/* Opens stdin, stdout and stderr, but those that options->files has. child: the child's ends, to
 * be closed after the start; -1: none. *err: our end of its stderr. Errors: SYSTEM. */
int weir__worker_open_pipes(struct weir__worker *worker, const struct weir__worker_options *options,
                            int child[3], int *err, struct weir_error *error);

#endif
