/* pipeline/pipe.h - internals of a running pipeline.
 *
 *   start --> RUNNING --last exit--> DRAINING --outputs closed, nothing left--> over
 *                |                      ^
 *                +-- timeout, cancellation, failed start: stop sequence
 *
 * The stages are one job: one process group, one stop sequence.  A run is over when
 * the job has ended, all relays and stderr pipes are closed, and all output has been
 * passed on.
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
    weir_map_t *map;                 /* while a map stage runs */
    struct weir_stage_report report; /* given to the owner at the end */
    uint64_t limits[WEIR_LIMIT_COUNT];
    unsigned char *ok_exit;
    size_t ok_exit_count;
    int early_close_ok, passes_errors;
    int64_t timeout_ms, idle_ms, grace_ms;
    struct weir__stop_sequence stop; /* for its own time limits; count 0: SIGTERM */

    struct weir__relay relay;
    uint64_t moved; /* by the relay, at the last check */
    struct weir__capture errors;
    struct weir__stderr_source stderr_source;
    weir__timer *deadline, *idle;
    int64_t last_output_ns, ended_ns;
    int exited;
    enum weir_stop_reason stopping;
};

struct weir_pipeline_run {
    struct weir__operation operation;       /* first */
    struct weir_pipeline_settings settings; /* its strings are borrowed and not used */
    struct weir__stop_sequence stop;
    struct weir__pipe_stage *stages;
    size_t count, living;
    size_t plain[WEIR__STAGES_MAX]; /* the job's stages: index in the pipeline */
    size_t plain_count;

    struct weir__job job;
    struct weir__atomic_file output;
    struct weir__stderr_forwarder forwarder;
    weir__timer *deadline, *drain;
    int job_over, draining;
    int looks; /* at stderr that had more when its time was over */
    int emits; /* start or end of the job was reported: output events may follow */
    int cancelled;
    int is_cut;  /* a stage's output was discarded because its reader stalled */
    int hurried; /* stopped as a whole: slow readers get only the drain time */
    int64_t started_at_ns, started_ns;

    struct weir_pipeline_report report;
    weir_pipeline_run_done done;
    void *context;
};

/* --- pipe_run.c: from the first exit to the verdict ------------------------ */

extern const struct weir__job_ops weir__pipe_job_ops;

/* Emits an event of a stage, or of the whole pipeline if which is -1. */
void weir__pipe_emit(struct weir_pipeline_run *pipe, int which, enum weir_event_kind kind,
                     int64_t number, const char *text, size_t length);

/* Runs the stop sequence for all stages: cause is the stage responsible (-1: all), the others
 * stop because of it. */
void weir__pipe_stop(struct weir_pipeline_run *pipe, int cause, enum weir_stop_reason why,
                     int64_t grace_ms);

/* Timer callbacks. */
void weir__pipe_timed_out(void *data);
void weir__pipe_stage_timed_out(void *data);
void weir__pipe_check_idle(void *data);
void weir__pipe_drained(void *data);

void weir__pipe_stage_ended(struct weir__pipe_stage *stage, int64_t at_ns);
void weir__pipe_never_began(struct weir__pipe_stage *stage, int64_t now_ns);
void weir__pipe_after_exit(struct weir_pipeline_run *pipe);
void weir__pipe_job_failed(void *owner, size_t nth, const char *step, int sys_errno,
                           const char *detail);

/* Stops what still runs once no relay or stderr pipe is open. */
void weir__pipe_stop_rest(struct weir_pipeline_run *pipe);
int weir__pipe_is_busy(const struct weir_pipeline_run *pipe);
void weir__pipe_close(struct weir_pipeline_run *pipe);

/* Must be the last call of a callback: the owner may free the pipe in it. */
void weir__pipe_finish(struct weir_pipeline_run *pipe);

/* Allows events of the stages' output from now on. */
void weir__pipe_begin_events(struct weir_pipeline_run *pipe);
void weir__pipe_report_progress(struct weir__pipe_stage *stage);

/* --- pipe_output.c: output of the stages ------------------------------------ */

/* Sets up the relay of a stage's output and the capture of its stderr as given in ends, and
 * takes those descriptors. Errors: those of both. */
int weir__pipe_open_outputs(struct weir__pipe_stage *stage, const struct weir_stage *view,
                            struct weir__ends *ends);

/* Opens the stderr forwarder. */
int weir__pipe_open_forwarder(struct weir_pipeline_run *pipe);

/* --- pipe_map.c: its map stages -------------------------------------------- */

int weir__pipe_start_maps(struct weir_pipeline_run *pipe, const weir_pipeline_t *pipeline,
                          const struct weir__ends *ends);

#endif
