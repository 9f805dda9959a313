#include "config.h"

#include "spawner/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/datagram.h"
#include "base/fd.h"
#include "base/process_tree.h"
#include "spawner/response.h"
#include "spawner/child.h"
#include "spawner/environment.h"
#include "spawner/subreaper.h"
#include "spawner/warm.h"
#include "spawner/watcher.h"

enum phase { RUNNING, STOPPING, KILL };

enum {
    LOOK_AGAIN_MS = 20,      /* how often a dying job is checked where there is no event */
    KILL_PATIENCE_MS = 5000, /* how long a killed process may stay (a stuck disk) */
    PID_DIGITS = 12,
    SURVIVORS = 8,      /* that are looked at by name */
    ENDS_A_LOOK = 1000, /* taken in one turn: some children fork faster than we reap */
};

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

static struct job *jobs;
static int has_terminal; /* of our session */
static int has_released; /* some orphans are of no job */

static struct job *find_job(int64_t id)
{
    struct job *job = jobs;

    while (job != NULL && job->id != id)
        job = job->next;
    return job;
}

static struct stage *find_stage(pid_t pid, struct job **owner)
{
    for (struct job *job = jobs; job != NULL; job = job->next)
        for (size_t i = 0; i < job->stage_count; i++)
            if (job->stages[i].pid == pid) {
                *owner = job;
                return &job->stages[i];
            }
    return NULL;
}

static int is_stage(pid_t pid)
{
    struct job *owner;

    return find_stage(pid, &owner) != NULL;
}

static int64_t find_owner(const char *tags, pid_t group)
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

void jobs_init(void)
{
    has_terminal = child_has_terminal();
    subreaper_init(is_stage, find_owner);
}

static void remove_job(struct job *gone)
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

/* Ends a job of which nothing lives.  Returns 1 when it did. */
static int end_if_over(struct job *job)
{
    if (job->living > 0 || job->warm >= 0 || subreaper_count(job->id, job->tag, job->group) > 0)
        return 0;
    response_send("{\"job\":%lld,\"what\":\"ended\"}", (long long)job->id);
    remove_job(job);
    return 1;
}

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

static void set_group(struct job *job, pid_t group)
{
    job->group = group;
    watcher_set_group(job->watched, group);
}

static void send_failed(const struct job *job, size_t stage, const struct child_failure *failure)
{
    char detail[6 * sizeof failure->detail];

    response_escape(failure->detail, detail, sizeof detail);
    response_send("{\"job\":%lld,\"what\":\"failed\",\"stage\":%zu,\"step\":\"%s\",\"errno\":%d,"
                  "\"detail\":\"%s\"}",
                  (long long)job->id, stage, failure->step, failure->error, detail);
}

/* No worker was forked for the job: nothing of it lives. */
static void fail_warm(struct job *job, int error)
{
    struct child_failure failure = {.step = "setup", .error = error};

    if (error == ECONNRESET)
        snprintf(failure.detail, sizeof failure.detail,
                 "the warm parent ended before it forked a worker: see its messages");
    if (error == ENOTSUP)
        snprintf(failure.detail, sizeof failure.detail, "--warm needs Linux with /proc");
    weir__close(&job->warm);
    send_failed(job, 0, &failure);
    end_if_over(job);
}

static void ask_warm(struct job *job, const struct child_plan *plan, int connection)
{
    int fd = warm_ask(plan, connection, job->id);

    if (fd < 0)
        fail_warm(job, -fd);
    else
        job->warm = fd;
}

