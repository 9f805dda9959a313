/* base/trace.h - a trace: spans of what ran, in a file that other programs show.
 *
 *   root span                        the command, such as "weir map"
 *     +- process                     a program, from its start request to its exit
 *     +- call NAME                   in the caller's trace if the call brought one
 *     |    +- NAME                   the function, from the moment a worker was sent the call
 *     +- record                      of a map
 *
 * Of many calls and records a sample is taken, and those that failed, were repeated or slow.
 *
 * What is not a span (a signal, a retry, a dead record) is an event of the span it belongs to.
 *
 * The formats are Chrome's trace events (Perfetto reads them) and OTLP/JSON (OpenTelemetry
 * collectors read it).  Memory and file are bounded: what is beyond the bounds is counted, and the
 * root span has the counts.
 *
 * Whoever traces holds a pointer, which is NULL when nothing is traced.  Times are those of
 * weir__clock_ns().  Threads: one at a time.
 */
#ifndef WEIR_BASE_TRACE_H
#define WEIR_BASE_TRACE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/error.h>
#include <weir/event.h>

#include "base/trace_sampler.h"

struct weir__trace;

enum weir__trace_format { WEIR__TRACE_CHROME, WEIR__TRACE_OTLP };

/* Of a traceparent (W3C Trace Context), with its NUL. */
enum { WEIR__TRACEPARENT_SIZE = 56 };

struct weir__trace_options {
    const char *path;
    enum weir__trace_format format;
    uint64_t max_size;  /* of the file, about */
    int keeps_last;     /* keep the last spans instead of the first; in memory until the end */
    const char *name;   /* of the root span */
    const char *parent; /* a traceparent that it continues; NULL or malformed: none */
};

/* Opens the file.  Returns NULL on failure.  Errors: SYSTEM, NOMEM. */
struct weir__trace *weir__trace_open(const struct weir__trace_options *options,
                                     struct weir_error *error);

/* Writes the root span and closes the file; frees the trace in any case.  detail: a sentence, or
 * NULL.  Errors: SYSTEM: the file is not complete. */
int weir__trace_close(struct weir__trace *trace, int status, const char *detail,
                      struct weir_error *error);

/* The traceparent of the root span, for children. */
void weir__trace_context(const struct weir__trace *trace, char text[WEIR__TRACEPARENT_SIZE]);

/* --- Processes ----------------------------------------------------------------- */

/* How a process ended. */
struct weir__trace_exit {
    pid_t pid;
    int code, signal; /* signal 0: it exited with code */
    int64_t at_ns, user_us, system_us, max_rss_kb;
};

/* A job has been asked to start stage, and stage has ended or could not start. */
void weir__trace_process(struct weir__trace *trace, int64_t job, size_t stage, const char *program);
void weir__trace_exited(struct weir__trace *trace, int64_t job, size_t stage,
                        const struct weir__trace_exit *how);
void weir__trace_not_started(struct weir__trace *trace, int64_t job, size_t stage, const char *why);

/* A signal was sent to the job. */
void weir__trace_signal(struct weir__trace *trace, int64_t job, int signal);

/* The job is over: what has not ended is lost. */
void weir__trace_job_over(struct weir__trace *trace, int64_t job);

/* An event of the library, if it is worth telling. */
void weir__trace_event(struct weir__trace *trace, const struct weir_event *event);

/* --- Calls and records ----------------------------------------------------------- */

/* A call that is recorded. */
struct weir__trace_call;

/* A worker gets the call at now_ns, perhaps not the first.  *call is NULL until then, and stays
 * NULL if the call is not recorded: its caller's context says so, or there are too many.  parent:
 * the caller's traceparent, or NULL.  is_client: the function runs in another weir, which traces
 * it. */
void weir__trace_call_sent(struct weir__trace *trace, struct weir__trace_call **call,
                           const char *parent, const char *method, pid_t pid, int is_client,
                           int64_t now_ns);

/* The traceparent for the function, or otherwise if the call is not recorded. */
const char *weir__trace_call_context(const struct weir__trace_call *call, const char *otherwise);

/* How a call ended. */
struct weir__trace_outcome {
    const char *parent, *method; /* as above */
    pid_t pid;
    int is_client;
    const char *outcome; /* a word, "returned" for success */
    const char *message; /* NULL: none */
    int64_t started_ns, queued_ns, ended_ns;
    unsigned attempts; /* workers that got it */
};

/* The call is over; frees *call.  One that is not recorded, returned, had one worker and was not
 * slow, need not be told. */
void weir__trace_call_over(struct weir__trace *trace, struct weir__trace_call **call,
                           const struct weir__trace_outcome *how);

/* How a record left its worker. */
struct weir__trace_answer {
    pid_t pid;
    uint64_t line;       /* its number in the input */
    int64_t took_ns;     /* since the worker could begin it */
    size_t bytes;        /* of the reply */
    unsigned retries;    /* before this */
    const char *failure; /* NULL: it was answered */
};

/* Of calls and records.  Whoever has records offers each, and passes those that are to be taken to
 * weir__trace_record(). */
struct weir__trace_sampler *weir__trace_sampler(struct weir__trace *trace);

void weir__trace_record(struct weir__trace *trace, const struct weir__trace_answer *answer,
                        int64_t now_ns);

#endif
