/* weir/pipeline.h - run `producer | stage | consumer`, with a status per stage and one verdict.
 *
 *     weir_pipeline_t *pipeline = weir_pipeline_new();
 *
 *     weir_pipeline_add_line(pipeline, "sort -u", NULL, &error);
 *     weir_pipeline_add_line(pipeline, "wc -l", NULL, &error);
 *     if (weir_pipeline_run(weir, pipeline, &report, &error) == 0)
 *         printf("%d: %s\n", report.status, report.reason);
 *     weir_pipeline_report_clear(&report);
 *     weir_pipeline_free(pipeline);
 *
 * A kernel pipe connects two stages directly.  The output of a stage that is metered, or has an
 * idle time or a charset, is relayed by the host.
 *
 * Threads: a weir_pipeline_t is plain data, for one thread at a time; running it does not
 * change it.  Contexts: see weir/context.h.
 */
#ifndef WEIR_PIPELINE_H
#define WEIR_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#include <weir/command.h>
#include <weir/context.h>
#include <weir/error.h>
#include <weir/map.h>
#include <weir/result.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which stage's failure decides. */
enum weir_pipefail {
    WEIR_PIPEFAIL_SMART,  /* the rightmost failure that is not forgiven: a stage whose reader
                           * left early may die of SIGPIPE or exit with 141 */
    WEIR_PIPEFAIL_STRICT, /* the rightmost failure, like pipefail in bash */
    WEIR_PIPEFAIL_LAST,   /* only the last stage's, like a plain shell */
};

/* Where a stage's stderr goes. The first two keep head and tail for the report. */
enum weir_stage_stderr {
    WEIR_STDERR_PREFIX,  /* kept, and passed on live; with the stage's name on a terminal */
    WEIR_STDERR_KEEP,    /* only kept */
    WEIR_STDERR_DISCARD, /* /dev/null */
    WEIR_STDERR_STDOUT,  /* into the stage's output */
};

struct weir_stage {
    size_t size;      /* sizeof (struct weir_stage); set by weir_stage_init() */
    const char *name; /* NULL: the program's basename, with "#2" etc. appended if taken */
    const struct weir_command *command;
    enum weir_stage_stderr err;
    int64_t timeout_ms, idle_ms;  /* WEIR_FOREVER */
    int64_t grace_ms;             /* 5000 */
    const unsigned char *ok_exit; /* exit codes that mean success; NULL: only 0 */
    size_t ok_exit_count;
    int early_close_ok;  /* forgive any status but a crash if the reader left early */
    int meter;           /* count its output, which is then relayed */
    const char *charset; /* decode its output from this to UTF-8; NULL: raw */

    /* For a map stage: command is the worker. Its members command, timeout_ms, grace_ms, input,
     * output, stderr_fd, stop and checkpoint are ignored: those of the stage and the pipeline
     * apply. NULL: a plain stage. */
    const struct weir_map_options *map;

    int pty_output;   /* its stdout is a pseudo-terminal in raw mode, so that programs which buffer
                         blocks on a pipe write each line at once; relayed. Not with map, whose
                         options have their own */
    int reserved_int; /* 0 */

    /* The stop sequence when a time limit of this stage stops the pipeline, and of its workers if
     * it is a map; replaces grace_ms and the pipeline's own sequence. NULL: the pipeline's.
     * Copied. */
    const struct weir_stop_step *stop;
    size_t stop_count;
};

void weir_stage_init_sized(struct weir_stage *stage, size_t size);
#define weir_stage_init(stage) weir_stage_init_sized((stage), sizeof *(stage))

typedef struct weir_pipeline weir_pipeline_t;

/* Returns an empty pipeline, or NULL if out of memory. The caller owns it. */
weir_pipeline_t *weir_pipeline_new(void);

/* Accepts NULL. */
void weir_pipeline_free(weir_pipeline_t *pipeline);

/* Appends a stage. Copies it. Errors: INVALID, NOMEM. */
int weir_pipeline_add(weir_pipeline_t *pipeline, const struct weir_stage *stage,
                      struct weir_error *error);

/* Appends a stage whose command is one line, split into words like a shell does, without a
 * shell. stage has the other settings; it may be NULL, as its command may; argv is ignored.
 * Errors: INVALID, NOMEM. */
int weir_pipeline_add_line(weir_pipeline_t *pipeline, const char *line,
                           const struct weir_stage *stage, struct weir_error *error);

/* One error of a spec. text: "FILE:LINE:COLUMN: POINTER: what: what to do". */
typedef void (*weir_spec_fault)(const struct weir_error *fault, void *context);

/* Makes a pipeline from a spec (docs/schemas/pipe-spec.schema.json). file is its name in
 * messages. Reports all errors in the order of the text; error then has their number. Returns
 * NULL on failure. Errors: SPEC, NOMEM. */
weir_pipeline_t *weir_pipeline_parse(const char *text, size_t length, const char *file,
                                     weir_spec_fault on_fault, void *context,
                                     struct weir_error *error);

/* Settings of the pipeline as a whole. weir_pipeline_parse() sets them from the spec; strings
 * are copied. */
