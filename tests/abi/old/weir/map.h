/* weir/map.h - push a stream of records through long-lived workers, every record accounted for.
 *
 * A record is one JSON text on a line (NDJSON).  A worker is a program that
 * reads lines and answers each with exactly one line, in order.  Records and
 * replies pass byte for byte.
 *
 *     struct weir_map_options options;
 *
 *     weir_map_options_init(&options);
 *     options.command = &command;           // the worker
 *     options.workers = 4;
 *     if (weir_map_run(weir, &options, &report, &error) == 0 && report.status == 0)
 *         ...                               // stdin was mapped to stdout, in order
 *     weir_map_report_clear(&report);
 *
 * Of every record one of four things becomes, and the report counts them:
 *
 *     records = answered + dropped + dead + unsettled
 *
 * When a worker dies, what it had not answered goes out again, each record
 * alone: only a record that is alone with a worker when that dies, or is too
 * slow, counts as failed; after the retries it is dead.  No record dies for its
 * neighbour, and a worker may see a record more than once.
 *
 * Threads: as weir/context.h says.
 */
#ifndef WEIR_MAP_H
#define WEIR_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <weir/command.h>
#include <weir/context.h>
#include <weir/error.h>
#include <weir/result.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of the run when a record is dead. */
enum weir_map_on_error {
    WEIR_MAP_FAIL,        /* it ends, with status 3 */
    WEIR_MAP_SKIP,        /* it goes on; status 1 at the end, but see max_dead */
    WEIR_MAP_DEAD_LETTER, /* the same, and the record is written to dead_letter */
};

/* What becomes of a record with bytes that are not UTF-8. */
enum weir_map_encoding {
    WEIR_MAP_STRICT,  /* it is dead */
    WEIR_MAP_REPLACE, /* U+FFFD takes their place */
    WEIR_MAP_RAW,     /* it passes as it is */
};

/* All strings are copied. */
struct weir_map_options {
    size_t size; /* sizeof (struct weir_map_options); set by weir_map_options_init() */
    const struct weir_command *command; /* the worker */
    const char *const *launcher;        /* argv put in front of it (ssh, srun); NULL: none */
    const char *const *launcher_stop;   /* argv executed to end a worker that the launcher may leave
                                           behind, with WEIR_WORKER_JOB set to what the launcher had
                                           as WEIR_JOB; NULL: none */
    const char *call; /* the worker speaks docs/protocol.md, and each record is a call of this
                         function: an array its parameters by position, an object by name,
                         anything else the one.  What it gives is written, a line for each value
                         of an output stream; an error is a failure of that record.  NULL: the
                         worker answers each line with a line */
    unsigned workers; /* how many; 0: one for each processor */
    int unordered;    /* replies are written as they come */

    int64_t start_timeout_ms;  /* from a worker's start until it has read something of what it was
                                  sent, or answered; a record's time begins only then.  Of one
                                  that is called: until it has answered weir/hello.  WEIR_FOREVER:
                                  60 s behind a launcher, 10 s for one that is called */
    int64_t record_timeout_ms; /* from a record's turn to its reply; WEIR_FOREVER */
    int64_t timeout_ms;        /* of the whole run; WEIR_FOREVER */
    int64_t grace_ms;          /* 5000 */
    unsigned retries;          /* 2: dead after the third failure */
    enum weir_map_on_error on_error;
    const char *dead_letter; /* file; NULL: none.  Letters are appended, each whole, under the
                                file's lock: many maps may have the same one.  With a checkpoint it
                                is this map's alone.  In its name %p stands for the process's
                                number, %h for the host, %n for the task's number (the first set
                                of SLURM_ARRAY_TASK_ID, SPARK_PARTITION_ID,
                                mapreduce_task_partition, PBS_ARRAY_INDEX, LSB_JOBINDEX and
                                SLURM_PROCID; else 0), %% for a percent sign */

    size_t max_record; /* bytes; 16 MiB */
    int unchecked;     /* input is not checked for being JSON; replies always are */
    enum weir_map_encoding encoding;
    int drop_null; /* a reply of null drops the record; not with key */

    const char *input;      /* file; NULL: input_fd */
    int input_fd;           /* borrowed; 0 */
    const char *output;     /* file; NULL: output_fd */
    int output_fd;          /* borrowed; 1 */
    int stderr_fd;          /* where the workers' stderr goes; borrowed; -1: nowhere.  2 */
    const char *checkpoint; /* file to resume from, with regular files on both sides; NULL: none */

    size_t window;        /* records in flight per worker at most; 4096 */
    size_t window_bytes;  /* bytes of them; 1 MiB */
    size_t reorder_bytes; /* replies waiting for an earlier one; 64 MiB */

