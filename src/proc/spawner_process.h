/* proc/spawner_process.h - one weir-spawner process, seen from its host: start, check, end.
 *
 * Every wait for a spawner has a time limit.  One that is stopped or frozen is recognised by
 * its silence: it is asked ("ping") after whatever matters to a job that stops, and at
 * times while it has jobs.  One that does not answer for WEIR__SILENCE_MS is killed, and
 * then it is a dead one; where nothing has to be stopped it has WEIR__IDLE_SILENCE_MS, for
 * a machine that swaps or a slow exec must not end its jobs.  The silence is counted
 * in ticks, so that a host that was stopped itself does not count its own sleep.
 */
#ifndef WEIR_PROC_SPAWNER_PROCESS_H
#define WEIR_PROC_SPAWNER_PROCESS_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <weir/error.h>

#include "base/datagram.h"
#include "loop/loop.h"

enum {
    WEIR__TICK_MS = 500,
    WEIR__SILENCE_MS = 4000,
    WEIR__IDLE_SILENCE_MS = 10000,
    WEIR__LIMITS = 16, /* resource limits that travel with a request */
};

/* Who a process is.  Cheap to ask: three system calls. */
struct weir__identity {
    uid_t users[3];
    gid_t groups[3];
    uint64_t others; /* a digest of its supplementary groups */
};

/* The current directory, if it is known. */
struct weir__directory {
    int is_known;
    dev_t device;
    ino_t inode;
};

struct weir__spawner;

/* What all spawners of a host have in common. */
struct weir__spawner_setup {
    weir__loop *loop;
    char *path;                                  /* of weir-spawner */
    const char *from;                            /* where the path was named, for messages */
    int stays_child;                             /* a spawner is to stay our child */
    weir__watch_callback readable;               /* its socket is; the data is the spawner */
    void (*lost)(struct weir__spawner *spawner); /* it was silent for too long */
};

struct weir__client;

struct weir__spawner {
    struct weir__spawner *next;
    struct weir__client *client; /* its owner; not used here */
    const struct weir__spawner_setup *setup;
    pid_t pid;              /* 0: not known */
    int is_child;           /* of ours, until we have waited for it */
    struct weir__link link; /* its socket is -1: it is gone */
    int is_leaving;         /* nothing more is asked of it */
    size_t jobs;            /* that are its own */
    weir__watch *watch;

    /* The host as it was when this was started. */
    struct weir__directory directory;
    int finds_by_tag; /* by their tags, if it dies; else by their group */
    char **environment;
    struct weir__identity identity;
    struct rlimit limits[WEIR__LIMITS];

    weir__timer *clock;
    int64_t check_ms; /* until the next check; 0: none is due */
    int asked;        /* 1: it owes an answer; 2: it could not even be asked */
    int silent_ticks;
    int is_awaited; /* a job that has to stop waits for the answer */
};

void weir__identity_get(struct weir__identity *identity);
struct weir__directory weir__directory_find(void);

/* Starts the process of a spawner that is zeroed but for its setup and owner.  Errors:
 * SPAWNER, SYSTEM, NOMEM: then there is nothing to clear. */
int weir__spawner_start(struct weir__spawner *spawner, struct weir_error *error);

/* The first half of that, without the loop: one that is launched is not launched again. */
int weir__spawner_launch(struct weir__spawner *spawner, struct weir_error *error);

/* The second half, for a spawner that has a socket already.  On failure the caller closes and
 * clears it. */
int weir__spawner_attach(struct weir__spawner *spawner, struct weir_error *error);

/* Sends a message, waiting for room as long as a spawner may be silent.  Returns 0 or an
 * errno; EPIPE when it is gone, or was killed for not reading. */
int weir__spawner_send(struct weir__spawner *spawner, const char *text, size_t length,
                       const int *fds, size_t fd_count);

/* Has it prove that it is alive: now, or in some seconds and then at times. */
void weir__spawner_check(struct weir__spawner *spawner);
void weir__spawner_check_later(struct weir__spawner *spawner);

/* It has no jobs: only an outstanding response is waited for. */
void weir__spawner_rest(struct weir__spawner *spawner);

/* It has sent a response, or replied to a check. */
void weir__spawner_responded(struct weir__spawner *spawner, int is_answer);

/* Has it end its jobs, each with its grace, and exit. */
void weir__spawner_leave(struct weir__spawner *spawner);

/* Waits for the end of one that is leaving. */
void weir__spawner_await_end(struct weir__spawner *spawner);

/* Kills what is left of it and waits for it. */
void weir__spawner_close(struct weir__spawner *spawner);

/* Frees what it holds; it is closed. */
void weir__spawner_clear(struct weir__spawner *spawner);

#endif
