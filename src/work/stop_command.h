/* work/stop_command.h - the command that ends a worker which its launcher may leave behind.
 *
 * With a launcher in front (ssh, srun, docker exec) the worker itself is out of
 * reach: its owner may name a command that ends it there.  It is run once for
 * each worker that is given up, with these in its environment where they are
 * known: WEIR_WORKER_JOB, which is what the launcher had as WEIR_JOB;
 * WEIR_WORKER_PID and WEIR_WORKER_NODE, from the worker's hello.
 */
#ifndef WEIR_WORK_STOP_COMMAND_H
#define WEIR_WORK_STOP_COMMAND_H

#include <weir/command.h>

#include "loop/loop.h"
#include "proc/context.h"
#include "proc/spawner_client.h"

/* Whom it is to end. */
struct weir__stop_target {
    const char *cookie; /* of the launcher's job */
    long pid;           /* 0: not known */
    const char *node;   /* NULL: not known */
};

struct weir__stop_command {
    weir_t *weir;
    struct weir__job job;
    weir__timer *patience;
    int was_started, is_running;
    /* It has ended, however; fault says what was wrong with it, or is NULL; in said is the
     * end of what it wrote to stderr.  The last thing that a callback does: the owner may be
     * freed. */
    void (*on_over)(void *owner, const char *fault);
    void *owner;
    char fault[200];
    int errors_fd; /* its stderr, while errors_watch is there */
    weir__watch *errors_watch;
    char said[400];
    size_t said_length;
};

/* Starts it; all of *stop_command but on_over and owner is zero before.  It has patience_ms.
 * Errors: SYSTEM, NOMEM, SPAWNER; then it is not running, and on_over is not called. */
int weir__stop_command_start(struct weir__stop_command *stop_command, weir_t *weir,
                             const struct weir_command *command,
                             const struct weir__stop_target *whom, int64_t patience_ms,
                             struct weir_error *error);

/* Has no more patience: kills it; on_over comes later. */
void weir__stop_command_hurry(struct weir__stop_command *stop_command);

/* Releases everything; its owner hears nothing. */
void weir__stop_command_clear(struct weir__stop_command *stop_command);

#endif
