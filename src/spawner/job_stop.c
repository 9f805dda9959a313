#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "spawner/job.h"
#include "spawner/job_stop.h"
#include "spawner/job_table.h"
#include "spawner/response.h"
#include "spawner/subreaper.h"
#include "spawner/warm.h"

enum {
    LOOK_AGAIN_MS = 20,      /* how often a dying job is checked where there is no event */
    KILL_PATIENCE_MS = 5000, /* how long a killed process may stay (a stuck disk) */
    SURVIVORS = 8,           /* that are looked at by name */
};

/* A launcher is alone in being signalled as long as it lives: see job.h. */
static int spares_others(const struct job *job)
{
    return job->leaders && job->living > 0 && job->phase != KILL;
}

/* What became of a signal: some process got it, some may not be sent one by us. */
enum { SENT = 1, REFUSED = 2 };

static int is_refused(pid_t pid)
{
    return kill(pid, 0) < 0 && errno == EPERM;
}

static int outcome_of(int failed)
{
    return failed == 0 ? SENT : errno == EPERM ? REFUSED : 0;
}

static int signal_leaders(const struct job *job, int signal)
{
    int outcome = 0;

    for (size_t i = 0; i < job->stage_count; i++)
        if (job->stages[i].living)
            outcome |= outcome_of(kill(job->stages[i].pid, signal));
    return outcome;
}

/* Sends a signal to the group and to the processes that left it. */
static int signal_all(const struct job *job, int signal)
{
    int outcome = job->group > 0 ? outcome_of(kill(-job->group, signal)) : 0;

    for (size_t i = 0; i < job->stage_count; i++) {
        pid_t pid = job->stages[i].living ? job->stages[i].pid : 0;

        if (pid > 0 && getpgid(pid) != job->group) /* setsid(2), most likely: it leads its own */
            outcome |= outcome_of(kill(getpgid(pid) == pid ? -pid : pid, signal));
        else if (pid > 0 && is_refused(pid)) /* a group has been signalled when one of it was */
            outcome |= REFUSED;
    }
    if (subreaper_signal(job->id, job->tag, job->group, signal))
        outcome |= REFUSED;
    return outcome;
}

static int send_job(const struct job *job, int signal)
{
    return spares_others(job) ? signal_leaders(job, signal) : signal_all(job, signal);
}

static void signal_job(const struct job *job, int signal)
{
    int outcome = send_job(job, signal);

    if (outcome != REFUSED)
        response_send("{\"job\":%lld,\"what\":\"sent\",\"signal\":%d}", (long long)job->id, signal);
    if (outcome & REFUSED)
        response_send("{\"job\":%lld,\"what\":\"unsent\",\"signal\":%d}", (long long)job->id,
                      signal);
}

void jobs_signal(int64_t id, int signal)
{
    struct job *job = job_find(id);

    if (job != NULL)
        signal_job(job, signal);
}

static void begin_kill(struct job *job)
{
    job->phase = KILL;
    job->phase_ends_ns = weir__clock_ns() + (int64_t)KILL_PATIENCE_MS * 1000000;
    signal_job(job, SIGKILL);
}

static int step_signal(const struct job *job)
{
    return job->steps[job->step].signal;
}

static void begin_step(struct job *job, size_t step)
{
    job->step = step;
    job->step_ends_ns = weir__clock_ns() + job->steps[step].wait_ms * 1000000;
    if (step_signal(job) == 0)
        return;
    signal_job(job, step_signal(job));
    send_job(job, SIGCONT); /* a stopped process must run to handle it */
}

/* When the job needs us next: for the next step, or for SIGKILL. */
static int64_t due_ns(const struct job *job)
{
    if (job->phase == STOPPING && job->step + 1 < job->step_count
        && job->step_ends_ns < job->phase_ends_ns)
        return job->step_ends_ns;
    return job->phase_ends_ns;
}

