/* spawner/warm.h - workers that a warm parent forks: a process that has imported the worker's
 * program once.
 *
 *   spawner --request, its descriptors--> the forked worker --its pid--> spawner --"go"--> it runs
 *
 * The connection comes with the request to start (its other end is with the warm parent, which
 * hands it to the worker).  The worker is a grandchild of the warm parent and becomes a child of
 * the spawner, a subreaper, before it tells its pid; it runs nothing before "go".
 *
 * The request is a line of JSON and the environment after it, each variable ended by NUL:
 *
 *   {"cwd":true,"umask":18,"nice":0,"limits":[[7,1024,4096]]}
 *
 * The descriptors are stdin, stdout, stderr and, with "cwd", the directory.  umask -1 is the warm
 * parent's; -1 in limits (resource, soft, hard) is none.
 */
#ifndef WEIR_SPAWNER_WARM_H
#define WEIR_SPAWNER_WARM_H

#include "spawner/child.h"

/* Asks for a worker as planned; job: whose it will be.  Returns a descriptor to give to
 * warm_take() and warm_go(), or to close where the worker is not wanted any more; or a negative
 * errno. */
int warm_ask(const struct child_plan *plan, int connection, int64_t job);

/* A descriptor that becomes readable when some job's worker has answered; -1: none is awaited. */
int warm_fd(void);

/* The next job whose worker has answered, or whose warm parent is gone; 0: none. */
int64_t warm_next(void);

/* Takes the answer.  Returns the pid of a child of this process, held
 * back until warm_go(); or a negative errno. */
pid_t warm_take(int fd);

/* Lets the worker run, whose answer was taken from fd, and closes fd. */
void warm_go(int *fd);

#endif
