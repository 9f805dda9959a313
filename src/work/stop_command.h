/* work/stop_command.h - the command that stops a worker which may outlive its launcher.
 *
 * With a launcher (ssh, srun, docker exec) the worker is out of reach: its owner may give a
 * command that stops it there.  It runs once for each worker that is given up, with these
 * environment variables where known: WEIR_WORKER_JOB and WEIR_WORKER_SLOT, the launcher's
 * WEIR_JOB and WEIR_SLOT; WEIR_WORKER_PID, from the worker's hello; WEIR_WORKER_NODE.
 */
#ifndef WEIR_WORK_STOP_COMMAND_H
#define WEIR_WORK_STOP_COMMAND_H

#include <weir/command.h>

#include "loop/loop.h"
#include "proc/context.h"
#include "proc/spawner_client.h"

/* The worker to stop. */
struct weir__stop_target {
    const char *tag; /* of the launcher's job */
    unsigned slot;
    long pid;         /* 0: unknown */
    const char *node; /* NULL: unknown */
};

struct weir__stop_command {
    weir_t *weir;
    struct weir__job job;
    weir__timer *patience;
    int was_started, is_running;
    /* It has ended; fault says what went wrong, or is NULL; said is the end of its stderr. Must
     * be the last call of a callback: the owner may be freed in it. */
    void (*on_over)(void *owner, const char *fault);
    void *owner;
    char fault[200];
    int errors_fd; /* its stderr, while errors_watch is set */
    weir__watch *errors_watch;
    char said[400];
    size_t said_length;
};

/* Starts the command; all of *stop_command except on_over and owner must be zero. It is killed
 * after patience_ms. Errors: SYSTEM, NOMEM, SPAWNER; then it does not run, and on_over is not
 * called. */
int weir__stop_command_start(struct weir__stop_command *stop_command, weir_t *weir,
                             const struct weir_command *command,
                             const struct weir__stop_target *target, int64_t patience_ms,
                             struct weir_error *error);

/* Kills it; on_over follows later. */
void weir__stop_command_hurry(struct weir__stop_command *stop_command);

/* Releases everything, without calling on_over. */
void weir__stop_command_clear(struct weir__stop_command *stop_command);

#endif
