/* proc/spawner_client.h - the host's end of the connection to weir-spawner, and its jobs. */
#ifndef WEIR_PROC_SPAWNER_CLIENT_H
#define WEIR_PROC_SPAWNER_CLIENT_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/command.h>
#include <weir/context.h>
#include <weir/result.h>

#include "base/process_tree.h"
#include "base/trace.h"
#include "loop/loop.h"
#include "proc/spawner_process.h"
#include "proc/stop_sequence.h"

/* How one stage ended. */
struct weir__exit {
    int code, signal; /* signal 0: it exited with code */
    pid_t pid;
    int64_t user_us, system_us, max_rss_kb;
    int64_t at_ns; /* CLOCK_MONOTONIC, when the spawner saw it */
};

/* The callbacks of a job's owner; started, sent, unsent and paused may be NULL.  After ended or
 * lost the job is gone and nothing more comes; the owner may free itself there. */
struct weir__job_ops {
    void (*started)(void *owner, const pid_t *pids, size_t count);
    /* The stage that could not start; those before it are being stopped. */
    void (*failed)(void *owner, size_t stage, const char *step, int sys_errno, const char *detail);
    void (*exited)(void *owner, size_t stage, const struct weir__exit *how);
    void (*sent)(void *owner, int signal);
    void (*unsent)(void *owner, int signal); /* a process of the job cannot be sent it */
    void (*paused)(void *owner, size_t stage, int signal);
    void (*ended)(void *owner); /* nothing of the job is left */
    void (*lost)(void *owner);  /* the spawner died; nothing of the job is left */
};

struct weir__job {
    struct weir__job *next;
    struct weir__spawner *spawner; /* the spawner that has it */
    int64_t id;
    char tag[WEIR__JOB_TAG_SIZE];
    pid_t group;       /* 0 until started */
    int in_background; /* set before the start: the terminal's foreground is left alone */
    int leaders;       /* set before the start: SIGTERM is for the stages alone, not their group */
    int quiet;         /* set before the start: no started callback is needed */
    const struct weir__stop_sequence *stop; /* set before the start, borrowed for it; NULL: SIGTERM
                                             */
    const struct weir_descriptor *descriptors; /* set before the start, borrowed for it: what */
    size_t descriptor_count;                   /* each stage has open above 2 */
    int is_over;                               /* its end is on the way to its owner */
    struct weir_survivor survivors[WEIR_SURVIVORS]; /* known at its end */
    size_t survivor_count;
    const struct weir__job_ops *ops;
    void *owner;
};

struct weir__client {
    struct weir__spawner_setup setup;
    void (*on_lost)(void *data); /* a spawner that was needed died */
    void *data;
    int is_closing; /* what still runs ends with its grace, by the spawner */
    /* The spawner for new jobs, or NULL, and all there are: earlier ones, from when the
     * host had another identity, until their jobs have ended. */
    struct weir__spawner *current, *spawners;
    int holds;
    struct weir__job *jobs;
    int64_t last_id;
    struct weir__trace *trace; /* borrowed; NULL: none */
};

/* Prepares a client that has no spawner yet. */
void weir__client_init(struct weir__client *client, weir__loop *loop, void (*on_lost)(void *data),
                       void *data);

/* Finds weir-spawner (the options' path, $WEIR_SPAWNER, where it was installed) and starts it,
 * unless on demand.  Errors: SPAWNER, SYSTEM, NOMEM. */
int weir__client_start(struct weir__client *client, const struct weir_options *options,
                       struct weir_error *error);

/* Takes socket, whose other end acts as a spawner, for new jobs.  For tests.
 * Errors: SYSTEM, NOMEM. */
int weir__client_take_socket(struct weir__client *client, int socket, struct weir_error *error);

/* Lets the spawners end all jobs, and waits for them. */
void weir__client_close(struct weir__client *client);

/* Jobs that start from now on are children of a new spawner, which has everything from
 * the host as it is.  Errors: SPAWNER, SYSTEM, NOMEM. */
int weir__client_refresh(struct weir__client *client, struct weir_error *error);

/* One stage to start. */
struct weir__stage_start {
    const struct weir_command *command;
    int cwd;      /* from weir__client_open_cwd() */
    int stdio[3]; /* descriptors, borrowed; -1: /dev/null */
    int warm;     /* the connection to a warm parent, borrowed: see spawner/warm.h; 0: none */
    int pty;      /* stdio[0] is a pseudo-terminal's master: see spawner/request.h */
};

/* Opens the directory that the command starts in.  Returns a descriptor;
 * WEIR__CWD_INHERITED where the spawner is in it already, and it need not be opened; or a
 * lesser number, a negative errno value: then the child would fail at step chdir. */
enum { WEIR__CWD_INHERITED = -1 };
int weir__client_open_cwd(const struct weir__client *client, const struct weir_command *command);

/* Starts a job; a dead spawner is replaced.  Fills in *job, whose ops and owner
 * are set; it is the owner's memory until ended or lost.  terminal is a
 * descriptor or -1.  Errors: SPAWNER, SYSTEM, NOMEM. */
int weir__job_start(struct weir__client *client, struct weir__job *job,
                    const struct weir__stage_start *stages, size_t count, int64_t grace_ms,
                    int terminal, struct weir_error *error);

/* Begins the job's stop sequence.  Does nothing for a job that is over. */
void weir__job_stop(struct weir__client *client, const struct weir__job *job, int64_t grace_ms);
/* The same with another sequence than the job was started with; NULL, or none in it: that one. */
void weir__job_stop_with(struct weir__client *client, const struct weir__job *job,
                         const struct weir__stop_sequence *stop, int64_t grace_ms);
/* Ends the job, whose stages have exited, and leaves what is left of it alone. */
void weir__job_release(struct weir__client *client, const struct weir__job *job);
void weir__job_signal(struct weir__client *client, const struct weir__job *job, int signal);

/* Reads responses that the loop has not seen yet. */
void weir__client_catch_up(struct weir__client *client);

/* Kills the job, without a callback. */
void weir__job_abandon(struct weir__client *client, struct weir__job *job);

#endif
