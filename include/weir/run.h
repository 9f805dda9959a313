/* weir/run.h - run one program with time limits, captured output and full cleanup.
 *
 *     struct weir_run_options options;
 *     struct weir_result result = {0};
 *
 *     weir_run_options_init(&options);
 *     options.timeout_ms = 10000;
 *     if (weir_run(weir, &command, &options, &result, &error) < 0)
 *         ...                                    // weir failed: error.text
 *     else if (weir_result_status(&result) == 0)
 *         use(result.out.text);
 *     weir_result_clear(&result);
 *
 * Both outputs are read while the input is written, whatever their sizes.  When the time limit
 * expires, weir runs the stop sequence: it closes stdin, sends SIGTERM to the process group,
 * waits for the grace period and sends SIGKILL, and does the same for descendants that left the
 * group.  Options can give other steps.  When the program has exited, processes that it left behind
 * may hold its outputs open for the drain time; then weir stops them in the same way.
 *
 * Threads: as in weir/context.h.  All threads that share the context may use a weir_run; only
 * one may free it.
 */
#ifndef WEIR_RUN_H
#define WEIR_RUN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/command.h>
#include <weir/context.h>
#include <weir/error.h>
#include <weir/result.h>
#include <weir/text.h>

#ifdef __cplusplus
extern "C" {
#endif

enum weir_input {
    WEIR_INPUT_NONE,    /* /dev/null */
    WEIR_INPUT_BYTES,   /* input_bytes, input_length: borrowed until the run is over */
    WEIR_INPUT_FD,      /* input_fd becomes the child's stdin: borrowed */
    WEIR_INPUT_INHERIT, /* the host's stdin */
    WEIR_INPUT_PATH,    /* the file input_path.  Opened without waiting, like those below */
    WEIR_INPUT_WRITE,   /* weir_run_write() and weir_run_close_input() */
};

enum weir_redirect {
    WEIR_REDIRECT_CAPTURE, /* into the result */
    WEIR_REDIRECT_FD,      /* out_fd or err_fd becomes the child's: borrowed */
    WEIR_REDIRECT_NONE,    /* /dev/null */
    WEIR_REDIRECT_RELAY,   /* through weir to out_fd or err_fd, which idle_ms needs */
    WEIR_REDIRECT_INHERIT, /* the host's stdout or stderr */
    WEIR_REDIRECT_PATH,    /* the file out_path or err_path, created or truncated.  A FIFO without
                              a reader is an error */
    WEIR_REDIRECT_APPEND,  /* the same, at its end */
    WEIR_REDIRECT_SINK,    /* to out_sink or err_sink alone */
    WEIR_REDIRECT_PTY,     /* out only: see below */
};

/* With out WEIR_REDIRECT_PTY the program leads a session on a new pseudo-terminal, which is its
 * stdin, stdout and stderr, and its controlling terminal.  What it prints there goes to out_fd as
 * with RELAY, or if that is -1 to the result's out and to out_sink as with CAPTURE; err is not
 * looked at, and terminal_fd neither.  Every kind of input is what is typed: weir writes it to the
 * terminal, whose line editing and signal keys apply.  Its end is the end-of-file character, once.
 */
enum weir_pty {
    WEIR_PTY_ECHO = 1, /* the terminal shows what is typed, too */
    WEIR_PTY_CRLF = 2, /* a newline that the program prints comes as CR LF */
};

/* What weir does beyond max_output. */
enum weir_overflow {
    WEIR_OVERFLOW_KEEP,  /* keep head and tail; the child continues */
    WEIR_OVERFLOW_STOP,  /* stop the run: why is WEIR_STOP_OVERFLOW */
    WEIR_OVERFLOW_SPOOL, /* also write everything to a file in $TMPDIR */
};

enum { WEIR_DEFAULT_MAX_OUTPUT = 16 * 1024 * 1024 };

typedef struct weir_run weir_run_t;

/* Called on the thread that runs the loop with each piece of an output as it was read: which is 1
 * for stdout, 2 for stderr; bytes are borrowed until it returns.  bytes NULL, length 0: the output
 * has ended.  It may pause the output, write, cancel and free the run, and must not wait.  A
 * negative value stops the run: why is WEIR_STOP_CANCELLED, and the sink is not called again. */
typedef int (*weir_run_sink)(weir_run_t *run, int which, const char *bytes, size_t length,
                             void *context);

struct weir_run_options {
    size_t size; /* sizeof (struct weir_run_options); set by weir_run_options_init() */

    int64_t timeout_ms; /* time limit of the run; WEIR_FOREVER */
    int64_t idle_ms;    /* time without output that is captured or relayed; WEIR_FOREVER */
    int64_t grace_ms;   /* between SIGTERM and SIGKILL; 5000 */
    int64_t drain_ms;   /* how long to wait for other processes that hold an output; 1000 */

    enum weir_input input;
    const void *input_bytes;
    size_t input_length;
    int input_fd;

    enum weir_redirect out, err;
    int out_fd, err_fd;
    int merge_stderr; /* send stderr to the same place as stdout */

    size_t max_output; /* bytes kept of each output; 16 MiB */
    enum weir_overflow overflow;

    const char *charset;          /* as in weir_decoder_new(), or "binary"; NULL: utf-8 */
    enum weir_on_error on_error;  /* WEIR_REPLACE */
    const char *charset_fallback; /* for "auto" */

    int terminal_fd; /* a terminal: the job gets its foreground if the host's process group has
                        it, and WEIR_EVENT_PAUSED is sent when the job is suspended.  -1: the
                        program has no controlling terminal, and /dev/tty is ENXIO */
    int terminal_background; /* start it in the background there; on PAUSED by SIGTTIN or
                                SIGTTOU the host can give it the foreground */

    /* Descriptors above 2 for the program; NULL: none.  Borrowed until the start returns. */
    const struct weir_descriptor *descriptors;
    size_t descriptor_count;

    /* The stop sequence; NULL: SIGTERM, then SIGKILL after grace_ms.  Replaces grace_ms.  Borrowed
     * until the start returns. */
    const struct weir_stop_step *stop;
    size_t stop_count;

    const char *input_path, *out_path, *err_path; /* borrowed until the start returns */

    /* With WEIR_REDIRECT_CAPTURE or WEIR_REDIRECT_SINK; NULL: none. */
    weir_run_sink out_sink, err_sink;
    /* With WEIR_INPUT_WRITE: called after weir_run_write() took less than it was given, once the
     * program takes more, or no more.  NULL: none. */
    void (*on_room)(weir_run_t *run, void *context);
    void *sink_context; /* of these three */

    int leave_running; /* processes that outlive the program are left alone, once it has exited by
                          itself: daemons.  A time limit and weir_run_cancel() end them */
    int pty_flags;     /* with WEIR_REDIRECT_PTY: bits of enum weir_pty */
    int pty_rows, pty_columns; /* its size; 0: 24 and 80 */
};

void weir_run_options_init_sized(struct weir_run_options *options, size_t size);
#define weir_run_options_init(options) weir_run_options_init_sized((options), sizeof *(options))

/* Runs a program to its end.  options may be NULL.  *result is written only if the function
 * returns 0; the caller owns it: weir_result_clear().
 * A program that cannot be started is a result, not an error.
 * Errors: INVALID, CHARSET, SPAWNER, SYSTEM, NOMEM, BUSY (inside a callback of the same context,
 * which must not wait). */
int weir_run(weir_t *weir, const struct weir_command *command,
             const struct weir_run_options *options, struct weir_result *result,
             struct weir_error *error);

/* Called once, when the run has ended.  The result is borrowed from the run; take
 * it with weir_run_take().  error is NULL unless weir itself failed. */
typedef void (*weir_run_done)(weir_run_t *run, const struct weir_result *result,
                              const struct weir_error *error, void *context);

/* Starts a program and returns at once.  weir_dispatch() calls done, or a thread that waits in
 * the same context.  Returns NULL on failure.
 * The caller owns the run: weir_run_free().  Errors: as weir_run(). */
weir_run_t *weir_run_start(weir_t *weir, const struct weir_command *command,
                           const struct weir_run_options *options, weir_run_done done,
                           void *context, struct weir_error *error);

/* Waits for the end of the run and moves its result to *result.
 * Errors: as weir_run(). */
int weir_run_wait(weir_run_t *run, struct weir_result *result, struct weir_error *error);

/* The same, but returns INTERRUPTED when a signal handler has run in this thread, and now and then
 * without one: at least every 100 ms, in case one ran just before the wait.  The run goes on; call
 * it again.  For interpreters, whose handlers only set a flag.
 * Errors: as weir_run_wait(), INTERRUPTED. */
int weir_run_wait_interruptible(weir_run_t *run, struct weir_result *result,
                                struct weir_error *error);

/* Writes to the program's stdin, with WEIR_INPUT_WRITE.  Waits until everything is written; inside
 * a callback it writes what fits: on_room follows.  Returns how many bytes were written; fewer
 * outside a callback, such as 0, mean that the program reads no more.
 * Errors: INVALID (the run has another input, or this is a forked child). */
ssize_t weir_run_write(weir_run_t *run, const void *bytes, size_t length, struct weir_error *error);

/* Closes the program's stdin, with WEIR_INPUT_WRITE.  Once closed it stays closed.
 * Errors: as weir_run_write(). */
int weir_run_close_input(weir_run_t *run, struct weir_error *error);

/* Stops reading an output (which: 1 stdout, 2 stderr) that is captured or goes to a sink, or goes
 * on.  The program waits once its pipe is full.  Meanwhile idle_ms stands still, and so does
 * drain_ms; timeout_ms does not.  With WEIR_REDIRECT_PTY and which 0: the same for the descriptor
 * or file that its input is read from. */
void weir_run_pause(weir_run_t *run, int which, int pause);

/* Sets the size of the terminal of WEIR_REDIRECT_PTY, whose programs get SIGWINCH if it changes.
 * Errors: INVALID. */
int weir_run_resize(weir_run_t *run, int rows, int columns, struct weir_error *error);

/* Starts the stop sequence, with why WEIR_STOP_CANCELLED.  A second call kills at once. */
void weir_run_cancel(weir_run_t *run);

/* Sends a signal to the whole job. */
void weir_run_signal(weir_run_t *run, int number);

/* The run's number in the context's events. */
int64_t weir_run_job(const weir_run_t *run);

/* Moves the result of a run that has ended.  Returns 0, or BUSY. */
int weir_run_take(weir_run_t *run, struct weir_result *result, struct weir_error *error);

/* Frees a run.  Kills one that has not ended, without calling done.  Accepts NULL.
 * May be called from done. */
void weir_run_free(weir_run_t *run);

#ifdef __cplusplus
}
#endif
#endif
