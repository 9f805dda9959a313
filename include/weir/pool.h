/* weir/pool.h - call functions that run in worker processes.
 *
 * A worker is a program that answers calls on its stdin and stdout as described in
 * docs/protocol.md: written with one of the SDKs (sdk/python, sdk/go), or any program that
 * speaks line-delimited JSON-RPC 2.0.  A pool keeps workers running, gives each call to a free
 * one, and replaces workers that die.
 *
 *     struct weir_pool_options options;
 *     struct weir_reply reply = {0};
 *
 *     weir_pool_options_init(&options);
 *     options.commands = commands;               // {&command}: python3 math_worker.py
 *     options.command_count = 1;
 *     pool = weir_pool_open(weir, &options, &error);
 *     if (weir_call(pool, "add", "[3,4]", NULL, &reply, &error) < 0)
 *         ...                                    // weir failed: error.text
 *     else if (reply.outcome == WEIR_CALL_RETURNED)
 *         use(reply.result, reply.length);       // 7
 *     weir_reply_clear(&reply);
 *     weir_pool_close(pool, 5000);
 *
 * Parameters and results are JSON texts, passed unchanged: numbers keep all their digits.
 *
 * The outcome of a call is a value, not an error; every call has exactly one.  A crash of a
 * worker affects only the calls that it was running.
 *
 * Threads: see weir/context.h.  A pool may be called from many threads at once; a weir_call_t
 * belongs to one thread at a time, only weir_call_cancel() may be used by any.
 */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include <stddef.h>
#include <stdint.h>

#include <weir/command.h>
#include <weir/context.h>
#include <weir/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- The pool -------------------------------------------------------------- */

enum weir_dialect {
    WEIR_DIALECT_AUTO,   /* tries weir/hello; an answer of -32601 means plain JSON-RPC */
    WEIR_DIALECT_NATIVE, /* the whole protocol; the start fails without weir/hello */
    WEIR_DIALECT_PLAIN,  /* JSON-RPC 2.0: values only, no extensions */
    WEIR_DIALECT_MCP,    /* an MCP server (Model Context Protocol); see docs/mcp.md */
};

/* What one kind of worker has of its own. */
struct weir_kind_options {
    size_t size; /* sizeof (struct weir_kind_options); set by weir_kind_options_init() */
    enum weir_dialect dialect; /* WEIR_DIALECT_AUTO */
    unsigned workers;          /* 0: as in the pool's options; of an MCP server 1, as its state is
                                * in its process */
    unsigned window;           /* 0: as in the pool's options; then of an MCP server 16 calls of
                                * tools that only read, any other alone */
    int64_t start_timeout_ms;  /* 0: as in the pool's options */
    const char *label; /* its methods do not clash with those of other kinds: calls choose it by
                        * kind; NULL: none */

    /* For MCP servers: */
    const char *mcp_version; /* "2025-11-25", "2026-07-28"; NULL: whichever it speaks */
    int no_retry;            /* 1: a tool's readOnlyHint or idempotentHint does not make a call of
                              * it idempotent */
    int64_t stuck_ms;        /* a server that has not answered this long after a cancelled call
                              * is replaced once its place is needed; 30000 */

    int labels_stderr; /* 1: its stderr is passed on line by line, each after "LABEL: " */
    int reserved_int;  /* 0 */
};

void weir_kind_options_init_sized(struct weir_kind_options *options, size_t size);
#define weir_kind_options_init(options) weir_kind_options_init_sized((options), sizeof *(options))

/* weir_pool_open() copies everything that pointers refer to. */
struct weir_pool_options {
    size_t size; /* sizeof (struct weir_pool_options); set by weir_pool_options_init() */

    const struct weir_command *const *commands; /* one per kind of worker; their methods share
                                                 * one namespace */
    size_t command_count;
    const char *const *launcher;      /* argv prepended to each (ssh, srun); NULL: none */
    const char *const *launcher_stop; /* command that stops a worker which outlives its launcher;
                                       * WEIR_WORKER_JOB, _SLOT, _PID and _NODE are set; NULL:
                                       * none */
    enum weir_dialect dialect;        /* WEIR_DIALECT_AUTO */