    uint64_t
        max_dead;     /* up to this many dead records the status is 0; not with WEIR_MAP_FAIL.  0 */
    const char *key;  /* JSON Pointer, such as "/id": each reply has the same value there as its
                         record, or the run ends; replies may come in any order, and records may
                         be left out.  A worker never has two records with the same
                         value at a time.  Strings are compared by their characters, anything
                         else byte for byte.  Not with call.  NULL: none */
    int drop_missing; /* a record that is left out is dropped, not dead; with key */
    int line_buffered; /* the worker is started under stdbuf -oL, with PYTHONUNBUFFERED=1 */
};

void weir_map_options_init_sized(struct weir_map_options *options, size_t size);
#define weir_map_options_init(options) weir_map_options_init_sized((options), sizeof *(options))

/* These have a fixed size, as a result has. */
struct weir_map_worker {
    struct weir_result result; /* its outputs are empty; of its launcher where it has one */
    uint64_t records;          /* answered by it */
    char *node;                /* the machine it ran on, where it told; NULL */
    uint64_t reserved[4];      /* 0; new members take this room */
};

struct weir_map_report {
    int status; /* the exit status of `weir map`: 0 all settled well, 1 dead records, 3 stopped on
                   data, 4 worker cannot run, 5 own input or output failed, 6 resume refused,
                   124 deadline, 141 reader gone, 128+n cancelled */
    char reason[600]; /* one sentence when status is not 0 */
    enum weir_stop_reason why;
    int64_t started_at_ns, wall_ns;
    uint64_t records, bytes_in, blank, invalid, oversize;
    uint64_t records_out, bytes_out;
    uint64_t answered, dropped, dead, unsettled;
    uint64_t retries, redelivered, crashes, timeouts, desyncs;
    uint64_t errors, noise; /* of workers that are called: answers that are errors, and lines
                               that are no messages */
    uint64_t reorder_peak_records, reorder_peak_bytes;
    int64_t reorder_stall_ns;
    int64_t latency_p50_ns, latency_p95_ns, latency_p99_ns, latency_max_ns;
    struct weir_map_worker *workers;
    size_t worker_count;
    char *checkpoint;
    uint64_t max_dead;
    uint64_t missing;      /* records that their workers left out, with a key: dropped, or dead */
    char *key;             /* NULL: none */
    uint64_t reserved[16]; /* 0; new members take this room */
};

void weir_map_report_clear(struct weir_map_report *report);

/* The JSON document of docs/schemas/map-report.schema.json.  Returns NULL when
 * memory is short.  The caller owns it: free(). */
char *weir_map_report_json(const struct weir_map_report *report);

enum { WEIR_MAP_SHARES = 64 };

/* One worker that lives.  This struct never changes. */
struct weir_map_share {
    long pid;         /* its launcher's where it has one; 0: not yet known */
    uint64_t records; /* answered by it */
    uint64_t in_flight;
};

/* What can be seen of a map that runs.  Grows at its end. */
struct weir_map_progress {
    size_t size; /* sizeof (struct weir_map_progress); set by weir_map_look() */
    uint64_t records, bytes, settled, dead, in_flight;
    int64_t input_size;    /* bytes, where the input is a regular file; -1 */
    uint64_t input_offset; /* bytes of the input settled */
    struct weir_map_share shares[WEIR_MAP_SHARES]; /* the longest-lived ones */
    size_t worker_count; /* that live; of more than WEIR_MAP_SHARES no more are in shares */
};

/* Maps to the end.  *report is written only when 0 is returned; the caller owns
 * it.  Failing workers and dead records are in the report, not errors.
 * Errors: INVALID, SYSTEM (a file that cannot be opened, named), SPAWNER, NOMEM. */
int weir_map_run(weir_t *weir, const struct weir_map_options *options,
                 struct weir_map_report *report, struct weir_error *error);

typedef struct weir_map weir_map_t; /* a map that runs */

typedef void (*weir_map_done)(weir_map_t *map, const struct weir_map_report *report,
                              const struct weir_error *error, void *context);

/* As weir_run_start() and its companions, for a map.  Cancelled once, it takes
 * no more input, waits for the replies under way and saves its checkpoint; twice,
 * it leaves at once. */
weir_map_t *weir_map_start(weir_t *weir, const struct weir_map_options *options, weir_map_done done,
                           void *context, struct weir_error *error);
int weir_map_wait(weir_map_t *map, struct weir_map_report *report, struct weir_error *error);
void weir_map_cancel(weir_map_t *map, int signal);
int weir_map_take(weir_map_t *map, struct weir_map_report *report, struct weir_error *error);
void weir_map_look_sized(weir_map_t *map, struct weir_map_progress *progress, size_t size);
#define weir_map_look(map, progress) weir_map_look_sized((map), (progress), sizeof *(progress))
void weir_map_free(weir_map_t *map);

#ifdef __cplusplus
}
#endif
#endif