void jobs_warmed(void)
{
    int64_t id;

    while ((id = warm_next()) > 0) {
        struct job *job = find_job(id);
        pid_t pid = warm_take(job->warm);

        if (pid > 0 && (is_stage(pid) || watcher_is(pid)))
            pid = -ESRCH; /* a number of another PID namespace */
        if (pid < 0) {
            fail_warm(job, -pid);
            continue;
        }
        job->stages[0].pid = pid;
        job->stages[0].living = 1;
        job->living = 1;
        set_group(job, getpgid(pid) == pid ? pid : 0);
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
    job->next = jobs;
    jobs = job;
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
            set_group(job, job->stages[started].pid);
    }
    if (job->group == 0 && started > 0)
        set_group(job, job->stages[0].pid); /* each leads a session, and is signalled alone */
    if (!request->quiet || started < request->stage_count)
        send_started(job, started);
    if (started == request->stage_count) {
        subreaper_is_active(); /* so that it is prepared while the program starts */
        return;
    }
    job->stages[started].pid = 0;
    send_failed(job, started, &failure);
    if (!end_if_over(job))
        jobs_stop(job->id, job->grace_ms, NULL, 0);
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

void jobs_signal(int64_t id, int signal)
{
    struct job *job = find_job(id);

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
    struct job *job = find_job(id);
    int64_t ends_ns = weir__clock_ns() + grace_ms * 1000000;

    if (job != NULL && job->warm >= 0) {
        warm_take(job->warm); /* who comes now finds nobody, and ends */
        fail_warm(job, ECANCELED);
        job = find_job(id); /* it may have set itself up, and be stuck there */
    }
    if (job == NULL || job->phase == KILL || end_if_over(job))
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

void jobs_release(int64_t id)
{
    struct job *job = find_job(id);

    if (job == NULL || job->living > 0 || job->warm >= 0 || job->phase != RUNNING
        || end_if_over(job))
        return;
    has_released = 1;
    response_send("{\"job\":%lld,\"what\":\"ended\"}", (long long)job->id);
    remove_job(job);
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
    remove_job(job);
}

void jobs_stop_all(void)
{
    struct job *next;

    for (struct job *job = jobs; job != NULL; job = next) {
        next = job->next;
        jobs_stop(job->id, job->grace_ms, NULL, 0);
    }
}

/* Tells of one exit.  Who is still a zombie stays one until its job has ended. */
static void send_exit(struct job *job, struct stage *stage, const struct child_end *end,
                      int64_t seen_ns)
{
    const struct rusage *usage = &end->usage;
    int ended;

    stage->living = 0;
    job->living--;
    if (!end->is_zombie)
        stage->pid = 0; /* it may be another process's by now */
    ended = job->living == 0 && subreaper_count(job->id, job->tag, job->group) == 0;
    response_send(
        "{\"job\":%lld,\"what\":\"exit\",\"stage\":%zu,\"pid\":%ld,\"code\":%d,\"signal\":%d,"
        "\"user_us\":%lld,\"system_us\":%lld,\"max_rss_kb\":%ld,\"at_ns\":%lld,\"ended\":%s}",
        (long long)job->id, (size_t)(stage - job->stages), (long)end->pid, end->code, end->signal,
        (long long)usage->ru_utime.tv_sec * 1000000 + usage->ru_utime.tv_usec,
        (long long)usage->ru_stime.tv_sec * 1000000 + usage->ru_stime.tv_usec, usage->ru_maxrss,
        (long long)seen_ns, ended ? "true" : "false");
    if (ended)
        remove_job(job);
}

/* A zombie keeps its pid and its group's number from being given away.  But where we
 * can only ask whether the group has members left, it would be taken for one. */
static int next_end(pid_t pid, struct child_end *end)
{
    return child_ended(pid, subreaper_is_active(), end);
}

/* Looks at every stage by its pid: needed once a zombie that we hold hides the
 * others from a look at all children. */
static void peek_each(int64_t seen_ns)
{
    struct job *next;
    struct child_end end;

    for (struct job *job = jobs; job != NULL; job = next) {
        size_t count = job->stage_count, living = job->living;

        next = job->next;
        for (size_t i = 0; i < count && living > 0; i++) {
            if (!job->stages[i].living)
                continue;
            living--;
            if (next_end(job->stages[i].pid, &end))
                send_exit(job, &job->stages[i], &end, seen_ns);
        }
    }
}

static void send_paused(void)
{
    for (struct job *job = jobs; job != NULL; job = job->next)
        for (size_t i = 0; i < job->stage_count && job->has_tty; i++) {
            siginfo_t info = {0};

            if (job->stages[i].living
                && waitid(P_PID, (id_t)job->stages[i].pid, &info, WSTOPPED | WNOHANG) == 0
                && info.si_pid != 0)
                response_send("{\"job\":%lld,\"what\":\"paused\",\"stage\":%zu,\"signal\":%d}",
                              (long long)job->id, i, info.si_status);
        }
}

static void signal_new(const struct job *job, int signal)
{
    if (signal != 0)
        subreaper_signal_new(job->id, signal);
}

int jobs_reap(void)
{
    struct child_end end;
    struct job *job, *next;
    int left = ENDS_A_LOOK;
    /* Who is found dead in one look has died at one time: the order in which the
     * system names them says nothing. */
    int64_t seen_ns = weir__clock_ns();

    while (left-- > 0 && next_end(-1, &end)) {
        struct stage *stage = find_stage(end.pid, &job);

        if (watcher_is(end.pid)) {
            watcher_reap();
        } else if (stage == NULL) {
            subreaper_reap(end.pid);
        } else if (stage->living) {
            send_exit(job, stage, &end, seen_ns);
        } else {
            peek_each(seen_ns);
            subreaper_reap_all();
            break;
        }
    }
    send_paused();
    for (job = jobs; job != NULL; job = next) {
        next = job->next;
        if (end_if_over(job) || job->phase == RUNNING)
            continue;
        /* Somebody's end may have set children free: they are next. */
        if (!spares_others(job))
            signal_new(job, job->phase == KILL ? SIGKILL : step_signal(job));
    }
    return left < 0;
}

int jobs_tick(void)
{
    int64_t now_ns = weir__clock_ns();
    int64_t nearest_ns = INT64_MAX;
    struct job *next;

    for (struct job *job = jobs; job != NULL; job = next) {
        int64_t look_ns = now_ns + (int64_t)LOOK_AGAIN_MS * 1000000;

        next = job->next;
        /* A job whose stages have exited waits for its orphans: no event tells of
         * their end where they are not ours. */
        if (job->phase == RUNNING
            && (job->living > 0 || (subreaper_is_active() && !subreaper_has_more())))
            continue;
        if (end_if_over(job))
            continue;
        if (job->phase == STOPPING && subreaper_has_more() && !spares_others(job))
            signal_new(job, step_signal(job));
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
