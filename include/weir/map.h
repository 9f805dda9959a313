/* weir/map.h - map a stream of records through long-lived workers, accounting for every record.
 *
 * A record is one line of JSON (NDJSON), or any bytes up to LF or NUL (enum weir_map_format).  A
 * worker is a program that reads records and answers each with exactly one reply, in order, with
 * the same end.  Records and replies pass unchanged.
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
 * Workers have WEIR_SLOT in their environment, a number from 0 to workers - 1 that no other
 * running worker has, and WEIR_JOB, which names their job.
 *
 * Every record has one of four outcomes, and the report counts them:
 *
 *     records = answered + dropped + dead + unsettled
 *
 * When a worker dies, its unanswered records are sent again, each alone.  Only a record that
 * was alone when its worker died or timed out counts as failed; after the retries it is dead.
 * So no record dies because of another one.  A worker may get a record more than once.
 *
 * Threads: see weir/context.h.
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

/* What a record is, and a reply. */
enum weir_map_format {
    WEIR_MAP_NDJSON, /* a line of JSON. A CR before LF is removed, blank lines are skipped */
    WEIR_MAP_LINE,   /* any bytes up to LF. Nothing is removed, skipped or checked */
    WEIR_MAP_NUL,    /* the same up to NUL */
};

/* What happens when a record is dead. */
enum weir_map_on_error {
    WEIR_MAP_FAIL,        /* the run ends with status 3 */
    WEIR_MAP_SKIP,        /* the run continues; status 1 at the end, but see max_dead */
    WEIR_MAP_DEAD_LETTER, /* the same, and the record is written to dead_letter */
};

/* What happens to a record with bytes that are not UTF-8. */
enum weir_map_encoding {
    WEIR_MAP_STRICT,  /* it is dead */
    WEIR_MAP_REPLACE, /* these bytes become U+FFFD */
    WEIR_MAP_RAW,     /* it passes unchanged */
};

/* As the input: the host feeds the records and takes the results, with weir_map_feed() and
 * weir_map_next(). */
#define WEIR_MAP_FED ((const char *)-1)

typedef struct weir_map weir_map_t; /* a running map */

/* All strings are copied. */
struct weir_map_options {
    size_t size; /* sizeof (struct weir_map_options); set by weir_map_options_init() */
    const struct weir_command *command; /* the worker */
    const char *const *launcher;        /* argv prepended to the worker's (ssh, srun); NULL: none */
    const char *const *launcher_stop;   /* command that stops a worker which outlives its launcher;
                                         * WEIR_WORKER_JOB and WEIR_WORKER_SLOT are set to the
                                         * launcher's WEIR_JOB and WEIR_SLOT; NULL: none */
    const char *call; /* the worker speaks docs/protocol.md, and each record is a call of this
                       * function: an array gives the parameters by position, an object by name,
                       * any other value is the only parameter. The result is written, or one
                       * line for each value of an output stream; an error is a failure of that
                       * record. NULL: the worker answers each line with a line */
    unsigned workers; /* 0: one per processor */
    int unordered;    /* write replies as they arrive */

    int64_t start_timeout_ms;  /* from the start of a worker until it has read some input or
                                * answered; a record's time begins only then. With call: until it
                                * has answered weir/hello. WEIR_FOREVER: 60 s with a launcher, 10
                                * s with call */
    int64_t record_timeout_ms; /* from a record's turn to its reply; WEIR_FOREVER */
    int64_t timeout_ms;        /* for the whole run; WEIR_FOREVER */
    int64_t grace_ms;          /* 5000 */
    unsigned retries;          /* 2: dead after the third failure */
    enum weir_map_on_error on_error;
    const char *dead_letter; /* file; NULL: none. Dead letters are appended whole, under the
                              * file's lock, so several maps may share it; not with a checkpoint.
                              * In its name %p stands for the process id, %h for the host name,
                              * %n for the task number (the first one set of SLURM_ARRAY_TASK_ID,
                              * SPARK_PARTITION_ID, mapreduce_task_partition, PBS_ARRAY_INDEX,
                              * LSB_JOBINDEX and SLURM_PROCID; otherwise 0), %% for a percent
                              * sign */

