/* weir/event.h - news of what happens, as it happens.
 *
 * One structure for all news: a log, a progress line and an embedder's own
 * callback are sinks of it.  An event is borrowed: gone when the sink returns.  The struct
 * grows at its end: do not copy or store it by its size.
 * A sink must not call weir functions other than the _cancel ones.
 *
 * Threads: the sink is called by whichever thread runs the context's loop, by
 * one thread at a time.
 */
#ifndef WEIR_EVENT_H
#define WEIR_EVENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum weir_event_kind {
    WEIR_EVENT_STARTED,        /* pid */
    WEIR_EVENT_NOT_STARTED,    /* number: an errno value; text: what failed */
    WEIR_EVENT_EXITED,         /* pid; number: exit code */
    WEIR_EVENT_SIGNALED,       /* pid; number: the signal it died of */
    WEIR_EVENT_STATUS_LOST,    /* pid: how it ended cannot be known */
    WEIR_EVENT_PAUSED,         /* pid; number: the signal that stopped it; terminal jobs only */
    WEIR_EVENT_STDERR_LINE,    /* text: a line without its newline; number: 1 if it is passed
                                  on live, 0 if it is only kept; pipelines, and maps
                                  that pass it on to no descriptor */
    WEIR_EVENT_TIMEOUT,        /* text: "timeout" or "idle" */
    WEIR_EVENT_SIGNAL_SENT,    /* number: a signal sent to the whole job */
    WEIR_EVENT_PROGRESS,       /* bytes: what the stage has put out so far; metered stages only */
    WEIR_EVENT_RECORD_FAILED,  /* number: its line; bytes: its offset; text: why; maps only */
    WEIR_EVENT_WORKER_READY,   /* pid; text: its node, when it says so; pools only, as the next */
    WEIR_EVENT_WORKER_RESTART, /* pid; text: why another one takes its place */
    WEIR_EVENT_LOG,            /* pid; name: the level; text: what a worker has for the log */
    WEIR_EVENT_NOISE,          /* pid; text: the beginning of a line that is not a message */
    WEIR_EVENT_SPAWNER_LOST,   /* the helper program died; a new one starts when needed */
    WEIR_EVENT_NOTICE,         /* text: what a map waits for, or may be helped by: a sentence, told
                                  once a run; maps only */
};

struct weir_event {
    enum weir_event_kind kind;
    int64_t time_ns;  /* CLOCK_REALTIME */
    int64_t job;      /* number of the run or pipeline in its context */
    int stage;        /* position in the pipeline, or in a pool's commands; 0 for a run,
                         -1 for the whole */
    const char *name; /* the stage's name, or the program's */
    pid_t pid;        /* 0 when there is none */
    int64_t number;   /* as the kind says */
    uint64_t bytes;   /* as the kind says */
    const char *text; /* as the kind says; "" when there is none */
    size_t length;    /* bytes of text */
};

typedef void (*weir_event_sink)(const struct weir_event *event, void *context);

/* Returns a kind's name in lower case, for example "not_started".  Never NULL. */
const char *weir_event_name(enum weir_event_kind kind);

#ifdef __cplusplus
}
#endif
#endif
