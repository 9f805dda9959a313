/* weir/pipeline.h - run `producer | stage | consumer` with a status for each and one verdict.
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
 * Neighbouring stages are joined by a kernel pipe, with nothing in between; a
 * stage that is metered, has an idle time or a charset is relayed by the host.
 *
 * Threads: a weir_pipeline is plain data, for one thread at a time; running it
 * does not change it.  Contexts: weir/context.h.
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

/* Which stage's failure is the pipeline's. */
enum weir_pipefail {
    WEIR_PIPEFAIL_SMART,  /* the rightmost failure that is not forgiven: a stage that its
                             reader left early may die of SIGPIPE or exit with 141 */
    WEIR_PIPEFAIL_STRICT, /* the rightmost failure, as bash's pipefail */
    WEIR_PIPEFAIL_LAST,   /* the last stage's, as a plain shell */
};

/* Where a stage's stderr goes.  All but the last two keep head and tail for the report. */
enum weir_stage_stderr {
    WEIR_STDERR_PREFIX,  /* kept, and passed on live; with the stage's name on a terminal */
    WEIR_STDERR_KEEP,    /* kept only */
    WEIR_STDERR_DISCARD, /* /dev/null */
    WEIR_STDERR_STDOUT,  /* into the stage's output */
};

struct weir_stage {
    size_t size;      /* sizeof (struct weir_stage); set by weir_stage_init() */
    const char *name; /* NULL: the program's basename, "#2" added where doubled */
    const struct weir_command *command;
    enum weir_stage_stderr err;
    int64_t timeout_ms, idle_ms;  /* WEIR_FOREVER */
    int64_t grace_ms;             /* 5000 */
    const unsigned char *ok_exit; /* exit codes that are no failure; NULL: just 0 */
    size_t ok_exit_count;
    int early_close_ok;  /* any status but a crash is forgiven when the reader left early */
    int meter;           /* count its output: it is relayed */
    const char *charset; /* its output is decoded from this to UTF-8; NULL: raw */

    /* A map stage: command is the worker's, and records go through several of
     * them.  Not heeded are command, timeout_ms, grace_ms, input, output, stderr_fd
     * and checkpoint: the stage and the pipeline have their own.  NULL: a plain stage. */
    const struct weir_map_options *map;
};

void weir_stage_init_sized(struct weir_stage *stage, size_t size);
#define weir_stage_init(stage) weir_stage_init_sized((stage), sizeof *(stage))

typedef struct weir_pipeline weir_pipeline_t;

/* Returns an empty pipeline, or NULL when memory is short.  The caller owns it. */
weir_pipeline_t *weir_pipeline_new(void);

/* Accepts NULL. */
void weir_pipeline_free(weir_pipeline_t *pipeline);

/* Adds a stage at the end.  Copies it.  Errors: INVALID, NOMEM. */
int weir_pipeline_add(weir_pipeline_t *pipeline, const struct weir_stage *stage,
                      struct weir_error *error);

/* Adds a stage whose command is one line, split into words as a shell does,
 * with no shell.  stage gives the rest and may be NULL, as its command may; the argv is not used.
 * Errors: INVALID, NOMEM. */
int weir_pipeline_add_line(weir_pipeline_t *pipeline, const char *line,
                           const struct weir_stage *stage, struct weir_error *error);

/* One fault of a spec.  text: "FILE:LINE:COLUMN: POINTER: what: what to do". */
typedef void (*weir_spec_fault)(const struct weir_error *fault, void *context);

/* Makes a pipeline from a spec (docs/schemas/pipe-spec.schema.json).  file names
 * it in messages.  All faults are told, in their order in the text; then error
 * says how many.  Returns NULL on failure.  Errors: SPEC, NOMEM. */
weir_pipeline_t *weir_pipeline_parse(const char *text, size_t length, const char *file,
                                     weir_spec_fault on_fault, void *context,
                                     struct weir_error *error);

/* What holds for the pipeline as a whole.  weir_pipeline_parse() sets them from
 * the spec; strings are copied. */