    size_t max_record; /* bytes; 16 MiB */
    int unchecked;     /* do not check that input is JSON; replies always are checked */
    enum weir_map_encoding encoding;
    int drop_null; /* a null reply drops the record; not with key */

    const char *input;      /* file; NULL: input_fd; or WEIR_MAP_FED, without output, dead_letter
                             * and checkpoint */
    int input_fd;           /* borrowed; 0 */
    const char *output;     /* file; NULL: output_fd */
    int output_fd;          /* borrowed; 1 */
    int stderr_fd;          /* for the workers' stderr; borrowed; -1: none. 2 */
    const char *checkpoint; /* file to resume from; needs regular files for input and output;
                             * NULL: none */

    size_t window;        /* records in flight per worker; 4096 */
    size_t window_bytes;  /* bytes in flight per worker; 1 MiB */
    size_t reorder_bytes; /* replies that wait for an earlier one; 64 MiB */

    uint64_t max_dead; /* the status is 0 with up to this many dead records; not with
                        * WEIR_MAP_FAIL. 0 */
    const char *key;   /* JSON Pointer, such as "/id": a reply has the same value there as its
                        * record, otherwise the run ends. Replies may come in any order, and
                        * records may be left out. A worker never has two records with the same
                        * value at a time. Strings are compared by characters, other values by
                        * bytes. Not with call. NULL: none */
    int drop_missing;  /* a record without a reply is dropped, not dead; with key */
    int line_buffered; /* start the worker with stdbuf -oL (-o0 for WEIR_MAP_NUL) and
                        * PYTHONUNBUFFERED=1 */

    enum weir_map_format format; /* call, key, drop_null and WEIR_MAP_REPLACE require
                                  * WEIR_MAP_NDJSON; unchecked and encoding have no effect on
                                  * other formats. WEIR_MAP_NDJSON */
    int launcher_shell; /* the launcher hands its words to a shell, as ssh does: the worker's are
                         * quoted and joined into one */

    /* The stop sequence of a worker, which replaces grace_ms; NULL: SIGTERM, then SIGKILL after
     * grace_ms. Copied. */
    const struct weir_stop_step *stop;
    size_t stop_count;

    const char *node_from; /* environment variable of a worker, or of the program that its launcher
                            * executes, that names its machine; read from /proc when it first
                            * answers. Otherwise the node in reports is that of the hello, or
                            * SLURMD_NODENAME of this process. NULL: none */

    const struct weir_each_options *each; /* a program for each record: weir/each.h. call, key,
                                           * drop_null, line_buffered and the windows have no
                                           * place then. NULL: workers */

    int pty_output; /* the worker's stdout is a pseudo-terminal in raw mode, so that programs which
                     * buffer by blocks elsewhere write each line at once; not with a launcher */
    int dialect; /* enum weir_dialect of weir/pool.h, with call. WEIR_DIALECT_MCP: the worker is an
                  * MCP server, call is one of its tools or requests, and each record is an object,
                  * its arguments; then workers is 1 by default, and a tool that does not say that
                  * it only reads gets one record at a time. 0: the worker protocol, or plain
                  * JSON-RPC */
    int warm;    /* as in weir/pool.h; with call */

    /* With WEIR_MAP_FED, for a host with its own event loop; NULL: none. Called with the context
     * of weir_map_start(): on_item once weir_map_try_next() has something after it had nothing,
     * on_room once weir_map_try_feed() takes more after it took nothing. Only done reports the end
     * of the map. */
    void (*on_item)(weir_map_t *map, void *context);
    void (*on_room)(weir_map_t *map, void *context);
};

void weir_map_options_init_sized(struct weir_map_options *options, size_t size);
#define weir_map_options_init(options) weir_map_options_init_sized((options), sizeof *(options))

/* Has a fixed size, like a result. */
struct weir_map_worker {
    struct weir_result result; /* without outputs; of the launcher if there is one */
    uint64_t records;          /* answered by it */
    char *node;                /* its machine, if known; NULL */
    unsigned slot;             /* its WEIR_SLOT */
    unsigned starts;           /* workers started in that slot so far, including it */
    int64_t start_ns;          /* when it was started, since the start of the map */
    uint64_t reserved[2];      /* 0; for future members */
};

