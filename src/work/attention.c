#include "config.h"

#include "work/attention.h"

#ifdef WEIR_LINUX

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/procfs.h"

enum {
    MOST_PROCESSES = 32,
    MOST_THREADS = 256,
    CHILDREN_SIZE = 1024,
};

struct look {
    pid_t pids[MOST_PROCESSES]; /* to check; those before next are done */
    size_t next, count, threads;
    int reads, idles, polls, sleeps, works, runs, is_cut; /* what threads were seen to do */
};

static const long polls[] = {
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_select
    SYS_select,
#endif
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
#ifdef SYS_io_uring_enter
    SYS_io_uring_enter,
#endif
    SYS_ppoll,          SYS_pselect6, SYS_readv, SYS_splice, SYS_restart_syscall,
};

/* In these a thread waits for another thread or process, which is checked, too. */
static const long waits[] = {
    SYS_futex, SYS_wait4, SYS_waitid, SYS_rt_sigtimedwait, SYS_rt_sigsuspend,
};

static const long sleeps[] = {
#ifdef SYS_nanosleep
    SYS_nanosleep,
#endif
    SYS_clock_nanosleep,
};

static int is_one_of(const long *numbers, size_t count, long number)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return 1;
    return 0;
}

/* "running", "-1 SP PC" outside of a system call, otherwise "NUMBER ARGUMENT..." */
static void note_call(struct look *look, const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (end == text || number < 0)
        look->runs = 1;
    else if (number == SYS_read && strtoull(end, NULL, 16) == 0)
        look->reads = 1;
    else if (number == SYS_epoll_pwait)
        look->idles = 1;
    else if (is_one_of(sleeps, sizeof sleeps / sizeof sleeps[0], number))
        look->sleeps = 1;
    else if (is_one_of(polls, sizeof polls / sizeof polls[0], number))
        look->polls = 1;
    else if (!is_one_of(waits, sizeof waits / sizeof waits[0], number))
        look->works = 1;
}

static void note_children(struct look *look, const char *text)
{
    char *end;

    for (long pid; (pid = strtol(text, &end, 10)) > 0; text = end) {
        if (look->count == MOST_PROCESSES) {
            look->is_cut = 1;
            return;
        }
        look->pids[look->count++] = (pid_t)pid;
    }
}

static void look_at_thread(struct look *look, pid_t pid, const char *thread)
{
    char name[48], text[CHILDREN_SIZE];
    ssize_t length;

    if (look->threads++ >= MOST_THREADS) {
        look->is_cut = 1;
        return;
    }
    snprintf(name, sizeof name, "task/%.20s/syscall", thread);
    if (weir__proc_read(pid, name, text, sizeof text) > 0)
        note_call(look, text);
    else
        look->is_cut = 1; /* no permission, or gone */
    snprintf(name, sizeof name, "task/%.20s/children", thread);
    length = weir__proc_read(pid, name, text, sizeof text);
    if (length < 0 || (size_t)length >= sizeof text - 1)
        look->is_cut = 1;
    else
        note_children(look, text);
}

static void look_at_process(struct look *look, pid_t pid)
{
    DIR *threads = weir__proc_list_of(pid, "task");
    const struct dirent *entry;

    if (threads == NULL) {
        look->is_cut = 1;
        return;
    }
    while ((entry = readdir(threads)) != NULL)
        if (entry->d_name[0] != '.')
            look_at_thread(look, pid, entry->d_name);
    closedir(threads);
}

enum weir__attention weir__attention_of(pid_t pid)
{
    struct look look = {.pids = {pid}, .count = pid > 0};

    while (look.next < look.count)
        look_at_process(&look, look.pids[look.next++]);
    if (look.runs)
        return WEIR__BUSY;
    if (look.is_cut || look.polls)
        return WEIR__UNSURE;
    /* Besides a thread that reads, Go's runtime has others that sleep or poll. */
    if (look.reads)
        return look.works ? WEIR__UNSURE : WEIR__WAITING;
    if (look.idles)
        return WEIR__UNSURE;
    return look.works || look.sleeps ? WEIR__BUSY : WEIR__UNSURE;
}

#else

enum weir__attention weir__attention_of(pid_t pid)
{
    (void)pid;
    return WEIR__UNSURE;
}

#endif