struct weir_pipeline_settings {
    size_t size;
    enum weir_pipefail pipefail;
    int64_t timeout_ms; /* "deadline_s"; WEIR_FOREVER */
    int64_t grace_ms;   /* 5000; a stage's own counts for its own time limits */
    int64_t drain_ms;   /* 1000 */
    const char *input;  /* file for the first stage's stdin; NULL: input_fd */
    int input_fd;       /* borrowed; -1: /dev/null.  0 */
    const char *output; /* file for the last stage's stdout, written beside its place and
                           renamed when the pipeline succeeds; NULL: output_fd */
    int output_fd;      /* borrowed; -1: /dev/null.  1 */
    int stderr_fd;      /* where WEIR_STDERR_PREFIX passes on; borrowed; -1: nowhere.  2 */
    size_t max_stderr;  /* bytes kept of each stage's stderr; 64 KiB */
    int meter;          /* meter every stage */
    int terminal_fd;    /* as in struct weir_run_options */
    int terminal_background;
    const char *report; /* "report" of the spec, for the caller to heed; NULL: none */

    /* What each stage that is no map has open above 2; NULL: nothing.  Borrowed until
     * weir_pipeline_start() returns. */
    const struct weir_descriptor *descriptors;
    size_t descriptor_count;
};

void weir_pipeline_settings_init_sized(struct weir_pipeline_settings *settings, size_t size);
#define weir_pipeline_settings_init(settings)                                                      \
    weir_pipeline_settings_init_sized((settings), sizeof *(settings))
/* Initialises *settings to those of the pipeline; strings are borrowed from it. */
void weir_pipeline_get_sized(const weir_pipeline_t *pipeline,
                             struct weir_pipeline_settings *settings, size_t size);
#define weir_pipeline_get(pipeline, settings)                                                      \
    weir_pipeline_get_sized((pipeline), (settings), sizeof *(settings))
int weir_pipeline_set(weir_pipeline_t *pipeline, const struct weir_pipeline_settings *settings,
                      struct weir_error *error);

size_t weir_pipeline_count(const weir_pipeline_t *pipeline);

/* The name of stage number index, as events and reports give it. */
const char *weir_pipeline_stage_name(const weir_pipeline_t *pipeline, size_t index);

/* These have a fixed size, as a result has. */
struct weir_stage_report {
    char *name;
    struct weir_result result;   /* out is empty: stages' outputs are not kept */
    int forgiven;                /* it failed, and the verdict lets it pass */
    int64_t bytes_out;           /* -1 where the stage was not metered */
    struct weir_map_report *map; /* of a map stage; NULL: a plain one */
    uint64_t reserved[4];        /* 0; new members take this room */
};

struct weir_pipeline_report {
    int ok;
    int status;     /* the deciding stage's status as a shell tells it, or run's codes; 0 when ok */
    int decided_by; /* the deciding stage; -1 when ok */
    char reason[600]; /* one sentence about it; "" when ok */
    enum weir_stop_reason why;
    int64_t started_at_ns, wall_ns;
    struct weir_stage_report *stages;
    size_t stage_count;
    uint64_t reserved[8]; /* 0; new members take this room */
};

void weir_pipeline_report_clear(struct weir_pipeline_report *report);

/* The JSON document of docs/schemas/pipe-report.schema.json.  Returns NULL when
 * memory is short.  The caller owns it: free(). */
char *weir_pipeline_report_json(const struct weir_pipeline_report *report);

/* Runs a pipeline to its end.  *report is written only when 0 is returned; the
 * caller owns it.  Failing stages are in the report, not errors.
 * Errors: INVALID, SYSTEM (an input or output file, named), SPAWNER, NOMEM. */
int weir_pipeline_run(weir_t *weir, const weir_pipeline_t *pipeline,
                      struct weir_pipeline_report *report, struct weir_error *error);

typedef struct weir_pipeline_run weir_pipeline_run_t; /* a pipeline that runs */

typedef void (*weir_pipeline_run_done)(weir_pipeline_run_t *pipe,
                                       const struct weir_pipeline_report *report,
                                       const struct weir_error *error, void *context);

/* As weir_run_start() and its companions, for a pipeline. */
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