/* One of the places in which the programs of weir/each.h run. This struct never changes. */
struct weir_each_slot {
    uint64_t jobs, failed; /* programs that ended, and those of them that failed */
    int64_t busy_ns;
    char *host; /* with hosts: where; NULL: here */
};

struct weir_map_report {
    int status; /* exit status of `weir map`: 0 all records settled, 1 dead records, 3 stopped by
                 * a record, 4 worker cannot run, 5 own input or output failed, 6 resume refused,
                 * 124 deadline, 141 reader gone, 128+n cancelled */
    char reason[600]; /* one sentence when status is not 0 */
    enum weir_stop_reason why;
    int64_t started_at_ns, wall_ns;
    uint64_t records, bytes_in, blank, invalid, oversize;
    uint64_t records_out, bytes_out;
    uint64_t answered, dropped, dead, unsettled;
    uint64_t retries, redelivered, crashes, timeouts, desyncs;
    uint64_t errors, noise; /* with call: error replies, and lines that are not messages */
    uint64_t reorder_peak_records, reorder_peak_bytes;
    int64_t reorder_stall_ns;
    int64_t latency_p50_ns, latency_p95_ns, latency_p99_ns, latency_max_ns;
    struct weir_map_worker *workers;
    size_t worker_count;
    char *checkpoint;
    uint64_t max_dead;
    uint64_t missing; /* with key: records without a reply (dropped or dead) */
    char *key;        /* NULL: none */
    enum weir_map_format format;
    int reserved_int;
    struct weir_each_slot *slots; /* with each: slot_count of them; otherwise NULL */
    size_t slot_count;
    struct weir_map_course *course; /* opaque: for weir_map_report_json(). NULL: none */
    uint64_t reserved[12];          /* 0; for future members */
};

void weir_map_report_clear(struct weir_map_report *report);

/* The JSON document of docs/schemas/map-report.schema.json. The caller owns it: free(). Returns
 * NULL if out of memory. */
char *weir_map_report_json(const struct weir_map_report *report);

enum { WEIR_MAP_SHARES = 64 };

/* One live worker. This struct never changes. */
struct weir_map_share {
    long pid;         /* of the launcher if there is one; 0: not yet known */
    uint64_t records; /* answered by it */
    uint64_t in_flight;
};

/* Progress of a running map. Grows at its end. */
struct weir_map_progress {
    size_t size; /* sizeof (struct weir_map_progress); set by weir_map_look() */
    uint64_t records, bytes, settled, dead, in_flight;
    int64_t input_size;                            /* in bytes if the input is a regular file; -1 */
    uint64_t input_offset;                         /* bytes of the input settled */
    struct weir_map_share shares[WEIR_MAP_SHARES]; /* the oldest ones */
    size_t worker_count; /* of live workers; shares holds at most WEIR_MAP_SHARES */
    uint64_t slowest;   /* with each: number, from 1, of the record that has run longest; 0: none */
    int64_t slowest_ns; /* and how long */
};

/* Runs a map to its end. *report is only written if 0 is returned; the caller owns it. Failed
 * workers and dead records are in the report; they are not errors. Errors: INVALID, SYSTEM (a
 * file that cannot be opened, named), SPAWNER, NOMEM. */
int weir_map_run(weir_t *weir, const struct weir_map_options *options,
                 struct weir_map_report *report, struct weir_error *error);

typedef void (*weir_map_done)(weir_map_t *map, const struct weir_map_report *report,
                              const struct weir_error *error, void *context);

/* Like weir_run_start() and its companions, for a map. The first cancellation stops reading
 * input, waits for the replies in flight and saves the checkpoint; the second ends the map at
 * once.  weir_map_wait() drops the items of a fed map that were not taken: call it in the thread
 * that takes them. */
weir_map_t *weir_map_start(weir_t *weir, const struct weir_map_options *options, weir_map_done done,
                           void *context, struct weir_error *error);
