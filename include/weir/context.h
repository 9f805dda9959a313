/* weir/context.h - a context for running programs.
 *
 * A context has a small helper program, weir-spawner, that starts and watches the children, and
 * an event loop for both.  It does not change the host: it installs no signal handler, reaps none
 * of the host's children, and opens every descriptor with close-on-exec.  wait(2) in the host
 * never sees a child of weir.
 *
 * When the host dies, even by SIGKILL, the spawner stops everything it started: SIGTERM, grace
 * period, SIGKILL.
 *
 * On Linux weir finds all processes of a job with a subreaper and /proc.  Without these, a job is
 * its process group: weir does not stop a process that leaves the group, cannot name the process
 * that holds a pipe open, and does not notice the death of a host while a forked copy of it lives.
 *
 * The spawner starts one program after another.  A program whose exec hangs in the kernel, such
 * as one on a network file system that does not respond, blocks the spawner.  The host gives up
 * on a blocked spawner after 4 seconds if a job has to stop, otherwise after 15.  Then every job
 * of the context ends with WEIR_STATUS_LOST, and the next start gets a new spawner.
 *
 * Threads: many threads may use a context at once.  A waiting thread runs the loop for all of
 * them; a single caller pays nothing for it.  After fork(2) a child process must not use its
 * parent's context: there, starting a job or waiting fails with INVALID, and weir_close() does
 * nothing.  The child may open a context of its own, and weir_forget() its parent's.
 */
#ifndef WEIR_CONTEXT_H
#define WEIR_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>
#include <weir/event.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir weir_t;

/* No time limit. */
#define WEIR_FOREVER INT64_C(-1)

struct weir_options {
    size_t size; /* sizeof (struct weir_options); set by weir_options_init() */
    /* Path of weir-spawner.  NULL: $WEIR_SPAWNER; otherwise in the directory of the program or
     * shared library that contains this code, in ../libexec/weir/ relative to it, or where it was
     * installed.  A set-user-ID program only looks at the last of these. */
    const char *spawner;
    /* By default the spawner becomes a child of init at once, so that wait(-1) in the host sees
     * only the host's own children.  Set this in a program that never waits for any child:
     * weir_close() then waits for the spawner, which is useful in containers whose init does not
     * reap. */
    int spawner_stays_child;
    weir_event_sink on_event; /* NULL: no events */
    void *event_context;      /* passed to on_event */
    int spawner_on_demand;    /* start the spawner with the first program, not in weir_open(): for
                                 a host that may start none, such as a client of weir/client.h */
    int reserved_int;         /* 0 */
};

void weir_options_init_sized(struct weir_options *options, size_t size);
#define weir_options_init(options) weir_options_init_sized((options), sizeof *(options))

/* Opens a context and starts its spawner.  options may be NULL and is copied.
 * Returns NULL on failure.  The caller owns it: weir_close().
 * Errors: SPAWNER, SYSTEM, NOMEM. */
weir_t *weir_open(const struct weir_options *options, struct weir_error *error);

/* Programs are children of the spawner, which inherits the state of its host at the time the
 * spawner starts.  Later changes in the host:
 *
 *   environment, directory    each program starts with the host's current ones
 *   users, groups             the same: after setuid(2) or setgroups(2) the host gets a new
 *                             spawner at its next start
 *   resource limits           the same
 *   terminal                  see the options of the start
 *   umask, nice, affinity,    not detected: call weir_refresh() after a change
 *   root, namespaces, no_new_privs, capabilities, cgroup, ...
 *
 * None of this affects running programs. */

/* Starts a new spawner, with the current state of the host, for future starts.  The earlier
 * spawner continues until its jobs have ended.  Errors: SPAWNER, SYSTEM, NOMEM. */
int weir_refresh(weir_t *weir, struct weir_error *error);

/* Stops every running job of the context, each with its grace period, frees runs, pipelines and
 * maps that were started in it and not freed, and then the context.  Accepts NULL.  No other
 * thread may use the context after that. */
void weir_close(weir_t *weir);

/* In a child of fork(2), once it runs only one thread: closes the child's copies of the descriptors
 * of its parent's context, and of what runs in it.  The parent, its programs and its files are left
 * alone.  Neither the context nor its runs, pipelines, maps, pools and calls may be used in the
 * child after that, not even freed; their memory is not released.  Accepts NULL; does nothing in
 * the process that opened the context. */
void weir_forget(weir_t *weir);

/* For a host with its own event loop: the descriptor becomes readable when weir_dispatch() has
 * work to do, including deadlines.  It stays the same for the life of the context, which owns
 * it. */
int weir_fd(const weir_t *weir);

/* Milliseconds until the next deadline, or -1.  Only needed on systems without timerfd(2) and in
 * sandboxes that refuse it: poll for at most this time there.  Never more than 100 while another
 * thread waits in the context. */
int weir_timeout_ms(weir_t *weir);

/* Does all pending work without waiting; callbacks and events are called from here.
 * Errors: SYSTEM. */
int weir_dispatch(weir_t *weir, struct weir_error *error);

/* The version of the library, "0.2.0". */
const char *weir_version(void);

#ifdef __cplusplus
}
#endif
#endif
