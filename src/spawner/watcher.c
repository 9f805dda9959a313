#include "config.h"

#include "spawner/watcher.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#ifdef WEIR_LINUX
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process_tree.h"

#ifdef WEIR_LINUX

enum { ENTRIES = 16384 }; /* only the pages that are written to take memory */

/* What the two share. */
static struct jobs {
    int used; /* entries in use are below this one */
    struct entry {
        pid_t group;
        char tag[WEIR__JOB_TAG_SIZE]; /* "": free */
    } entries[ENTRIES];
} * jobs;

static pid_t watcher;  /* 0: not started, or killed; -1: it could not be */
static int next_entry; /* none below it is free */

static struct jobs *shared_jobs(void)
{
    void *memory;

    if (jobs != NULL)
        return jobs;
    memory = mmap(NULL, sizeof *jobs, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    jobs = memory != MAP_FAILED ? memory : NULL;
    return jobs;
}

static _Noreturn void watch(pid_t spawner)
{
    sigset_t awaited;

    prctl(PR_SET_NAME, "weir-watcher");
    setsid();
    weir__close_from(0);
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCONT);
    prctl(PR_SET_PDEATHSIG, SIGCONT); /* goes on even where it was stopped */
    while (getppid() == spawner)      /* any process may send SIGCONT */
        sigwaitinfo(&awaited, NULL);
    for (int i = 0; i < jobs->used; i++)
        if (jobs->entries[i].tag[0] != '\0')
            weir__process_tree_kill(jobs->entries[i].tag, jobs->entries[i].group);
    _exit(0);
}

int watcher_is_there(void)
{
    return watcher != 0;
}

void watcher_start(void)
{
    pid_t spawner = getpid();

    if (watcher != 0)
        return;
    watcher = shared_jobs() != NULL ? fork() : -1;
    if (watcher == 0)
        watch(spawner);
}

void watcher_stop(void)
{
    if (watcher <= 0)
        return;
    kill(watcher, SIGKILL);
    waitpid(watcher, NULL, 0);
    watcher = 0;
}

int watcher_is(pid_t pid)
{
    return pid == watcher && pid > 0;
}

void watcher_reap(void)
{
    if (watcher > 0 && waitpid(watcher, NULL, WNOHANG) == watcher)
        watcher = 0;
}

int watcher_add(const char *tag)
{
    struct jobs *all = shared_jobs();
    struct entry *entry;

    while (all != NULL && next_entry < all->used && all->entries[next_entry].tag[0] != '\0')
        next_entry++;
    if (all == NULL || next_entry == ENTRIES)
        return WATCHER_NONE;
    entry = &all->entries[next_entry];
    entry->group = 0;
    memcpy(entry->tag, tag, sizeof entry->tag);
    if (next_entry == all->used)
        all->used++;
    return next_entry++;
}

void watcher_set_group(int entry, pid_t group)
{
    if (entry != WATCHER_NONE)
        jobs->entries[entry].group = group;
}

void watcher_remove(int entry)
{
    if (entry == WATCHER_NONE)
        return;
    jobs->entries[entry].tag[0] = '\0';
    if (entry < next_entry)
        next_entry = entry;
}

#else

int watcher_is_there(void)
{
    return 1;
}

void watcher_start(void)
{
}

void watcher_stop(void)
{
}

int watcher_is(pid_t pid)
{
    (void)pid;
    return 0;
}

void watcher_reap(void)
{
}

int watcher_add(const char *tag)
{
    (void)tag;
    return WATCHER_NONE;
}

void watcher_set_group(int entry, pid_t group)
{
    (void)entry;
    (void)group;
}

void watcher_remove(int entry)
{
    (void)entry;
}

#endif
