#include "config.h"

#include "spawner/job_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "spawner/response.h"
#include "spawner/subreaper.h"
#include "spawner/watcher.h"

static struct job *jobs;
static int has_released; /* some orphans are of no job */

struct job *jobs_first(void)
{
    return jobs;
}

void job_add(struct job *job)
{
    job->next = jobs;
    jobs = job;
}

struct job *job_find(int64_t id)
{
    struct job *job = jobs;

    while (job != NULL && job->id != id)
        job = job->next;
    return job;
}

struct stage *job_find_stage(pid_t pid, struct job **owner)
{
    for (struct job *job = jobs; job != NULL; job = job->next)
        for (size_t i = 0; i < job->stage_count; i++)
            if (job->stages[i].pid == pid) {
                *owner = job;
                return &job->stages[i];
            }
    return NULL;
}

int job_is_stage(pid_t pid)
{
    struct job *owner;

    return job_find_stage(pid, &owner) != NULL;
}

int64_t job_find_owner(const char *tags, pid_t group)
{
    if (tags == NULL && group == 0)
        return jobs != NULL && jobs->next == NULL && !has_released ? jobs->id : 0;
    for (const struct job *job = jobs; job != NULL; job = job->next)
        if (tags != NULL ? strstr(tags, job->tag) != NULL : job->group == group)
            return job->id;
    return 0;
}

int jobs_count(void)
{
    int count = 0;

    for (struct job *job = jobs; job != NULL; job = job->next)
        count++;
    return count;
}

void job_remove(struct job *gone)
{
    struct job **link = &jobs;

    while (*link != gone)
        link = &(*link)->next;
    *link = gone->next;
    watcher_remove(gone->watched);
    for (size_t i = 0; i < gone->stage_count; i++)
        if (gone->stages[i].pid > 0)
            waitpid(gone->stages[i].pid, NULL, WNOHANG);
    free(gone);
}

int job_end_if_over(struct job *job)
{
    if (job->living > 0 || job->warm >= 0 || subreaper_count(job->id, job->tag, job->group) > 0)
        return 0;
    response_send("{\"job\":%lld,\"what\":\"ended\"}", (long long)job->id);
    job_remove(job);
    return 1;
}

void job_set_group(struct job *job, pid_t group)
{
    job->group = group;
    watcher_set_group(job->watched, group);
}

void jobs_watch(void)
{
    for (struct job *job = jobs; job != NULL; job = job->next)
        if (job->watched == WATCHER_NONE) {
            job->watched = watcher_add(job->tag);
            watcher_set_group(job->watched, job->group);
        }
    watcher_start();
}

void job_send_failed(const struct job *job, size_t stage, const struct child_failure *failure)
{
    char detail[6 * sizeof failure->detail];

    response_escape(failure->detail, detail, sizeof detail);
    response_send("{\"job\":%lld,\"what\":\"failed\",\"stage\":%zu,\"step\":\"%s\",\"errno\":%d,"
                  "\"detail\":\"%s\"}",
                  (long long)job->id, stage, failure->step, failure->error, detail);
}

void job_fail_warm(struct job *job, int error)
{
    struct child_failure failure = {.step = "setup", .error = error};

    if (error == ECONNRESET)
        snprintf(failure.detail, sizeof failure.detail,
                 "the warm parent ended before it forked a worker: see its messages");
    if (error == ENOTSUP)
        snprintf(failure.detail, sizeof failure.detail, "--warm needs Linux with /proc");
    weir__close(&job->warm);
    job_send_failed(job, 0, &failure);
    job_end_if_over(job);
}

void jobs_release(int64_t id)
{
    struct job *job = job_find(id);

    if (job == NULL || job->living > 0 || job->warm >= 0 || job->phase != RUNNING
        || job_end_if_over(job))
        return;
    has_released = 1;
    response_send("{\"job\":%lld,\"what\":\"ended\"}", (long long)job->id);
    job_remove(job);
}
