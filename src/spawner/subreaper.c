#include "config.h"

#include "spawner/subreaper.h"

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

#include "base/procfs.h"
#include "base/process_tree.h"
#include "spawner/watcher.h"

enum {
    BUCKETS = 1024,
    READS_A_LOOK = 200, /* environments read in one look at our children */
    PAGES_A_LOOK = 32,  /* of 4 KiB, of the list of our children: some 20,000 of them */
    ROUNDS_A_LOOK = 4,  /* of reaping, and of finding what that has orphaned */
    LOOKS_AT_MOST = 4,  /* at an environment that cannot be read: it may be in execve(2) */
};

/* The reads of one look are limited: the rest is for the next look, and an orphan whose job cannot
 * be found is remembered as such. */
struct orphan {
    struct orphan *next_in_bucket, *next, **link;
    pid_t pid;
    int64_t job; /* 0: not known */
    int signaled;
    int looks;    /* at its environment, in vain */
    int is_dying; /* has no environment any more */
};

static int adopts;           /* we are a subreaper, and the list can be opened */
static int children_fd = -1; /* /proc/thread-self/children; -1: not open yet */
static struct orphan *buckets[BUCKETS], *orphans;
static size_t orphan_count;
static int reads_left, has_more;
static int (*is_stage)(pid_t pid);
static int64_t (*find_owner)(const char *tags, pid_t group);

void subreaper_init(int (*is_stage_of_job)(pid_t pid),
                    int64_t (*find_owner_of)(const char *tags, pid_t group))
{
    is_stage = is_stage_of_job;
    find_owner = find_owner_of;
#ifdef WEIR_LINUX
    adopts = prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
#endif
}

/* The first program is started before the list is opened: nobody is adopted until one has ended. */
int subreaper_is_active(void)
{
    if (adopts && children_fd < 0) {
        children_fd = weir__proc_open(WEIR__PROC_THIS_THREAD, "children");
        /* Else it is tried again: no descriptor, or no memory. */
        adopts = children_fd >= 0 || errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    }
    return children_fd >= 0;
}

int subreaper_has_more(void)
{
    return has_more;
}

static struct orphan **find_orphan(pid_t pid)
{
    struct orphan **place = &buckets[(unsigned)pid % BUCKETS];

    while (*place != NULL && (*place)->pid != pid)
        place = &(*place)->next_in_bucket;
    return place;
}

static struct orphan *add_orphan(struct orphan **place, pid_t pid)
{
    struct orphan *orphan = calloc(1, sizeof *orphan);

    if (orphan == NULL)
        return NULL;
    orphan->pid = pid;
    orphan->next = orphans;
    orphan->link = &orphans;
    if (orphans != NULL)
        orphans->link = &orphan->next;
    orphans = *place = orphan;
    orphan_count++;
    return orphan;
}

void subreaper_forget(pid_t pid)
{
    struct orphan **place = find_orphan(pid), *gone = *place;

    if (gone == NULL)
        return;
    *place = gone->next_in_bucket;
    *gone->link = gone->next;
    if (gone->next != NULL)
        gone->next->link = gone->link;
    free(gone);
    orphan_count--;
}

/* The job of an orphan, by its tag or its group.  One that has neither belongs to the only job, if
 * there is just one: then nothing need be read. */
static int64_t owner_of(struct orphan *orphan)
{
    int64_t job = find_owner(NULL, 0);
    struct weir__process_stat stat;
    char tags[WEIR__JOB_TAGS_SIZE];
    pid_t group;
    int told = -1;

    if (job != 0)
        return job;
    if (orphan->looks < LOOKS_AT_MOST && !orphan->is_dying) {
        reads_left--;
        told = weir__process_tags(orphan->pid, tags);
        orphan->looks = told >= 0 ? LOOKS_AT_MOST : orphan->looks + 1;
        orphan->is_dying =
            told < 0 && weir__process_stat(orphan->pid, &stat) == 0 && stat.memory == 0;
        job = told == 1 ? find_owner(tags, 0) : 0;
    }
    group = getpgid(orphan->pid);
    return job != 0 || group <= 0 ? job : find_owner(NULL, group);
}

