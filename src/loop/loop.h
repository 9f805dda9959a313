/* loop/loop.h - watch descriptors and deadlines: a thin layer on libuv.
 *
 * A loop belongs to one thread at a time; only weir__loop_wake() may be called
 * by others.  Callbacks come from weir__loop_run().  Watches and timers may be
 * closed at any time, from their own callback too.
 */
#ifndef WEIR_LOOP_LOOP_H
#define WEIR_LOOP_LOOP_H

#include <stdint.h>

#include <weir/error.h>

typedef struct weir__loop weir__loop;
typedef struct weir__watch weir__watch;
typedef struct weir__timer weir__timer;

/* GONE: the other end of a pipe or socket is closed, and nothing else need be known; it is
 * told with both of the others. */
enum { WEIR__READABLE = 1, WEIR__WRITABLE = 2, WEIR__GONE = 4 };

weir__loop *weir__loop_new(struct weir_error *error);

/* For a program of our own, first of all: where memory is short, libuv goes on with a
 * reserve for a while, as it would end the process.  A library has no right to say so for
 * its host's libuv: there, room is looked for before libuv is asked. */
void weir__loop_reserve_memory(void);

/* Closes what is still open in it.  Accepts NULL. */
void weir__loop_free(weir__loop *loop);

/* Runs callbacks that are due.  With wait, sleeps until there is one. */
void weir__loop_run(weir__loop *loop, int wait);

/* Makes a sleeping or the next weir__loop_run() return.  Any thread. */
void weir__loop_wake(weir__loop *loop);

/* The one descriptor that becomes readable when there is something to do. */
int weir__loop_fd(const weir__loop *loop);

/* Milliseconds until the next deadline, -1 for none. */
int weir__loop_timeout_ms(const weir__loop *loop);

/* Makes everything that was begun or changed since the last run visible
 * through weir__loop_fd(): watches, and the nearest deadline.  Calls nobody
 * back. */
void weir__loop_settle(weir__loop *loop);

/* Calls back with the WEIR__ bits that hold, until closed.  The descriptor is
 * borrowed, and its description keeps the O_NONBLOCK flag it had: it may be
 * shared with others.  A regular file cannot be watched: SYSTEM with EPERM. */
typedef void (*weir__watch_callback)(void *data, int bits);
int weir__watch_new(weir__loop *loop, int fd, int bits, weir__watch_callback callback, void *data,
                    weir__watch **watch, struct weir_error *error);
void weir__watch_set(weir__watch *watch, int bits);

/* Closes *watch and sets it to NULL.  Accepts NULL inside.  Before close(2). */
void weir__watch_close(weir__watch **watch);

/* A timer that is not started costs nothing.  Starting again moves it.  It calls back when what had
 * come by its deadline has been told to the watches; with 0, in the next turn. */
typedef void (*weir__timer_callback)(void *data);
int weir__timer_new(weir__loop *loop, weir__timer_callback callback, void *data,
                    weir__timer **timer, struct weir_error *error);
void weir__timer_start(weir__timer *timer, int64_t ms);
void weir__timer_stop(weir__timer *timer);
void weir__timer_close(weir__timer **timer);

/* Runs it as weir__loop_run() does, waiting for an event for up to limit_ms.  Returns 0 when none
 * came: a signal handler ran, or the time is over. */
int weir__loop_run_interruptible(weir__loop *loop, int limit_ms);

/* In a forked child: closes all that is watched and the loop's own descriptors, without a word to
 * the kernel's queue of events, which is the parent's too.  Nothing is released: the loop may be in
 * the middle of a change that another thread of the parent made. */
void weir__loop_forget(weir__loop *loop);

#endif
