#include "config.h"

#include "cli/init.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

#ifdef HAVE_SIGWAITINFO
/* Reaps zombies. Exits when weir is among them. */
static void reap_zombies(pid_t weir)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == weir)
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : CLI_SIGNALED + WTERMSIG(status));
}

/* weir gets terminal signals itself, except a hangup, which only the session leader gets. */
static int is_for_weir(int number, const siginfo_t *info)
{
    return number != SIGCHLD && (info->si_code <= 0 || number == SIGHUP);
}

void init_if_first(void)
{
    sigset_t all, before;
    siginfo_t info;
    pid_t weir;
    int number;

    if (getpid() != 1)
        return;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    weir = fork();
    if (weir <= 0) { /* without a child, weir stays process 1 */
        sigprocmask(SIG_SETMASK, &before, NULL);
        return;
    }
    for (;;) {
        reap_zombies(weir);
        number = sigwaitinfo(&all, &info);
        if (number > 0 && is_for_weir(number, &info))
            kill(weir, number);
    }
}
#else
void init_if_first(void)
{
}
#endif
