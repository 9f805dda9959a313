/* weir/pool.h - functions that live in workers, called as if they were here.
 *
 * A worker is a program that answers calls on its stdin and stdout, as
 * docs/protocol.md says: written with one of the SDKs (sdk/python, sdk/go), or any
 * program that speaks JSON-RPC 2.0 in lines.  A pool keeps some of them warm,
 * gives each call to one that is free, and replaces those that die.
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
 * Parameters and results are JSON texts, passed byte for byte: a number is as
 * long as its author wrote it.
 *
 * What became of a call is a value, never an error; every call has exactly one
 * outcome.  A crash costs the call that the worker had, and no other.
 *
 * Threads: as weir/context.h says.  A pool may be called from many threads at
 * once; a weir_call_t belongs to one thread at a time, only weir_call_cancel()
 * may come from any.
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
    WEIR_DIALECT_AUTO,   /* asks with weir/hello, and takes -32601 for plain JSON-RPC */
    WEIR_DIALECT_NATIVE, /* the whole protocol, or the worker has not started */
    WEIR_DIALECT_PLAIN,  /* JSON-RPC 2.0: values only, nothing of weir's on the wire */
};

/* All that is pointed to is copied by weir_pool_open(). */
struct weir_pool_options {
    size_t size; /* sizeof (struct weir_pool_options); set by weir_pool_options_init() */

    const struct weir_command *const *commands; /* one for each kind of worker; their methods are
                                                   one namespace */
    size_t command_count;
    const char *const *launcher; /* argv put in front of each (ssh, srun); NULL: none */
    const char *const
        *launcher_stop;        /* argv executed to end one that the launcher may leave behind,
                                  with WEIR_WORKER_PID and WEIR_WORKER_NODE set; NULL: none */
    enum weir_dialect dialect; /* WEIR_DIALECT_AUTO */

    unsigned workers; /* of each kind; 0: one for each processor */
    unsigned window;  /* calls written to a worker at a time; 0: its concurrency.  More keep a fast
                         worker busy, and are lost with it when it dies */
    size_t max_queue; /* calls that wait for a worker; 1024 */
    size_t max_line;  /* bytes; WEIR_MAX_LINE */

    int64_t start_timeout_ms;   /* from its start to its hello; 10000 */
    int64_t cancel_grace_ms;    /* from the message to SIGINT: time to clean up; 5000 */
    int64_t interrupt_grace_ms; /* from SIGINT to SIGTERM; 1000 */
    int64_t grace_ms;           /* from SIGTERM to SIGKILL; 5000 */
    int64_t backoff_ms;         /* a worker whose start failed waits up to this, with full jitter;
                                   doubles with each failure in a row; 100 */
    int64_t backoff_max_ms;     /* 30000 */
    unsigned start_attempts;    /* 1: with no worker up, calls fail at once after the first failed
                                   start; otherwise start_patience_ms says when; 5 */

    uint64_t recycle_calls; /* a worker is replaced after so many calls; 0: never */
    int64_t recycle_age_ms; /* or after this time; WEIR_FOREVER */
    uint64_t
        recycle_rss_kb; /* or when it is larger after a call, as Linux's /proc says; 0: never */

    int stderr_fd; /* where the workers' stderr goes; borrowed; -1: only its tail is kept.  2 */

    /* How long starts may fail, with no worker up, until calls fail at once.  Starts go on
     * even then.  Behind a launcher at least start_timeout_ms.  A program that cannot be
     * executed is not waited for.  WEIR_FOREVER: calls wait; 2000 */
    int64_t start_patience_ms;
};

void weir_pool_options_init_sized(struct weir_pool_options *options, size_t size);
#define weir_pool_options_init(options) weir_pool_options_init_sized((options), sizeof *(options))

typedef struct weir_pool weir_pool_t;

/* Starts the workers and returns at once; calls may be made from then on and wait
 * for the first worker.  Returns NULL on failure.  The caller owns it:
 * weir_pool_close().  Errors: INVALID, SPAWNER, SYSTEM, NOMEM. */
