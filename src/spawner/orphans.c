#include "config.h"

#include "spawner/orphans.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#ifdef WEIR_LINUX
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include "base/strays.h"
#include "spawner/watcher.h"

struct orphan {
    pid_t pid;
    int64_t job; /* 0: not told apart yet */
    int signaled;
};

static int children_fd = -1; /* /proc/thread-self/children, where we are a subreaper */
static struct orphan *orphans;
static size_t orphan_count, orphan_room;

void orphans_init(void)
{
#ifdef WEIR_LINUX
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) == 0)
        children_fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
#endif
}

int orphans_are_told(void)
{
    return children_fd >= 0;
}

static struct orphan *find(pid_t pid)
{
    for (size_t i = 0; i < orphan_count; i++)
        if (orphans[i].pid == pid)
            return &orphans[i];
    return NULL;
}

static void note(pid_t pid)
{
    struct orphan *known = find(pid);

    if (known != NULL) {
        if (known->job == 0)
            known->job = jobs_owner_of(pid);
        return;
    }
    if (jobs_is_stage(pid) || watcher_is(pid))
        return;
    if (orphan_count == orphan_room) {
        orphan_room = orphan_room * 2 + 16;
        orphans = realloc(orphans, orphan_room * sizeof *orphans);
        if (orphans == NULL)
            abort();
    }
    orphans[orphan_count++] = (struct orphan){.pid = pid, .job = jobs_owner_of(pid)};
}

/* Reads the list of our children: "12 13 14 ".  A list longer than the buffer
 * is read in pieces that may cut a number in two: the number is carried over. */
static void refresh(void)
{
    char text[4096];
    off_t offset = 0;
    ssize_t count;
    pid_t pid = 0;

    while ((count = pread(children_fd, text, sizeof text, offset)) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            if (isdigit((unsigned char)text[i])) {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid > 0) {
                note(pid);
                pid = 0;
            }
        }
        if (count < (ssize_t)sizeof text)
            break; /* the file gives all that fits */
        offset += count;
    }
}

static void forget(pid_t pid)
{
    struct orphan *gone = find(pid);

    if (gone != NULL)
        *gone = orphans[--orphan_count];
}

void orphans_reap(pid_t pid)
{
    if (waitpid(pid, NULL, WNOHANG) == pid)
        forget(pid);
}

void orphans_reap_all(void)
{
    size_t before;

    /* One that ended after the list was read has set free children that are
     * not in it. */
    do {
        if (children_fd >= 0)
            refresh();
        before = orphan_count;
        for (size_t i = orphan_count; i-- > 0;)
            orphans_reap(orphans[i].pid);
    } while (orphan_count < before);
}

/* Whether an orphan may be this job's.  One on its way out has no environment
 * any more to tell by, and children perhaps that it has yet to set free: it may
 * be anybody's until it is gone, which SIGCHLD tells. */
static int may_be_of(const struct orphan *orphan, int64_t job)
{
    struct weir__process_stat stat;

    if (orphan->job != 0)
        return orphan->job == job;
    return weir__process_stat(orphan->pid, &stat) == 0 && stat.memory == 0;
}

int orphans_count(int64_t job, const char *cookie, pid_t group)
{
    int count = 0;

    if (children_fd < 0) {
        count = weir__strays_signal(cookie, group, 0);
        return count >= 0 ? count : 0;
    }
    orphans_reap_all();
    for (size_t i = 0; i < orphan_count; i++)
        count += may_be_of(&orphans[i], job);
    return count;
}

void orphans_signal(int64_t job, const char *cookie, pid_t group, int signal)
{
    struct weir__process_stat stat;

    if (children_fd < 0) {
        weir__strays_signal(cookie, group, signal);
        return;
    }
    refresh();
    for (size_t i = 0; i < orphan_count; i++) {
        if (orphans[i].job != job)
            continue;
        if (signal != SIGCONT)
            orphans[i].signaled = signal;
        if (weir__process_stat(orphans[i].pid, &stat) == 0 && stat.group == group)
            continue; /* the group's signal reached it */
        kill(orphans[i].pid, signal);
    }
}

void orphans_signal_new(int64_t job, int signal)
{
    if (children_fd < 0)
        return;
    refresh();
    for (size_t i = 0; i < orphan_count; i++)
        if (orphans[i].job == job && orphans[i].signaled != signal) {
            orphans[i].signaled = signal;
            kill(orphans[i].pid, signal);
            if (signal != SIGKILL)
                kill(orphans[i].pid, SIGCONT); /* who is stopped is woken to heed it */
        }
}
