/* pipeline/verdict.h - from what became of the stages to what became of the pipeline. */
#ifndef WEIR_PIPELINE_VERDICT_H
#define WEIR_PIPELINE_VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include <weir/pipeline.h>

/* A stage that has ended.  All is borrowed. */
struct weir__verdict_stage {
    const struct weir_result *result;
    int64_t ended_ns; /* CLOCK_MONOTONIC; two ends in one batch of news may have the same */
    const unsigned char *ok_exit; /* as in struct weir_stage */
    size_t ok_exit_count;
    int early_close_ok;

    int forgiven; /* filled in: it failed, and the verdict lets it pass */
};

struct weir__verdict {
    int ok;
    int status;        /* 0 when ok, never 0 otherwise */
    int decided_by;    /* -1 when ok */
    char reason[600];  /* "" when ok */
    enum weir_stop_reason why; /* the deciding stage's; NONE when ok */
};

/* Judges a pipeline of one or more stages; pure.
 *
 * A stage failed when its exit code is not among its ok_exit, or when weir ended
 * it.  Which failure is the pipeline's:
 *
 *   1. A stage that could not start: then nothing else that happened counts.
 *   2. A stage that weir ended for its own sake: its time was up, it was
 *      cancelled.
 *   3. A stage that failed by itself - in smart if it is not forgiven, in last
 *      only the last one.
 *   4. A stage that weir ended because of another.
 *
 * Among those of one kind it is the rightmost.  In smart a stage before the last
 * is forgiven when its reader, the next stage, had finished well or was forgiven
 * itself, and it died of SIGPIPE or exited with 141 no more than a moment before
 * its reader ended - or, with early_close_ok, when its reader had ended, of
 * anything but a crash, SIGKILL or a limit. */
void weir__verdict(struct weir__verdict_stage *stages, size_t count, enum weir_pipefail pipefail,
                   struct weir__verdict *verdict);

#endif