struct weir_pipeline_settings {
    size_t size;
    enum weir_pipefail pipefail;
    int64_t timeout_ms; /* "deadline_s"; WEIR_FOREVER */
    int64_t grace_ms;   /* 5000; for a stage's own time limits its own applies */
    int64_t drain_ms;   /* 1000 */
    const char *input;  /* file for the stdin of the first stage; NULL: input_fd */
    int input_fd;       /* borrowed; -1: /dev/null.  0 */
    const char *output; /* file for the stdout of the last stage, written under another name and
                         * renamed if the pipeline succeeds; NULL: output_fd */
    int output_fd;      /* borrowed; -1: /dev/null.  1 */
    int stderr_fd;      /* destination for WEIR_STDERR_PREFIX; borrowed; -1: none. 2 */
    size_t max_stderr;  /* bytes kept of each stage's stderr; 64 KiB */
    int meter;          /* meter every stage */
    int terminal_fd;    /* as in struct weir_run_options */
    int terminal_background;
    const char *report; /* "report" of the spec, for the caller to use; NULL: none */

    /* Open descriptors above 2 for every stage except maps; NULL: none. Borrowed until
     * weir_pipeline_start() returns. */
    const struct weir_descriptor *descriptors;
    size_t descriptor_count;

    /* The stop sequence, which replaces grace_ms here and in the stages without a sequence of their
     * own; NULL: SIGTERM, then SIGKILL after the grace period. Copied. */
    const struct weir_stop_step *stop;
    size_t stop_count;
};

void weir_pipeline_settings_init_sized(struct weir_pipeline_settings *settings, size_t size);
#define weir_pipeline_settings_init(settings)                                                      \
    weir_pipeline_settings_init_sized((settings), sizeof *(settings))
/* Initialises *settings with the pipeline's; strings are borrowed from it. */
void weir_pipeline_get_sized(const weir_pipeline_t *pipeline,
                             struct weir_pipeline_settings *settings, size_t size);
#define weir_pipeline_get(pipeline, settings)                                                      \
    weir_pipeline_get_sized((pipeline), (settings), sizeof *(settings))
int weir_pipeline_set(weir_pipeline_t *pipeline, const struct weir_pipeline_settings *settings,
                      struct weir_error *error);

size_t weir_pipeline_count(const weir_pipeline_t *pipeline);

/* The name of stage number index, as in events and reports. */
const char *weir_pipeline_stage_name(const weir_pipeline_t *pipeline, size_t index);

/* Has a fixed size, like a result. */
struct weir_stage_report {
    char *name;
    struct weir_result result;   /* out is empty: output of stages is not kept */
    int forgiven;                /* it failed, but the verdict forgives it */
    int64_t bytes_out;           /* -1 if the stage was not metered */
    struct weir_map_report *map; /* for a map stage; NULL: a plain stage */
    int64_t start_ns;            /* when it was started, since the start of the pipeline */
    uint64_t reserved[3];        /* 0; for future members */
};

struct weir_pipeline_report {
    int ok;
    int status;     /* the deciding stage's status as in a shell, or a code of weir run; 0 if ok */
    int decided_by; /* the deciding stage; -1 if ok */
    char reason[600]; /* one sentence about it; "" if ok */
    enum weir_stop_reason why;
    int64_t started_at_ns, wall_ns;
    struct weir_stage_report *stages;
    size_t stage_count;
    uint64_t reserved[8]; /* 0; for future members */
};

void weir_pipeline_report_clear(struct weir_pipeline_report *report);

/* The JSON document of docs/schemas/pipe-report.schema.json. The caller owns it: free(). Returns
 * NULL if out of memory. */
char *weir_pipeline_report_json(const struct weir_pipeline_report *report);

/* Runs a pipeline to its end. *report is only written if 0 is returned; the caller owns it.
 * Failed stages are in the report; they are not errors. Errors: INVALID, SYSTEM (an input or
 * output file, named), SPAWNER, NOMEM. */
int weir_pipeline_run(weir_t *weir, const weir_pipeline_t *pipeline,
                      struct weir_pipeline_report *report, struct weir_error *error);

typedef struct weir_pipeline_run weir_pipeline_run_t; /* a running pipeline */

typedef void (*weir_pipeline_run_done)(weir_pipeline_run_t *pipe,
                                       const struct weir_pipeline_report *report,
                                       const struct weir_error *error, void *context);

/* Like weir_run_start() and its companions, for a pipeline. */
weir_pipeline_run_t *weir_pipeline_start(weir_t *weir, const weir_pipeline_t *pipeline,
                                         weir_pipeline_run_done done, void *context,
                                         struct weir_error *error);
int weir_pipeline_run_wait(weir_pipeline_run_t *pipe, struct weir_pipeline_report *report,
                           struct weir_error *error);
void weir_pipeline_run_cancel(weir_pipeline_run_t *pipe);
void weir_pipeline_run_signal(weir_pipeline_run_t *pipe, int number);
int64_t weir_pipeline_run_job(const weir_pipeline_run_t *pipe);
int weir_pipeline_run_take(weir_pipeline_run_t *pipe, struct weir_pipeline_report *report,
                           struct weir_error *error);
void weir_pipeline_run_free(weir_pipeline_run_t *pipe);

#ifdef __cplusplus
}
#endif
#endif
