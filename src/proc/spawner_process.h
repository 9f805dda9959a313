/* proc/spawner_process.h - one weir-spawner process, as its host has it: started, asked whether it
 * is alive, ended.
 *
 * Nothing waits for a spawner without a clock.  One that is stopped or frozen is told by
 * its silence: it is asked ("ping") after whatever matters to a job that stops, and at
 * times while it has jobs.  One that does not answer for WEIR__SILENCE_MS is killed, and
 * then it is a dead one; where nothing has to be stopped it has WEIR__IDLE_SILENCE_MS, for
 * a machine that swaps or a slow exec is no reason to end its jobs.  The silence is counted
 * in ticks, so that a host that was stopped itself does not count its own sleep.
 */
#ifndef WEIR_PROC_SPAWNER_PROCESS_H
#define WEIR_PROC_SPAWNER_PROCESS_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <weir/error.h>

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

/* The current directory, if it can be told. */
struct weir__directory {
    int is_known;
    dev_t device;
    ino_t inode;
};

struct weir__helper;

/* What all spawners of a host have in common. */
struct weir__spawner_setup {
    weir__loop *loop;
    char *path;       /* of weir-spawner */
    const char *from; /* who named the path, for messages */
    int stays_child;  /* a spawner is to stay our child */
    weir__watch_callback readable;             /* its socket is; the data is the helper */
    void (*lost)(struct weir__helper *helper); /* it was silent for too long */
};

struct weir__link;

struct weir__helper {
    struct weir__helper *next;
    struct weir__link *link; /* its owner; not used here */
    const struct weir__spawner_setup *setup;
    pid_t pid;      /* 0: not known */
    int is_child;   /* of ours, until we have waited for it */
    int socket;     /* -1: it is gone */
    int is_leaving; /* nothing more is asked of it */
    size_t jobs;    /* that are its own */
    weir__watch *watch;

    /* The host as it was when this was started. */
    struct weir__directory directory;
    int finds_strays; /* by their cookies, if it dies; else by their group */
    char **environment;
    struct weir__identity identity;
    struct rlimit limits[WEIR__LIMITS];

    weir__timer *clock;
    int64_t check_ms; /* until it is asked the next time; 0: nobody waits for it */
    int asked;        /* 1: it owes an answer; 2: it could not even be asked */
    int silent_ticks;
    int is_awaited; /* a job that has to stop waits for the answer */
};

void weir__identity_get(struct weir__identity *identity);
struct weir__directory weir__directory_find(void);

/* Starts the process of a helper that is zeroed but for its setup and owner.  Errors:
 * SPAWNER, SYSTEM, NOMEM: then there is nothing to clear. */
int weir__helper_start(struct weir__helper *helper, struct weir_error *error);

/* The second half of that, for a helper that has a socket already.  On failure the caller
 * closes and clears it. */
int weir__helper_attach(struct weir__helper *helper, struct weir_error *error);

/* Sends a message, waiting for room as long as a spawner may be silent.  Returns 0 or an
 * errno; EPIPE when it is gone, or was killed for not reading. */
int weir__helper_say(struct weir__helper *helper, const char *text, size_t length, const int *fds,
                     size_t fd_count);

/* Has it prove that it is alive: now, or in some seconds and then at times. */
void weir__helper_check(struct weir__helper *helper);
void weir__helper_check_later(struct weir__helper *helper);

/* It has no jobs: nobody waits for anything but an answer that it owes. */
void weir__helper_rest(struct weir__helper *helper);

/* It has said something; or answered a check. */
void weir__helper_heard(struct weir__helper *helper, int is_answer);

/* It is to end its jobs, each with its grace, and itself. */
void weir__helper_leave(struct weir__helper *helper);

/* Waits for the end of one that is leaving. */
void weir__helper_await_end(struct weir__helper *helper);

/* Takes it down: what is left of it is killed, and it is waited for. */
void weir__helper_close(struct weir__helper *helper);

/* Frees what it holds; it is closed. */
void weir__helper_clear(struct weir__helper *helper);

#endif
