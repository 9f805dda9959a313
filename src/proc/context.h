/* proc/context.h - the inside of a context: which thread runs the loop, and what lives in it.
 *
 * One thread at a time leads: it alone touches the loop and what hangs on it.
 * The others hand it tasks and sleep until theirs is done or the lead is free.
 * The mutex guards only the lead, the tasks and the done flags.
 */
#ifndef WEIR_PROC_CONTEXT_H
#define WEIR_PROC_CONTEXT_H

#include <pthread.h>

#include <weir/context.h>

#include "loop/loop.h"
#include "proc/spawner_client.h"

/* What lives in a context and is freed with it: runs, pipelines. */
struct weir__member {
    weir_t *weir; /* NULL: in no context */
    struct weir__member *next, **link;
    void (*free)(struct weir__member *member);
};

struct weir {
    weir__loop *loop;
    struct weir__client client;
    weir_event_sink on_event;
    void *event_context;
    struct weir__member *members;
    pid_t pid;      /* the process that opened it */
    unsigned forks; /* before it was made: context.c */

    pthread_mutex_t mutex;
    int led;
    int is_polled;    /* weir_fd() was called */
    pthread_t leader; /* while led */
    struct weir__task *tasks, **last_task;
    struct weir__waiter *waiters;
};

/* Returns 0, or INVALID in a child that the process which opened the context has forked: the
 * spawner and the loop's descriptors are shared with the parent. */
int weir__context_check(const weir_t *weir, struct weir_error *error);

/* Runs work(data) where it may touch the loop, and returns when it has.  Inside
 * a callback that is here and now. */
void weir__context_do(weir_t *weir, void (*work)(void *data), void *data);

/* The same for a thread that goes on to weir__context_wait() for what it began:
 * a program that polls weir_fd() wakes only then. */
void weir__context_do_then_wait(weir_t *weir, void (*work)(void *data), void *data);

/* Runs the loop, or lets others run it, until *done.  Errors: BUSY, inside a
 * callback: the loop cannot run in itself. */
int weir__context_wait(weir_t *weir, const int *done, struct weir_error *error);

/* The same, but returns INTERRUPTED after a signal handler ran in this thread, and at least every
 * 100 ms. */
int weir__context_wait_interruptible(weir_t *weir, const int *done, struct weir_error *error);

/* Whether this thread runs the loop: it is inside a callback, and cannot wait. */
int weir__context_leads(weir_t *weir);

int weir__context_is_done(weir_t *weir, const int *done);

/* Sets *done for a thread that waits for it.  From callbacks and tasks. */
void weir__context_done(weir_t *weir, int *done);

/* What weir_close() frees if the owner has not: in from its start to its end of
 * life.  Any thread; a member that is in no context may leave. */
void weir__context_join(weir_t *weir, struct weir__member *member,
                        void (*free)(struct weir__member *member));
void weir__context_leave(struct weir__member *member);

/* Tells the sink, if there is one.  Fills in the time. */
void weir__context_tell(weir_t *weir, struct weir_event event);

#endif
