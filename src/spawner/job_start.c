#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/datagram.h"
#include "base/fd.h"
#include "spawner/child.h"
#include "spawner/environment.h"
#include "spawner/job.h"
#include "spawner/job_table.h"
#include "spawner/response.h"
#include "spawner/subreaper.h"
#include "spawner/warm.h"
#include "spawner/watcher.h"

static int has_terminal; /* of our session */

static void send_started(const struct job *job, size_t started)
{
    char pids[PID_DIGITS * (WEIR__DATAGRAM_FDS + 1)] = "";
    int used = 0;

    for (size_t i = 0; i < started && used + PID_DIGITS < (int)sizeof pids; i++)
        used += snprintf(pids + used, sizeof pids - (size_t)used, "%s%ld", i > 0 ? "," : "",
                         (long)job->stages[i].pid);
    if (started > 0)
        response_send("{\"job\":%lld,\"what\":\"started\",\"pids\":[%s]}", (long long)job->id,
                      pids);
}

static void ask_warm(struct job *job, const struct child_plan *plan, int connection)
{
    int fd = warm_ask(plan, connection, job->id);

    if (fd < 0)
        job_fail_warm(job, -fd);
    else
        job->warm = fd;
}

void jobs_warmed(void)
{
    int64_t id;

    while ((id = warm_next()) > 0) {
        struct job *job = job_find(id);
        pid_t pid = warm_take(job->warm);

        if (pid > 0 && (job_is_stage(pid) || watcher_is(pid)))
            pid = -ESRCH; /* a number of another PID namespace */
        if (pid < 0) {
            job_fail_warm(job, -pid);
            continue;
        }
        job->stages[0].pid = pid;
        job->stages[0].living = 1;
        job->living = 1;
        job_set_group(job, getpgid(pid) == pid ? pid : 0);
        send_started(job, 1);
        warm_go(&job->warm);
    }
}

void jobs_start(struct request *request, const int *fds)
{
    struct job *job = calloc(1, sizeof *job + request->stage_count * sizeof *job->stages);
    struct child_failure failure;
    size_t started;

    if (job == NULL) {
        response_send("{\"job\":%lld,\"what\":\"refused\",\"errno\":%d,\"detail\":\"\"}",
                      (long long)request->job, ENOMEM);
        return;
    }
    job->id = request->job;
    job->grace_ms = request->grace_ms;
    memcpy(job->steps, request->stop, sizeof job->steps);
    job->step_count = request->stop_count;
    job->has_tty = request->tty >= 0;
    job->leaders = request->leaders;
    job->stage_count = request->stage_count;
    memcpy(job->tag, request->tag, sizeof job->tag);
    job->watched = watcher_is_there() ? watcher_add(job->tag) : WATCHER_NONE;
    job->warm = -1;
    job_add(job);
    for (started = 0; started < request->stage_count; started++) {
        const struct request_stage *stage = &request->stages[started];
        struct child_plan plan = {
            .stage = stage, .cwd = -1, .tty = -1, .group = job->group, .job = job->id};

        plan.envp = environment_make(stage, job->tag);
        if (stage->cwd >= 0)
            plan.cwd = fds[stage->cwd];
        for (int i = 0; i < 3; i++)
            plan.stdio[i] = stage->stdio[i] >= 0 ? fds[stage->stdio[i]] : -1;
        if (started == 0 && request->tty >= 0)
            plan.tty = fds[request->tty];
        plan.tty_group = request->tty_group;
        plan.host_limits = request->host_limits;
        plan.host_limit_count = request->host_limit_count;
        plan.leaves_tty = has_terminal && request->tty < 0;
        if (stage->warm >= 0) {
            ask_warm(job, &plan, fds[stage->warm]);
            environment_free(plan.envp);
            return;
        }
        job->stages[started].pid = child_start(&plan, &failure);
        environment_free(plan.envp);
        if (job->stages[started].pid < 0)
            break;
        job->stages[started].living = 1;
        job->living++;
        if (job->group == 0 && !stage->session)
            job_set_group(job, job->stages[started].pid);
    }
    if (job->group == 0 && started > 0)
        job_set_group(job, job->stages[0].pid); /* each leads a session, and is signalled alone */
    if (!request->quiet || started < request->stage_count)
        send_started(job, started);
    if (started == request->stage_count) {
        subreaper_is_active(); /* so that it is prepared while the program starts */
        return;
    }
    job->stages[started].pid = 0;
    job_send_failed(job, started, &failure);
    if (!job_end_if_over(job))
        jobs_stop(job->id, job->grace_ms, NULL, 0);
}

void jobs_init(void)
{
    has_terminal = child_has_terminal();
    subreaper_init(job_is_stage, job_find_owner);
}