    unsigned workers; /* per kind; 0: one per processor */
    unsigned window;  /* calls written to a worker at a time; 0: its concurrency. More keep a
                       * fast worker busy, but are lost with it when it dies */
    size_t max_queue; /* calls that wait for a worker; 1024 */
    size_t max_line;  /* bytes; WEIR_MAX_LINE */

    int64_t start_timeout_ms;   /* from a worker's start to its hello; 10000 */
    int64_t cancel_grace_ms;    /* from the cancel message to SIGINT: time to clean up; 5000 */
    int64_t interrupt_grace_ms; /* from SIGINT to SIGTERM; 1000 */
    int64_t grace_ms;           /* from SIGTERM to SIGKILL; 5000 */
    int64_t backoff_ms;      /* upper limit of the random delay after a failed start; doubles with
                              * each failure in a row; 100 */
    int64_t backoff_max_ms;  /* 30000 */
    unsigned start_attempts; /* 1: with no worker up, calls fail at once after the first failed
                              * start; other values: see start_patience_ms; 5 */

    uint64_t recycle_calls;  /* replace a worker after this many calls; 0: never */
    int64_t recycle_age_ms;  /* or after this time; WEIR_FOREVER */
    uint64_t recycle_rss_kb; /* or if it is larger after a call (from /proc on Linux); 0: never */

    int stderr_fd; /* for the workers' stderr; borrowed; -1: only the tail is kept. 2 */

    /* If starts have failed for this long and no worker is up, calls fail at once. Starts
     * continue even then. At least start_timeout_ms with a launcher. A program that cannot be
     * executed fails calls at once. WEIR_FOREVER: calls wait; 2000 */
    int64_t start_patience_ms;

    /* The stop sequence of a worker, which replaces grace_ms; NULL: SIGTERM, then SIGKILL after
     * grace_ms. Copied. */
    const struct weir_stop_step *stop;
    size_t stop_count;

    uint64_t schemas; /* 1: workers are asked for JSON Schemas and annotations of their functions
                       * (docs/protocol.md section 4), which weir_pool_methods() then has; 0 */

    /* One for each command, or NULL: the pool's dialect, workers, window and start_timeout_ms hold
     * for all. */
    const struct weir_kind_options *const *kinds;

    /* One for each command, in place of launcher and launcher_stop; an entry may be NULL. NULL:
     * all commands have those. */
    const char *const *const *launchers;
    const char *const *const *launcher_stops;
    int launcher_shell; /* launchers hand their words to a shell, as ssh does: the worker's are
                         * quoted and joined into one */
    int warm;           /* 1: for each command one process imports the Python program once, and each
                         * worker is forked from it when the program calls weir.worker.serve(). On
                         * Linux, without launchers and MCP servers; 0 */
};

void weir_pool_options_init_sized(struct weir_pool_options *options, size_t size);
#define weir_pool_options_init(options) weir_pool_options_init_sized((options), sizeof *(options))

typedef struct weir_pool weir_pool_t;

/* Starts the workers and returns at once; calls are accepted immediately and wait for the first
 * worker. Returns NULL on failure. The caller owns it: weir_pool_close(). Errors: INVALID,
 * SPAWNER, SYSTEM, NOMEM. */
weir_pool_t *weir_pool_open(weir_t *weir, const struct weir_pool_options *options,
                            struct weir_error *error);

/* Waits until this many workers of each kind are ready (0: all of them). Errors: WORKER (they do
 * not start: error.text has the last one's message), TIMEOUT, INVALID (a method name clashes
 * between two kinds: named), BUSY. */
int weir_pool_wait_ready(weir_pool_t *pool, unsigned workers, int64_t timeout_ms,
                         struct weir_error *error);

/* Called once, when all are ready (error is NULL) or cannot be. */
typedef void (*weir_pool_ready)(weir_pool_t *pool, const struct weir_error *error, void *context);
void weir_pool_on_ready(weir_pool_t *pool, unsigned workers, weir_pool_ready ready, void *context);

