#include "config.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "spawner/child.h"
#include "spawner/job.h"
#include "spawner/job_stop.h"
#include "spawner/job_table.h"
#include "spawner/response.h"
#include "spawner/subreaper.h"
#include "spawner/watcher.h"

enum { ENDS_A_LOOK = 1000 }; /* taken in one turn: some children fork faster than we reap */

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
        job_remove(job);
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

    for (struct job *job = jobs_first(); job != NULL; job = next) {
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
    for (struct job *job = jobs_first(); job != NULL; job = job->next)
        for (size_t i = 0; i < job->stage_count && job->has_tty; i++) {
            siginfo_t info = {0};

            if (job->stages[i].living
                && waitid(P_PID, (id_t)job->stages[i].pid, &info, WSTOPPED | WNOHANG) == 0
                && info.si_pid != 0)
                response_send("{\"job\":%lld,\"what\":\"paused\",\"stage\":%zu,\"signal\":%d}",
                              (long long)job->id, i, info.si_status);
        }
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
        struct stage *stage = job_find_stage(end.pid, &job);

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
    for (job = jobs_first(); job != NULL; job = next) {
        next = job->next;
        if (job_end_if_over(job) || job->phase == RUNNING)
            continue;
        job_signal_new(job); /* somebody's end may have set children free: they are next */
    }
    return left < 0;
}