static void note_child(pid_t pid)
{
    struct orphan **place = find_orphan(pid), *orphan = *place;

    if (orphan == NULL) {
        if (is_stage(pid) || watcher_is(pid))
            return;
        orphan = reads_left > 0 ? add_orphan(place, pid) : NULL;
        has_more |= orphan == NULL;
    }
    if (orphan != NULL && orphan->job == 0)
        orphan->job = owner_of(orphan);
}

/* Reads the list of our children: "12 13 14 ".  A read gives a page of it at most, and
 * may cut a number in two: the number is carried over. */
static void refresh(void)
{
    char text[4096];
    off_t at = 0;
    ssize_t count = 0;
    pid_t pid = 0;
    int pages = 0;

    reads_left = READS_A_LOOK;
    has_more = 0;
    while (pages < PAGES_A_LOOK && (count = pread(children_fd, text, sizeof text, at)) > 0) {
        pages++;
        at += count;
        for (ssize_t i = 0; i < count; i++) {
            if (isdigit((unsigned char)text[i])) {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid > 0) {
                note_child(pid);
                pid = 0;
            }
        }
        if (count < (ssize_t)sizeof text - 16)
            break; /* another number would have found room */
    }
    has_more |= pages == PAGES_A_LOOK;
}

void subreaper_reap(pid_t pid)
{
    if (waitpid(pid, NULL, WNOHANG) == pid || errno == ECHILD)
        subreaper_forget(pid);
}

void subreaper_reap_all(void)
{
    struct orphan *next;
    size_t before;
    int rounds = 0;

    /* One that ended after the list was read has set free children that are
     * not in it. */
    do {
        if (subreaper_is_active())
            refresh();
        before = orphan_count;
        for (struct orphan *orphan = orphans; orphan != NULL; orphan = next) {
            next = orphan->next;
            errno = 0;
            subreaper_reap(orphan->pid);
        }
    } while (orphan_count < before && ++rounds < ROUNDS_A_LOOK);
    has_more |= orphan_count < before;
}

int subreaper_count(int64_t job, const char *tag, pid_t group)
{
    int count = 0;

    if (!subreaper_is_active()) {
        count = weir__process_tree_signal(tag, group, 0);
        return count >= 0 ? count : 0;
    }
    subreaper_reap_all();
    /* One that is dying may still have children: it counts for every job until SIGCHLD comes for
     * it. */
    for (const struct orphan *orphan = orphans; orphan != NULL; orphan = orphan->next)
        count += orphan->job == job || (orphan->job == 0 && orphan->is_dying);
    return count + has_more;
}

size_t subreaper_list(int64_t job, pid_t *pids, size_t room)
{
    size_t count = 0;

    for (struct orphan *orphan = orphans; orphan != NULL && count < room; orphan = orphan->next)
        if (orphan->job == job)
            pids[count++] = orphan->pid;
    return count;
}

int subreaper_signal(int64_t job, const char *tag, pid_t group, int signal)
{
    int refused = 0;

    if (!subreaper_is_active()) {
        weir__process_tree_signal(tag, group, signal);
        return 0;
    }
    refresh();
    for (struct orphan *orphan = orphans; orphan != NULL; orphan = orphan->next) {
        if (orphan->job != job)
            continue;
        if (signal != SIGCONT)
            orphan->signaled = signal;
        if (getpgid(orphan->pid) != group) /* else the group's signal reached it */
            kill(orphan->pid, signal);
        refused |= kill(orphan->pid, 0) < 0 && errno == EPERM;
    }
    return refused;
}

void subreaper_signal_new(int64_t job, int signal)
{
    if (!subreaper_is_active())
        return;
    refresh();
    for (struct orphan *orphan = orphans; orphan != NULL; orphan = orphan->next)
        if (orphan->job == job && orphan->signaled != signal) {
            orphan->signaled = signal;
            kill(orphan->pid, signal);
            if (signal != SIGKILL)
                kill(orphan->pid, SIGCONT); /* who is stopped is woken to heed it */
        }
}