/* Rejects new calls, waits up to drain_ms (WEIR_FOREVER: no limit) for running ones, cancels the
 * rest, ends the workers and frees the pool. Calls that are not freed stay valid and have their
 * outcome. Accepts NULL. In a callback it does not wait: it ends everything at once. */
void weir_pool_close(weir_pool_t *pool, int64_t drain_ms);

/* The first step of weir_pool_close() without waiting: drained is called once no call is left,
 * or directly from here. */
void weir_pool_drain(weir_pool_t *pool, int64_t drain_ms, void (*drained)(weir_pool_t *, void *),
                     void *context);

/* Replaces every worker, one after the other, each once its replacement is ready. No call is
 * lost. */
void weir_pool_replace(weir_pool_t *pool);

/* The methods as in the hello of docs/protocol.md, a JSON object. The caller owns it: free().
 * NULL if out of memory. */
char *weir_pool_methods(weir_pool_t *pool);

/* The result of weir/stats in docs/protocol.md, a JSON object. As above. late counts responses
 * with an unknown id; restarts counts workers that died or were stopped for a failure. */
char *weir_pool_stats(weir_pool_t *pool);

/* --- One call -------------------------------------------------------------- */

enum weir_outcome {
    WEIR_CALL_RETURNED,  /* result */
    WEIR_CALL_FAILED,    /* the function, or the worker for it, reported an error: code, message,
                          * data */
    WEIR_CALL_CANCELLED, /* on request */
    WEIR_CALL_DEADLINE,  /* deadline exceeded, queued or running; reported at once */
    WEIR_CALL_UNKNOWN,   /* the worker died after reading the call: it may have been executed */
    WEIR_CALL_POISON,    /* idempotent, retried, and killed a second worker */
    WEIR_CALL_REFUSED,   /* the queue is full or the pool is closing: not executed */
    WEIR_CALL_NO_WORKER, /* workers do not start: not executed; message has the stderr tail */
};

/* "returned", "failed", "cancelled", "deadline", "outcome_unknown", "poison",
 * "refused", "no_worker". */
const char *weir_outcome_name(enum weir_outcome outcome);

/* Owns its strings. They end with a NUL byte that is not counted. Has a fixed size, like a
 * result. */
struct weir_reply {
    enum weir_outcome outcome;
    int64_t code;  /* FAILED: the error's; otherwise see docs/protocol.md; 0 for RETURNED */
    char *result;  /* RETURNED: the JSON text; of a stream, its final value */
    size_t length; /* of result */
    char *message; /* one sentence unless RETURNED */
    char *error;   /* the error object as JSON unless RETURNED */
    pid_t pid;     /* of the last worker that had it; 0: none */
    unsigned attempts;
    int64_t queued_ns, wall_ns; /* until it was written; until its outcome */
    uint64_t reserved[4];       /* 0; for future members */
};

/* Frees what a reply owns and leaves it empty. */
void weir_reply_clear(struct weir_reply *reply);

struct weir_call_options {
    size_t size;        /* sizeof (struct weir_call_options); set by weir_call_options_init() */
    int64_t timeout_ms; /* includes time in the queue; WEIR_FOREVER */
    int idempotent;     /* 1: may be retried if its worker dies; 0: as the method's description
                         * says; -1: never */
    int input;          /* values will be sent with weir_call_send() */
    unsigned credit;    /* output values in flight; 64 */
    int kind;           /* index in commands of the only worker kind for it; -1: any with the
                         * method */
    const char *traceparent, *tracestate; /* copied; NULL: none */
    int whole;    /* the result of an MCP tool as the server sends it: an object with "content" */
    int reserved; /* 0; for a future member */
};

void weir_call_options_init_sized(struct weir_call_options *options, size_t size);
#define weir_call_options_init(options) weir_call_options_init_sized((options), sizeof *(options))

