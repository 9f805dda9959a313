/* weir/context.h - a place to run programs from.
 *
 * A context holds a small helper program, weir-spawner, that starts and watches
 * the children, and the loop that listens to both.  The host stays as it was:
 * no signal handler, no child of its own taken, no descriptor without
 * close-on-exec.  wait(2) in the host never sees a child of weir.
 *
 * When the host dies, even by SIGKILL, the spawner ends all that was started:
 * SIGTERM, the grace, SIGKILL.
 *
 * A job's processes are found by Linux's means (a subreaper, /proc), wherever they
 * went.  Without them a job is its process group: who leaves that is not ended with
 * it, who holds a pipe open is not named, and a host that was killed is not missed
 * as long as a copy that it forked lives.
 *
 * The spawner starts one program after the other.  A program whose execution hangs in the
 * kernel, such as one on a network file system that does not answer, keeps the spawner from
 * everything else.  The host gives up on such a spawner after 4 seconds when a job has to
 * stop, else after 15: then every job of the context ends as WEIR_STATUS_LOST, and the next
 * start gets a new spawner.
 *
 * Threads: a context may be used by many threads at once.  A thread that waits
 * runs the loop for all of them; a lone caller pays nothing for it.  After
 * fork(2) a child process must not use its parent's context: starting something or
 * waiting fails with INVALID there, and weir_close() does nothing.  The child may
 * open a context of its own.
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

/* "No limit of time". */
#define WEIR_FOREVER INT64_C(-1)

struct weir_options {
    size_t size; /* sizeof (struct weir_options); set by weir_options_init() */
    /* Path of weir-spawner.  NULL: $WEIR_SPAWNER; else the one beside the program or shared
     * library that has this code, or at ../libexec/weir/ from there; else where it was installed.
     * A set-user-ID program looks at the last alone. */
    const char *spawner;
    /* By default the spawner leaves at once for init's care, so that wait(-1) in
     * the host sees no child but its own.  Set this in a program that never
     * waits for just any child: weir_close() then waits for the spawner, and
     * nothing is left to init, which in some containers never looks. */
    int spawner_stays_child;
    weir_event_sink on_event; /* NULL: nobody listens */
    void *event_context;      /* given to on_event */
};

void weir_options_init_sized(struct weir_options *options, size_t size);
#define weir_options_init(options) weir_options_init_sized((options), sizeof *(options))

/* Opens a context and starts its spawner.  options may be NULL and is copied.
 * Returns NULL on failure.  The caller owns it: weir_close().
 * Errors: SPAWNER, SYSTEM, NOMEM. */
weir_t *weir_open(const struct weir_options *options, struct weir_error *error);

/* Programs are children of the spawner, which has from its host what a child has from its
 * parent: as it was when the spawner started.  What the host changes later:
 *
 *   environment, directory    each program starts with the host's at that time
 *   users, groups             the same: a host that has become somebody else (setuid(2),
 *                             setgroups(2)) gets a new spawner at its next start
 *   resource limits           the same
 *   terminal                  as the options of the start say
 *   umask, nice, affinity,    not seen: call weir_refresh() after a change
 *   root, namespaces, no_new_privs, capabilities, cgroup, ...
 *
 * What runs is not touched by any of this. */

/* Starts a new spawner for what starts from now on: it has everything from the host as it
 * is.  The earlier one goes on until its jobs have ended.  Errors: SPAWNER, SYSTEM, NOMEM. */
int weir_refresh(weir_t *weir, struct weir_error *error);

/* Ends what still runs in the context, each job with its grace, frees runs,
 * pipelines and maps that were started in it and never freed, then the context.
 * Accepts NULL.  No other thread may use the context any more. */
void weir_close(weir_t *weir);

/* For a host with a poll loop of its own: the descriptor becomes readable when
 * weir_dispatch() has something to do, deadlines among it.  It stays the same
 * for the life of the context, which owns it. */
int weir_fd(const weir_t *weir);

/* Milliseconds until the next deadline, -1 for none.  Only systems without
 * timerfd(2), and sandboxes that refuse it, need it: poll for no longer than this there. */
int weir_timeout_ms(weir_t *weir);

/* Does what there is to do, without waiting: callbacks and events come from
 * here.  Errors: SYSTEM. */
int weir_dispatch(weir_t *weir, struct weir_error *error);

/* The version of the library, "0.1.0". */
const char *weir_version(void);

#ifdef __cplusplus
}
#endif
#endif