void jobs_stop(int64_t id, int64_t grace_ms, const struct weir_stop_step *steps, size_t count)
{
    struct job *job = job_find(id);
    int64_t ends_ns = weir__clock_ns() + grace_ms * 1000000;

    if (job != NULL && job->warm >= 0) {
        warm_take(job->warm); /* who comes now finds nobody, and ends */
        job_fail_warm(job, ECANCELED);
        job = job_find(id); /* it may have set itself up, and be stuck there */
    }
    if (job == NULL || job->phase == KILL || job_end_if_over(job))
        return;
    if (grace_ms == 0) {
        begin_kill(job);
        return;
    }
    if (job->phase == RUNNING) {
        if (count > 0) {
            memcpy(job->steps, steps, count * sizeof *steps);
            job->step_count = count;
        }
        job->phase = STOPPING;
        job->phase_ends_ns = ends_ns;
        begin_step(job, 0);
    } else if (ends_ns < job->phase_ends_ns) {
        job->phase_ends_ns = ends_ns;
    }
}

/* Who lives on after SIGKILL.  Returns how many, up to room. */
static size_t survivors(const struct job *job, pid_t *pids, size_t room)
{
    size_t count = 0;

    for (size_t i = 0; i < job->stage_count && count < room; i++)
        if (job->stages[i].living)
            pids[count++] = job->stages[i].pid;
    return count + subreaper_list(job->id, pids + count, room - count);
}

/* Whether only processes are left that we cannot signal: there is nothing to wait for. */
static int all_refuse(const struct job *job)
{
    pid_t pids[SURVIVORS];
    size_t count = survivors(job, pids, SURVIVORS);

    for (size_t i = 0; i < count; i++)
        if (!is_refused(pids[i]))
            return 0;
    return count > 0 && count < SURVIVORS;
}

static void leave_alive(struct job *job)
{
    char list[SURVIVORS * 2 * PID_DIGITS] = "";
    pid_t pids[SURVIVORS];
    size_t count = survivors(job, pids, SURVIVORS);
    int used = 0;

    for (size_t i = 0; i < count; i++)
        used += snprintf(list + used, sizeof list - (size_t)used, "%s[%ld,%d]", i > 0 ? "," : "",
                         (long)pids[i], is_refused(pids[i]) ? EPERM : EBUSY);
    response_send("{\"job\":%lld,\"what\":\"ended\",\"survivors\":[%s]}", (long long)job->id, list);
    job_remove(job);
}

void jobs_stop_all(void)
{
    struct job *next;

    for (struct job *job = jobs_first(); job != NULL; job = next) {
        next = job->next;
        jobs_stop(job->id, job->grace_ms, NULL, 0);
    }
}

void job_signal_new(const struct job *job)
{
    int signal = job->phase == KILL ? SIGKILL : step_signal(job);

    if (signal != 0 && !spares_others(job))
        subreaper_signal_new(job->id, signal);
}

int jobs_tick(void)
{
    int64_t now_ns = weir__clock_ns();
    int64_t nearest_ns = INT64_MAX;
    struct job *next;

    for (struct job *job = jobs_first(); job != NULL; job = next) {
        int64_t look_ns = now_ns + (int64_t)LOOK_AGAIN_MS * 1000000;

        next = job->next;
        /* A job whose stages have exited waits for its orphans: no event tells of
         * their end where they are not ours. */
        if (job->phase == RUNNING
            && (job->living > 0 || (subreaper_is_active() && !subreaper_has_more())))
            continue;
        if (job_end_if_over(job))
            continue;
        if (job->phase == STOPPING && subreaper_has_more())
            job_signal_new(job);
        if (job->phase == STOPPING && now_ns >= job->phase_ends_ns) {
            begin_kill(job);
        } else if (job->phase == STOPPING && now_ns >= due_ns(job)) {
            begin_step(job, job->step + 1);
        } else if (job->phase == KILL && (now_ns >= job->phase_ends_ns || all_refuse(job))) {
            leave_alive(job);
            continue;
        } else if (job->phase == KILL) {
            subreaper_signal(job->id, job->tag, job->group, SIGKILL);
        }
        if (job->phase == STOPPING && subreaper_is_active() && !subreaper_has_more()
            && due_ns(job) > look_ns)
            look_ns = due_ns(job);
        if (look_ns < nearest_ns)
            nearest_ns = look_ns;
    }
    if (nearest_ns == INT64_MAX)
        return -1;
    return nearest_ns <= now_ns ? 0 : (int)((nearest_ns - now_ns + 999999) / 1000000);
}