/* Calls a function and waits. params is a JSON array or object, or NULL for none; options may be
 * NULL. *reply is only written if 0 is returned; the caller owns it: weir_reply_clear(). Values
 * of an output stream are dropped. Errors: INVALID (params is not such JSON, or exceeds the
 * limits of nesting or length, or input is set: use weir_call_start()), NOMEM, BUSY (inside a
 * callback of the same context). */
int weir_call(weir_pool_t *pool, const char *method, const char *params,
              const struct weir_call_options *options, struct weir_reply *reply,
              struct weir_error *error);

typedef struct weir_call weir_call_t; /* a running call */

/* How far a call has come, in the function's own units. */
struct weir_progress {
    double progress, total; /* -1: unknown */
    const char *message;    /* NUL-terminated, UTF-8; NULL: none */
    size_t length;          /* of message */
};

/* Callbacks, on the thread that runs the loop. bytes are borrowed until they return. */
struct weir_call_sink {
    size_t size; /* sizeof (struct weir_call_sink); set by weir_call_sink_init() */
    /* A value of the output stream. NULL: values are kept for weir_call_next(). */
    void (*on_value)(weir_call_t *call, const char *bytes, size_t length, void *context);
    /* The worker can take more input. May be NULL. */
    void (*on_credit)(weir_call_t *call, void *context);
    /* Called once, last. reply is borrowed. May be NULL. */
    void (*on_done)(weir_call_t *call, const struct weir_reply *reply, void *context);
    void *context;
    /* The function reports its progress; borrowed. May be NULL: then an MCP server is not asked
     * for it. */
    void (*on_progress)(weir_call_t *call, const struct weir_progress *progress, void *context);
};

void weir_call_sink_init_sized(struct weir_call_sink *sink, size_t size);
#define weir_call_sink_init(sink) weir_call_sink_init_sized((sink), sizeof *(sink))

/* Starts a call and returns at once. sink may be NULL and is copied. The caller owns it:
 * weir_call_free(). Returns NULL on failure. Errors: as weir_call(). */
weir_call_t *weir_call_start(weir_pool_t *pool, const char *method, const char *params,
                             size_t params_length, const struct weir_call_options *options,
                             const struct weir_call_sink *sink, struct weir_error *error);

/* Waits for the next value of the output stream. Returns 1 with *bytes (borrowed until the next
 * use of the call) and *length, or 0 at the end of the stream: weir_call_wait() has the outcome.
 * Grants the worker credit for another value. Errors: BUSY, INVALID (on_value is set). */
int weir_call_next(weir_call_t *call, const char **bytes, size_t *length, struct weir_error *error);

/* With on_value: grants the worker credit for this many more values. */
void weir_call_grant(weir_call_t *call, unsigned values);

/* Waits for credit and sends a value, a JSON text, on the input stream. Returns 1, or 0 if the
 * call is over and takes no more. In a callback it does not wait: BUSY without credit; try again
 * after on_credit. Errors: INVALID, NOMEM, BUSY. */
int weir_call_send(weir_call_t *call, const char *value, size_t length, struct weir_error *error);

/* Returns the number of input values that can be sent without waiting. */
uint64_t weir_call_credit(const weir_call_t *call);

/* Ends the input stream. With message (may be NULL) it ends with an error, which the function's
 * iterator raises. */
void weir_call_end(weir_call_t *call, const char *message);

/* Asks the function to stop. The outcome may still be another if it ends first. Any thread. */
void weir_call_cancel(weir_call_t *call);

/* Waits for the outcome and moves it to *reply; remaining values are dropped. Errors: BUSY. */
int weir_call_wait(weir_call_t *call, struct weir_reply *reply, struct weir_error *error);

/* The same, but also returns INTERRUPTED, as weir_run_wait_interruptible() does: call it again. */
int weir_call_wait_interruptible(weir_call_t *call, struct weir_reply *reply,
                                 struct weir_error *error);

/* Frees a call. One that is not over is cancelled, without a callback. Accepts NULL. */
void weir_call_free(weir_call_t *call);

#ifdef __cplusplus
}
#endif
#endif
