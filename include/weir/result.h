/* weir/result.h - how a child process ended.  A value, never an error.
 *
 * Results have a fixed size: new members take reserved space at their end (docs/abi.md).
 */
#ifndef WEIR_RESULT_H
#define WEIR_RESULT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/command.h>
#include <weir/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How it ended. */
enum weir_exit_kind {
    WEIR_EXITED,      /* see code */
    WEIR_SIGNALED,    /* killed by a signal: see signal */
    WEIR_NOT_STARTED, /* it never ran: see step and sys_errno */
    WEIR_STATUS_LOST, /* unknown: the spawner died, or the program cannot be killed */
};

/* Why weir stopped it. */
enum weir_stop_reason {
    WEIR_STOP_NONE,        /* weir did not stop it */
    WEIR_STOP_TIMEOUT,     /* timeout_ms expired */
    WEIR_STOP_IDLE,        /* no output for idle_ms */
    WEIR_STOP_CANCELLED,   /* the host cancelled it */
    WEIR_STOP_OVERFLOW,    /* it wrote more than allowed */
    WEIR_STOP_PEER_FAILED, /* another stage of its pipeline failed */
    WEIR_STOP_HOST_GONE,   /* weir or its spawner died */
};

/* The step that failed when a program did not start. */
enum weir_step {
    WEIR_STEP_NONE,
    WEIR_STEP_CHDIR,
    WEIR_STEP_LIMIT,
    WEIR_STEP_SETUP, /* descriptors, process group, fork */
    WEIR_STEP_EXEC,
};

/* "exited", "signaled", "not_started", "status_lost". */
const char *weir_exit_kind_name(enum weir_exit_kind end);
/* "none", "timeout", "idle", "cancelled", "overflow", "peer_failed", "host_gone". */
const char *weir_stop_reason_name(enum weir_stop_reason why);
/* "chdir", "limit", "setup", "exec"; NULL for WEIR_STEP_NONE. */
const char *weir_step_name(enum weir_step step);
/* "SIGKILL". Valid until the next call in this thread. */
const char *weir_signal_name(int number);

/* One output of a child.  The bytes are primary; text is derived from them. */
struct weir_output {
    char *bytes;    /* the output, or its head and tail; followed by a NUL byte */
    size_t kept;    /* bytes kept */
    size_t head;    /* bytes of the head; equal to kept unless truncated */
    uint64_t total; /* bytes that the child wrote, kept or not */
    int truncated;  /* total > kept */
    int abandoned;  /* another process held the pipe open: more may have followed */
    char *text;     /* UTF-8, with a line in place of omitted bytes, then a NUL byte;
                       NULL with charset "binary" or if strict decoding failed */
    size_t text_length;
    uint64_t replaced;    /* replacement characters or escapes in text */
    int64_t invalid_at;   /* byte offset of the first invalid sequence, -1 for none */
    char charset[32];     /* the character set that the bytes were decoded from */
    char *spooled;        /* path of the file with all bytes, or NULL; the caller removes it */
    uint64_t reserved[2]; /* 0; new members take this room */
};

enum { WEIR_SIGNALS_SENT = 4, WEIR_SURVIVORS = 4 };

/* A process of the job that survived SIGKILL.  This struct never changes. */
struct weir_survivor {
    pid_t pid;
    int sys_errno; /* EPERM: it runs as another user and cannot be signalled;
                      EBUSY: it is stuck in the kernel */
    char command[256];
};

struct weir_result {
    char **argv; /* NULL-terminated */
    char *cwd;
    pid_t pid; /* 0 if it did not start */

    enum weir_exit_kind end;
    enum weir_stop_reason why;
    int code;              /* with WEIR_EXITED */
    int signal;            /* with WEIR_SIGNALED */
    enum weir_step step;   /* with WEIR_NOT_STARTED; NONE: weir did not try, see why */
    int sys_errno;         /* with WEIR_NOT_STARTED; 0: weir did not try */
    char interpreter[200]; /* the missing "#!" interpreter; with WEIR_STEP_LIMIT the limit, as in
                              "files=4096 (the hard limit is 1024)"; with WEIR_STEP_SETUP what could
                              not be set up, as a sentence; or "" */

    struct weir_output out, err;

    int64_t started_at_ns; /* CLOCK_REALTIME */
    int64_t wall_ns;       /* from start to end of the program */
    int64_t user_us, system_us;
    int64_t max_rss_kb; /* as getrusage(2): includes the moment before exec, about 2 MiB */

    int stopped_with[WEIR_SIGNALS_SENT]; /* signals in the order sent, first of each kind */
    size_t stopped_with_count;
    int refused[WEIR_SIGNALS_SENT]; /* signals that could not be sent to a process of the job */
    size_t refused_count;
    struct weir_survivor survivors[WEIR_SURVIVORS]; /* processes that are still alive */
    size_t survivor_count;
    pid_t holder_pid; /* process that held a pipe open beyond the drain time, or 0 */
    char holder_command[256];
    unsigned limits_hit; /* bits 1 << enum weir_limit: only cpu and file-size are known */
    int pty;             /* it ran on a terminal of its own: WEIR_REDIRECT_PTY */
    int reserved_int;    /* 0 */
    int64_t started_ns;  /* CLOCK_MONOTONIC, as wall_ns */
    int64_t stopped_at_ns[WEIR_SIGNALS_SENT]; /* when each of stopped_with was sent, since the
                                               * start */
    uint64_t reserved[10];                    /* 0; new members take this room */
};

/* Frees what a result owns and leaves it empty. */
void weir_result_clear(struct weir_result *result);

/* The exit status of this result, as in a shell: the program's own, 124 timed out or
 * idle, 125 weir failed, 126 cannot execute, 127 not found, 128 + n died of signal n. */
int weir_result_status(const struct weir_result *result);

/* A sentence for people: "exited with 3", "killed by SIGSEGV (Segmentation
 * fault)", "cannot execute /x: its interpreter /y does not exist".  Truncated to size. */
void weir_result_sentence(const struct weir_result *result, char *sentence, size_t size);

/* The JSON document that `weir run --json` prints: docs/schemas/run-report.schema.json.
 * Returns NULL if memory is short.  The caller owns it: free(). */
char *weir_result_json(const struct weir_result *result);

#ifdef __cplusplus
}
#endif
#endif
