/* spawner/request.h - what a host may ask, as a struct.
 *
 *   {"op":"start","job":1,"cookie":"5f...","grace_ms":5000,"tty":3,"tty_group":4700,
 *    "stages":[{"argv":["sort","-u"],"cwd":0,"stdin":1,"stdout":2,"stderr":2,
 *               "env_clear":false,"env_set":["A=1"],"env_unset":["B"],
 *               "nice":0,"limits":[[7,1024]]}]}
 *   (a stage may have "argv0":"-sh", its name to itself; "umask":18; "session":true, setsid(2);
 *   "pty":true: stdin is the master of a pseudo-terminal, which becomes the stage's 0, 1 and 2, and
 *   the controlling terminal of a session of its own)
 *   (a stage may have "warm":4, the position of a connection to a warm parent, which forks it: see
 *   spawner/warm.h; argv is not executed, and is the only stage then)
 *   (with "stop":[[2,2000],[15,5000]] the stop sequence is these signals with the time after each,
 *   grace_ms in all, instead of SIGTERM;  with "quiet":true, that all have started is not answered;
 * with "leaders":true the stages' own processes alone are signalled as long as one lives, not their
 *   group: launchers, which pass it on to what they have started elsewhere)
 *   {"op":"pass","job":1,"numbers":[5,7]}
 *   (ahead of the "start": each of the job's stages has the message's descriptors under these
 *   numbers; as many such messages as it takes)
 *   {"op":"signal","job":1,"signal":2}
 *   {"op":"stop","job":1,"grace_ms":5000}   with "stop":[[2,2000]] instead of the start's sequence
 *   {"op":"release","job":1,"grace_ms":0}   what has outlived the stages is left alone
 *   {"op":"ping","job":1}     any number; the answer is {"what":"pong"}
 *   {"op":"leave","job":1}    all jobs are stopped, each with its grace; then we end
 * With "host_limits":[[7,64,128]] in a start these are the host's own resource limits now
 * (soft, hard; -1: none), where they are not ours.
 *
 * Numbers under cwd, stdin, stdout, stderr and tty are positions among the
 * message's descriptors; left out means /dev/null (or, for tty, none).  The job
 * gets the terminal's foreground only from process group tty_group, the host's:
 * a job started in the background does not take it.  Without tty_group it
 * is not given at all; stops are reported all the same.
 */
#ifndef WEIR_SPAWNER_REQUEST_H
#define WEIR_SPAWNER_REQUEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <weir/command.h>
#include <weir/error.h>

enum request_op {
    REQUEST_START,
    REQUEST_SIGNAL,
    REQUEST_STOP,
    REQUEST_RELEASE,
    REQUEST_PASS,
    REQUEST_PING,
    REQUEST_LEAVE,
};

enum { REQUEST_LIMITS = 8, REQUEST_HOST_LIMITS = 32 };

struct request_limit {
    int resource; /* an RLIMIT_ constant */
    rlim_t value;
};

/* One that the host has changed since it started us. */
struct request_host_limit {
    int resource;
    struct rlimit both;
};

struct request_stage {
    char **argv;                 /* NULL-terminated, at least one */
    char **env_set, **env_unset; /* NULL-terminated */
    int env_clear;
    int cwd, stdio[3]; /* positions among the descriptors, or -1 */
    int warm;          /* position of the connection to its warm parent, or -1 */
    int nice, umask;   /* umask -1: ours */
    int session, pty;  /* pty only with session */
    char *program;     /* NULL: argv[0] */
    struct request_limit limits[REQUEST_LIMITS];
    size_t limit_count;
};

struct request {
    enum request_op op;
    int64_t job;
    int64_t grace_ms;
    struct weir_stop_step stop[WEIR_STOP_STEPS]; /* at least one in a start; none in a stop: its */
    size_t stop_count;
    int signal;
    char *tag;
    int quiet;   /* "started" is not needed */
    int leaders; /* only the stages themselves are signalled, until SIGKILL */
    int tty;     /* position among the descriptors, or -1 */
    pid_t tty_group;
    struct request_host_limit host_limits[REQUEST_HOST_LIMITS];
    size_t host_limit_count;
    struct request_stage *stages;
    size_t stage_count;
    int *numbers; /* of the descriptors passed */
    size_t number_count;
};

/* The job that a request to start one is of, as its first words say: for one that
 * cannot be read as a whole.  Returns 0 for any other. */
int64_t request_begins(const char *text);

/* Reads a request whose message carried fd_count descriptors; behind its text is a NUL
 * byte.  On success the
 * caller owns *request and clears it; on failure only request->job is set, to
 * 0 or the job that was meant.  Errors: INVALID, NOMEM. */
int request_parse(const char *text, size_t length, size_t fd_count, struct request *request,
                  struct weir_error *error);

void request_clear(struct request *request);

#endif
