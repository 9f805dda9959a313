/* spawner/job_table.h - all jobs, as the files that act on them share them.
 *
 * job_start.c starts jobs, job_stop.c signals and stops them, job_reap.c sees their processes exit.
 */
#ifndef WEIR_SPAWNER_JOB_TABLE_H
#define WEIR_SPAWNER_JOB_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/process_tree.h"
#include "spawner/child.h"
#include "spawner/job.h"

enum phase { RUNNING, STOPPING, KILL };

struct stage {
    pid_t pid;
    int living; /* not yet seen to exit; afterwards it is a zombie that we hold */
};

struct job {
    struct job *next;
    int64_t id;
    char tag[WEIR__JOB_TAG_SIZE];
    pid_t group;
    int has_tty, leaders;
    int watched; /* its entry with the watcher */
    int warm;    /* the connection to the worker that is forked for it, not started yet; or -1 */
    enum phase phase;
    int64_t grace_ms;
    struct weir_stop_step steps[WEIR_STOP_STEPS];
    size_t step_count, step; /* STOPPING: the step we are at */
    int64_t step_ends_ns;    /* STOPPING: when the next one is due */
    int64_t phase_ends_ns;   /* STOPPING: when KILL is due; KILL: when we give up */
    size_t stage_count, living;
    struct stage stages[];
};

enum { PID_DIGITS = 12 };

/* The first of the jobs; the others by their next. */
struct job *jobs_first(void);

void job_add(struct job *job);

/* Takes the job out of the table, collects its zombies and frees it. */
void job_remove(struct job *gone);

struct job *job_find(int64_t id);
struct stage *job_find_stage(pid_t pid, struct job **owner);

/* What the subreaper asks: see subreaper_init(). */
int job_is_stage(pid_t pid);
int64_t job_find_owner(const char *tags, pid_t group);

void job_set_group(struct job *job, pid_t group);

/* Reports the stage that could not be started. */
void job_send_failed(const struct job *job, size_t stage, const struct child_failure *failure);

/* No worker was forked for the job: nothing of it lives, and it is gone. */
void job_fail_warm(struct job *job, int error);

/* Ends a job of which nothing lives.  Returns 1 when it did. */
int job_end_if_over(struct job *job);

#endif
