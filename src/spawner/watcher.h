/* spawner/watcher.h - a small process that kills what is left of the jobs when the spawner
 * was killed.
 *
 * A host whose spawner dies ends the jobs itself.  When both are killed together, nobody
 * is left but the watcher: a child of the spawner, in a session of its own, that lets no
 * signal in and sleeps until its parent has ended.  What it must know lies in memory that
 * both share, so a job costs no system call.  Only Linux tells a child of its parent's
 * end: elsewhere there is none.
 */
#ifndef WEIR_SPAWNER_WATCHER_H
#define WEIR_SPAWNER_WATCHER_H

#include <stddef.h>
#include <sys/types.h>

enum { WATCHER_NONE = -1 };

/* Whether there is nothing to start: it runs, or there is none here. */
int watcher_is_there(void);

/* Starts it, unless it is there: jobs_watch() does.  Without memory or a process for it there is
 * none. */
void watcher_start(void);

/* Ends it: the spawner leaves by itself. */
void watcher_stop(void);

/* Whether this child of the spawner is it; and what to do when it was killed. */
int watcher_is(pid_t pid);
void watcher_reap(void);

/* A job is to be ended, by its tag and, once it has one, its group.  Returns its entry,
 * or WATCHER_NONE. */
int watcher_add(const char *tag);
void watcher_set_group(int entry, pid_t group);
void watcher_remove(int entry);

#endif
