/* pipeline/verdict.h - derives the outcome of a pipeline from those of its stages. */
#ifndef WEIR_PIPELINE_VERDICT_H
#define WEIR_PIPELINE_VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include <weir/pipeline.h>

/* A stage that has ended. All pointers are borrowed. */
struct weir__verdict_stage {
    const struct weir_result *result;
    int64_t ended_ns;             /* CLOCK_MONOTONIC; equal if two exits came in one batch */
    const unsigned char *ok_exit; /* as in struct weir_stage */
    size_t ok_exit_count;
    int early_close_ok;

    int forgiven; /* output: it failed, and the verdict forgives it */
};

struct weir__verdict {
    int ok;
    int status;                /* 0 when ok, never 0 otherwise */
    int decided_by;            /* -1 when ok */
    char reason[600];          /* "" when ok */
    enum weir_stop_reason why; /* the deciding stage's; NONE when ok */
};

/* Judges a pipeline of one or more stages; pure.
 *
 * A stage has failed if its exit code is not in ok_exit or if weir stopped it.
 * The failure that decides is, in this order:
 *
 *   1. A stage that could not start.
 *   2. A stage that weir stopped for its own timeout or by cancellation.
 *   3. A stage that failed by itself; in smart only if not forgiven, in last only
 *      the last stage.
 *   4. A stage that weir stopped because of another.
 *
 * Of several of one kind the rightmost decides.  In smart, a stage other than the
 * last is forgiven if its reader (the next stage) ended well or was forgiven, and it
 * died of SIGPIPE or exited with 141 at most a moment before its reader ended; or,
 * with early_close_ok, if its reader had ended first and its own end was not a crash,
 * SIGKILL or a limit.
 */
void weir__verdict(struct weir__verdict_stage *stages, size_t count, enum weir_pipefail pipefail,
                   struct weir__verdict *verdict);

#endif
