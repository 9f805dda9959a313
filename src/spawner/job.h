/* spawner/job.h - jobs: their processes, their end, and nothing left of them.
 *
 *                     stop, or the host is gone
 *   RUNNING -----------------------------------> STOPPING --- grace ---> KILL
 *      |                                              |                   |
 *      +--- last process gone ------------------------+-------------------+--> ended
 *
 * STOPPING takes one step after the other: a signal, then the time to wait.
 *
 * A job is one process group and whatever its members set free: orphans come
 * to the spawner (it is a subreaper) and are assigned to jobs by the job's tag.
 * Where the stages are launchers (request's leaders), signals before SIGKILL are
 * for them alone as long as one of them lives: they pass them on to what they have
 * started elsewhere, and may need their helpers for that.
 *
 * The stages that have exited stay zombies until the job has ended, so that no
 * pid and no group number can be given away while signals may still be sent.
 * Where the spawner is no subreaper they are taken at once, for an empty group is
 * the sign that the job has ended; its number is safe as long as it has members.
 */
#ifndef WEIR_SPAWNER_JOB_H
#define WEIR_SPAWNER_JOB_H

#include <stdint.h>

#include "spawner/request.h"

/* Starts every stage, or none that stays: answers "started" or "failed".
 * Borrows the request's descriptors fds, takes its stages' memory. */
void jobs_start(struct request *request, const int *fds);

/* Takes the workers that warm parents have forked (warm_fd() is readable): answers "started" or
 * "failed". */
void jobs_warmed(void);

/* Sends a signal to all of a job's processes, or to its leaders.  Ignores unknown jobs. */
void jobs_signal(int64_t job, int signal);

/* Begins the stop sequence: its first step now, KILL after grace_ms at the latest.  Again: a
 * shorter grace counts.  count steps replace those of the start; 0: none do. */
void jobs_stop(int64_t job, int64_t grace_ms, const struct weir_stop_step *steps, size_t count);

/* Ends a job whose stages have exited, and leaves what is left of it alone. */
void jobs_release(int64_t job);

/* The host is gone: stops every job, each with its own grace. */
void jobs_stop_all(void);

/* Handles children that changed state (SIGCHLD came).  Returns 1 when there may be
 * more than one turn takes, and no signal to come for them. */
int jobs_reap(void);

/* Tells the watcher of the jobs that it does not know, and starts it. */
void jobs_watch(void);

/* Does what is due; returns milliseconds until the next deadline, -1 for none. */
int jobs_tick(void);

/* How many jobs there are. */
int jobs_count(void);

/* Adopts orphans from now on, where the system can. */
void jobs_init(void);

#endif
