/* pipeline/pipe.h - the inside of a pipeline that runs.
 *
 *   start --> RUNNING --last exit--> DRAINING --outputs closed, nothing left--> over
 *                |                      ^
 *                +-- time up, cancelled, a stage that cannot start: the ladder
 *
 * The stages are one job: one process group, one ladder.  Over means: the job
 * has ended, every relay and every stderr of ours is closed, and what was to be
 * passed on has been.
 */
#ifndef WEIR_PIPELINE_PIPE_H
#define WEIR_PIPELINE_PIPE_H

#include <weir/pipeline.h>

#include "base/atomic_file.h"
#include "pipeline/pipeline.h"
#include "pipeline/pipe_fds.h"
#include "proc/capture.h"
#include "proc/operation.h"
#include "proc/relay.h"
#include "work/stderr_forwarder.h"

struct weir__pipe_stage {
    struct weir_pipeline_run *pipe;
    weir_map_t *map;                 /* of a map stage that runs */
    struct weir_stage_report report; /* handed over at the end */
    uint64_t limits[WEIR_LIMIT_COUNT];
    unsigned char *ok_exit;
    size_t ok_exit_count;
    int early_close_ok, passes_errors;
    int64_t timeout_ms, idle_ms, grace_ms;

    struct weir__relay relay;
    uint64_t moved; /* by the relay, when it was last looked at */
    struct weir__capture errors;
    struct weir__stderr_source stderr_source;
    weir__timer *deadline, *idle;
    int64_t last_output_ns, ended_ns;
    int exited;
    enum weir_stop_reason stopping;
};

struct weir_pipeline_run {
    struct weir__life life;                 /* first */
    struct weir_pipeline_settings settings; /* its strings are not ours: not used */
    struct weir__pipe_stage *stages;
    size_t count, living;
    size_t plain[WEIR__STAGES_MAX]; /* the job's stages, by their place in the pipeline */
    size_t plain_count;

    struct weir__job job;
    struct weir__outfile output;
    struct weir__stderr_forwarder forwarder;
    weir__timer *deadline, *drain;
    int job_over, draining;
    int hears; /* the job's start, or its end, has been told: so may be what it puts out */
    int cancelled;
    int is_cut;  /* output of a stage that nobody read was given up */
    int hurried; /* it was stopped as a whole: nobody's reader is waited for beyond the drain time
                  */
    int64_t started_at_ns, started_ns;

    struct weir_pipeline_report report;
    weir_pipeline_run_done done;
    void *context;
};

/* --- pipe_run.c: from the first exit to the verdict ------------------------ */

extern const struct weir__job_ops weir__pipe_job_ops;

/* News of a stage, or with -1 of the whole. */
void weir__pipe_tell(struct weir_pipeline_run *pipe, int which, enum weir_event_kind kind, int64_t number,
                     const char *text, size_t length);

/* Sends all of it down the ladder: the stage that is the cause (-1: all are),
 * and the others because of it. */
void weir__pipe_stop(struct weir_pipeline_run *pipe, int cause, enum weir_stop_reason why, int64_t grace_ms);

/* Its timers. */
void weir__pipe_timed_out(void *data);
void weir__pipe_stage_timed_out(void *data);
void weir__pipe_check_idle(void *data);
void weir__pipe_drained(void *data);

void weir__pipe_stage_ended(struct weir__pipe_stage *stage, int64_t at_ns);
void weir__pipe_never_began(struct weir__pipe_stage *stage, int64_t now_ns);
void weir__pipe_after_exit(struct weir_pipeline_run *pipe);
void weir__pipe_job_failed(void *owner, size_t nth, const char *step, int sys_errno,
                           const char *detail);

/* Nothing reads or writes for us any more, but something still lives: it is stopped. */
void weir__pipe_stop_rest(struct weir_pipeline_run *pipe);
int weir__pipe_is_busy(const struct weir_pipeline_run *pipe);
void weir__pipe_close(struct weir_pipeline_run *pipe);

/* The last thing that a callback does: the owner may free the pipe here. */
void weir__pipe_finish(struct weir_pipeline_run *pipe);

/* Events of the stages' output may be reported from now on. */
void weir__pipe_begin_events(struct weir_pipeline_run *pipe);
void weir__pipe_report_progress(struct weir__pipe_stage *stage);

/* --- pipe_output.c: what stages put out ------------------------------------ */

/* Relays a stage's output and keeps its stderr, where ends say so, and takes these.
 * Errors: those of both. */
int weir__pipe_open_outputs(struct weir__pipe_stage *stage, const struct weir_stage *view,
                            struct weir__ends *ends);

/* Opens what forwards stderr. */
int weir__pipe_open_forwarder(struct weir_pipeline_run *pipe);

/* --- pipe_map.c: its map stages -------------------------------------------- */

int weir__pipe_start_maps(struct weir_pipeline_run *pipe, const weir_pipeline_t *pipeline,
                          const struct weir__ends *ends);

#endif