weir_pool_t *weir_pool_open(weir_t *weir, const struct weir_pool_options *options,
                            struct weir_error *error);

/* Waits until so many workers of each kind are ready (0: all of them).
 * Errors: WORKER (they do not start: error.text has what the last one said),
 * TIMEOUT, INVALID (methods of two kinds clash: named), BUSY. */
int weir_pool_wait_ready(weir_pool_t *pool, unsigned workers, int64_t timeout_ms,
                         struct weir_error *error);

/* Told once when all are ready (error NULL) or cannot be. */
typedef void (*weir_pool_ready)(weir_pool_t *pool, const struct weir_error *error, void *context);
void weir_pool_on_ready(weir_pool_t *pool, unsigned workers, weir_pool_ready ready, void *context);

/* Takes no more calls, lets those under way end within drain_ms (WEIR_FOREVER:
 * however long), cancels the rest, ends the workers and frees the pool; calls
 * that are not freed stay valid and have their outcome.  Accepts NULL.
 * Inside a callback nothing can wait: there it ends everything at once. */
void weir_pool_close(weir_pool_t *pool, int64_t drain_ms);

/* The same in two steps, for a host that must not wait: drained is called when
 * no call is left, or from here. */
void weir_pool_drain(weir_pool_t *pool, int64_t drain_ms, void (*drained)(weir_pool_t *, void *),
                     void *context);

/* Replaces every worker by a new one, one after the other, each when its
 * replacement is ready; no call is lost. */
void weir_pool_replace(weir_pool_t *pool);

/* The methods as in the hello of docs/protocol.md, a JSON object.  NULL when
 * memory is short.  The caller owns it: free(). */
char *weir_pool_methods(weir_pool_t *pool);

/* The result of weir/stats in docs/protocol.md, a JSON object.  As above.  late counts
 * responses with an id that is not in use; restarts those that died or were given up. */
char *weir_pool_stats(weir_pool_t *pool);

/* --- One call -------------------------------------------------------------- */

enum weir_outcome {
    WEIR_CALL_RETURNED,  /* result */
    WEIR_CALL_FAILED,    /* the function, or the worker on its behalf, said: code, message, data */
    WEIR_CALL_CANCELLED, /* somebody asked */
    WEIR_CALL_DEADLINE,  /* its time was over, in the queue or in the worker: told at once */
    WEIR_CALL_UNKNOWN,   /* the worker died when it had read the call: it may have been done */
    WEIR_CALL_POISON,    /* idempotent, tried again, and ended a second worker */
    WEIR_CALL_REFUSED,   /* the queue is full, or the pool is closing: it was not done */
    WEIR_CALL_NO_WORKER, /* they do not start: it was not done; message has the stderr tail */
};

/* "returned", "failed", "cancelled", "deadline", "outcome_unknown", "poison",
 * "refused", "no_worker". */
const char *weir_outcome_name(enum weir_outcome outcome);

/* Owns its strings.  All end with a NUL byte that is not counted.  Has a fixed size, as a result
 * has. */
struct weir_reply {
    enum weir_outcome outcome;
    int64_t code;  /* FAILED: the error's; otherwise that of docs/protocol.md, 0 with RETURNED */
    char *result;  /* RETURNED: the JSON text; of a stream its closing value */
    size_t length; /* of result */
    char *message; /* one sentence when it did not return */
    char *error;   /* the error object as JSON when it did not return */
    pid_t pid;     /* of the worker that had it last; 0: none */
    unsigned attempts;
    int64_t queued_ns, wall_ns; /* until it was written; until its outcome */
    uint64_t reserved[4];       /* 0; new members take this room */
};

/* Releases what a reply owns and leaves it empty. */
void weir_reply_clear(struct weir_reply *reply);