int weir_map_wait(weir_map_t *map, struct weir_map_report *report, struct weir_error *error);
void weir_map_cancel(weir_map_t *map, int signal);
/* Ends a map without waiting for replies in flight: its workers get their stop sequence.
 * weir_map_cancel() then kills them. signal is for the report's status, as with
 * weir_map_cancel(). */
void weir_map_stop(weir_map_t *map, int signal);
int weir_map_take(weir_map_t *map, struct weir_map_report *report, struct weir_error *error);
void weir_map_look_sized(weir_map_t *map, struct weir_map_progress *progress, size_t size);
#define weir_map_look(map, progress) weir_map_look_sized((map), (progress), sizeof *(progress))
void weir_map_free(weir_map_t *map);

/* --- Records and results in memory ----------------------------------------------
 *
 * With input WEIR_MAP_FED a map reads and writes no descriptors.  Each record that was fed comes
 * back as one item, in order unless options.unordered is set:
 *
 *     options.input = WEIR_MAP_FED;
 *     options.on_error = WEIR_MAP_SKIP;
 *     map = weir_map_start(weir, &options, NULL, NULL, &error);
 *
 *     one thread                                    another thread
 *     while (weir_map_feed(map, ...) == 1)          while (weir_map_next(map, &item, ...) == 1)
 *         ...                                           ...
 *     weir_map_close_input(map, &error);            weir_map_wait(map, &report, &error);
 *
 * A program with a single thread feeds with weir_map_try_feed() until that returns 0, and takes
 * an item.  At most 256 KiB of records, and of results, wait in memory, or one that is longer,
 * beside what window_bytes and reorder_bytes allow: the side that is ahead waits.
 *
 * Threads: one may feed while another takes; no two feed, or take, at a time. */

enum weir_map_outcome {
    WEIR_MAP_ANSWERED, /* bytes is the reply; with call its values, with newlines between them */
    WEIR_MAP_DROPPED,  /* no bytes */
    WEIR_MAP_DEAD,     /* bytes is the dead letter, a JSON object. With WEIR_MAP_FAIL there is no
                        * such item: the report tells */
};

/* Has a fixed size, like a result. */
struct weir_map_item {
    uint64_t seq; /* of the record: the first that was fed is 0 */
    enum weir_map_outcome outcome;
    const char *bytes; /* without a final newline or NUL. Borrowed until the next item is taken;
                        * NULL: none */
    size_t length;
    const char *reason; /* why it is dead, such as "crash"; NULL: it is not. Borrowed as bytes */
    const char *output; /* with each, also if the record is dead: what its program wrote, as
                         * weir_each_options.output says: a document without its newline, or stdout
                         * as it is. Borrowed as bytes; NULL: its program did not run */
    size_t output_length;
    uint64_t reserved[1]; /* 0; for future members */
};

/* Feeds a record, without its newline or NUL; it is copied.  Waits while there is no room.
 * Returns 1 if it was taken; 0, only inside a callback of the same context: no room.
 * Errors: INVALID (it has a newline or NUL in it, or is JSON and blank; the input is closed),
 * SYSTEM with EPIPE (the map has ended or is being cancelled: its report says why), NOMEM. */
int weir_map_feed(weir_map_t *map, const char *record, size_t length, struct weir_error *error);

/* The same, but never waits: 0 means that there is no room. */
int weir_map_try_feed(weir_map_t *map, const char *record, size_t length, struct weir_error *error);

/* There are no more records.  Errors: INVALID. */
int weir_map_close_input(weir_map_t *map, struct weir_error *error);

/* Waits for the next item.  Returns 1 with *item; 0: there are no more, and the map is over or
 * about to be.  Records that the map left unsettled, because it ended early, have no item.
 * Errors: INVALID, NOMEM (it can be taken again), BUSY (inside a callback of the same context). */
int weir_map_next(weir_map_t *map, struct weir_map_item *item, struct weir_error *error);

/* The same, but never waits: BUSY means that there is no item yet. */
int weir_map_try_next(weir_map_t *map, struct weir_map_item *item, struct weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
