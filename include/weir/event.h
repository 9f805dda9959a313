/* weir/event.h - events, reported as they happen.
 *
 * One struct for all events: a log, a progress display and an embedder's callback are sinks of
 * it.  An event is borrowed until the sink returns.  The struct grows at its end: do not copy or
 * store it by its size.  A sink must not call weir functions except the _cancel ones.
 *
 * Threads: the thread that runs the context's loop calls the sink, one at a time.
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
    WEIR_EVENT_SIGNALED,       /* pid; number: the signal that killed it */
    WEIR_EVENT_STATUS_LOST,    /* pid; its exit status is unknown */
    WEIR_EVENT_PAUSED,         /* pid; number: the signal that stopped it; terminal jobs only */
    WEIR_EVENT_STDERR_LINE,    /* text: a line without its newline; number: 1 if passed on live,
                                * 0 if only kept; pipelines, and maps without stderr_fd */
    WEIR_EVENT_TIMEOUT,        /* text: "timeout" or "idle" */
    WEIR_EVENT_SIGNAL_SENT,    /* number: a signal sent to the whole job */
    WEIR_EVENT_PROGRESS,       /* bytes: output of the stage so far; metered stages only */
    WEIR_EVENT_RECORD_FAILED,  /* number: its line; bytes: its offset; text: the reason; maps
                                * only */
    WEIR_EVENT_WORKER_READY,   /* pid; text: its node, if reported; pools only */
    WEIR_EVENT_WORKER_RESTART, /* pid; text: why it is replaced; pools only */
    WEIR_EVENT_LOG,            /* pid; name: the level; text: a worker's log message */
    WEIR_EVENT_NOISE,          /* pid; text: beginning of a line that is not a message */
    WEIR_EVENT_SPAWNER_LOST,   /* the helper program died; a new one starts when needed */
    WEIR_EVENT_NOTICE,         /* text: what a map waits for, or a hint; once per run; maps only */
    WEIR_EVENT_WORKER_CHANGED, /* pid; its methods are not what they were; MCP servers only */
    WEIR_EVENT_CALL_PROGRESS,  /* pid; name: the function; progress, total; text: its message */
    WEIR_EVENT_BREAKER,        /* name: the function; text: "open", "half_open", "closed"; weir
                                * serve only */
    WEIR_EVENT_FALLBACK,       /* name: the function; text: the one that is called in its place;
                                * weir serve only */
};

struct weir_event {
    enum weir_event_kind kind;
    int64_t time_ns;  /* CLOCK_REALTIME */
    int64_t job;      /* number of the run or pipeline in its context */
    int stage;        /* index in the pipeline, or in a pool's commands; 0 for a run, -1 for the
                       * whole */
    const char *name; /* the stage's name, or the program's */
    pid_t pid;        /* 0: none */
    int64_t number;   /* see the kind */
    uint64_t bytes;   /* see the kind */
    const char *text; /* see the kind; "" if none */
    size_t length;    /* bytes of text */
    double progress, total; /* see the kind; -1: unknown */
};

typedef void (*weir_event_sink)(const struct weir_event *event, void *context);

/* Returns the name of a kind in lower case, such as "not_started". Never NULL. */
const char *weir_event_name(enum weir_event_kind kind);

#ifdef __cplusplus
}
#endif
#endif
