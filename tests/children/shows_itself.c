/* Prints what it was started with, one fact a line:
 *
 *   fds: 0 1 2            blocked:            ignored: 1
 *   leads: 1              nice: 0             cwd: /tmp
 *   limits: cpu=5 memory=- ...                NAME=VALUE for each argument NAME
 *   umask: 022            parent: 4711        arg0: shows_itself
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void show_fds(void)
{
    int open_fds[4096], count = 0;
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL && count < 4096)
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
            open_fds[count++] = atoi(entry->d_name);
    printf("fds:");
    for (int i = 0; i < count; i++)
        printf(" %d", open_fds[i]);
    printf("\n");
    closedir(dir);
}

static void show_signals(void)
{
    struct sigaction action;
    sigset_t blocked;

    sigprocmask(SIG_SETMASK, NULL, &blocked);
    printf("blocked:");
    for (int number = 1; number < NSIG; number++)
        if (sigismember(&blocked, number) == 1)
            printf(" %d", number);
    printf("\nignored:");
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            printf(" %d", number);
    printf("\n");
}

static void show_limits(void)
{
    static const struct {
        const char *name;
        int resource;
    } limits[] = {
        {"cpu", RLIMIT_CPU},         {"memory", RLIMIT_AS},       {"files", RLIMIT_NOFILE},
        {"file-size", RLIMIT_FSIZE}, {"processes", RLIMIT_NPROC}, {"core", RLIMIT_CORE},
    };

    printf("limits:");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rlimit limit;

        getrlimit(limits[i].resource, &limit);
        if (limit.rlim_cur == RLIM_INFINITY)
            printf(" %s=-", limits[i].name);
        else
            printf(" %s=%llu", limits[i].name, (unsigned long long)limit.rlim_cur);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    char cwd[4096];
    mode_t mask = umask(0);

    umask(mask);
    show_fds();
    show_signals();
    show_limits();
    errno = 0;
    printf("leads: %d\nnice: %d\ncwd: %s\numask: %03o\nparent: %ld\narg0: %s\n",
           getpgrp() == getpid(), nice(0), getcwd(cwd, sizeof cwd), (unsigned)mask, (long)getppid(),
           argv[0]);
    for (int i = 1; i < argc; i++)
        printf("%s=%s\n", argv[i], getenv(argv[i]) != NULL ? getenv(argv[i]) : "(unset)");
    return 0;
}