struct weir_call_options {
    size_t size;        /* sizeof (struct weir_call_options); set by weir_call_options_init() */
    int64_t timeout_ms; /* with the time in the queue; WEIR_FOREVER */
    int idempotent;     /* 1: may be tried again when its worker dies; 0: as the method says in its
                           description; -1: never */
    int input;          /* values will be sent: weir_call_send() */
    unsigned credit;    /* output values under way at a time; 64 */
    int kind;           /* the one worker kind that may take it: position in commands; -1: any that
                           has the method */
    const char *traceparent, *tracestate; /* copied; NULL: none */
};

void weir_call_options_init_sized(struct weir_call_options *options, size_t size);
#define weir_call_options_init(options) weir_call_options_init_sized((options), sizeof *(options))

/* Calls a function and waits.  params is a JSON array or object, or NULL for
 * none; options may be NULL.  *reply is written only when 0 is returned; the
 * caller owns it: weir_reply_clear().  Values of an output stream are dropped.
 * Errors: INVALID (params is no such JSON, or nested or long beyond the limits, or
 * input is set: use weir_call_start()), NOMEM, BUSY (inside a callback of the same
 * context). */
int weir_call(weir_pool_t *pool, const char *method, const char *params,
              const struct weir_call_options *options, struct weir_reply *reply,
              struct weir_error *error);

typedef struct weir_call weir_call_t; /* a call under way */

/* From the thread that runs the loop.  bytes are borrowed: gone when it returns. */
struct weir_call_sink {
    size_t size; /* sizeof (struct weir_call_sink); set by weir_call_sink_init() */
    /* A value of the output stream.  NULL: they are kept for weir_call_next(). */
    void (*on_value)(weir_call_t *call, const char *bytes, size_t length, void *context);
    /* The worker can take more input.  May be NULL. */
    void (*on_credit)(weir_call_t *call, void *context);
    /* Called once, last.  The reply is borrowed.  May be NULL. */
    void (*on_done)(weir_call_t *call, const struct weir_reply *reply, void *context);
    void *context;
};

void weir_call_sink_init_sized(struct weir_call_sink *sink, size_t size);
#define weir_call_sink_init(sink) weir_call_sink_init_sized((sink), sizeof *(sink))

/* Starts a call and returns at once.  sink may be NULL and is copied.  The caller
 * owns it: weir_call_free().  Errors: as weir_call(); NULL is returned then. */
weir_call_t *weir_call_start(weir_pool_t *pool, const char *method, const char *params,
                             size_t params_length, const struct weir_call_options *options,
                             const struct weir_call_sink *sink, struct weir_error *error);

/* Waits for the next value of the output stream.  Returns 1 with *bytes (borrowed
 * until the next call on this object) and *length, or 0 when there is no more:
 * then weir_call_wait() tells why.  Taking a value grants the worker credit for
 * another.  Errors: BUSY, INVALID (on_value takes them). */
int weir_call_next(weir_call_t *call, const char **bytes, size_t *length, struct weir_error *error);

/* With on_value: grants the worker credit for so many more. */
void weir_call_grant(weir_call_t *call, unsigned values);

/* Sends a value, a JSON text, on the input stream, and waits for credit first.
 * Returns 1, or 0 when the call takes no more: it is over.  Inside a callback it
 * cannot wait: BUSY without credit; on_credit tells when to try again.
 * Errors: INVALID, NOMEM, BUSY. */
int weir_call_send(weir_call_t *call, const char *value, size_t length, struct weir_error *error);

/* Input values that may be sent without waiting. */
uint64_t weir_call_credit(const weir_call_t *call);

/* The input stream is over; with message (may be NULL) it is broken, and the
 * function's iterator raises that. */
void weir_call_end(weir_call_t *call, const char *message);

/* Asks the function to stop.  The outcome may still be another: it may have been
 * faster.  Any thread. */
void weir_call_cancel(weir_call_t *call);

/* Waits for the outcome.  Moves it to *reply; values not taken are dropped.
 * Errors: BUSY. */
int weir_call_wait(weir_call_t *call, struct weir_reply *reply, struct weir_error *error);

/* Frees a call.  One that is not over is cancelled, and nobody is told.  Accepts NULL. */
void weir_call_free(weir_call_t *call);

#ifdef __cplusplus
}
#endif
#endif
