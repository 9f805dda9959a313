#include "config.h"

#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"

/* Every signal that ends a process by default, except those for its own faults. weir's own writes
 * raise no SIGPIPE, so one that arrives was sent by a process. */
static const int enders[] = {
    SIGINT,    SIGTERM,   SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
    SIGALRM,   SIGVTALRM, SIGPROF, SIGXCPU, SIGPIPE,
#ifdef SIGIO
    SIGIO,
#endif
#ifdef SIGPWR
    SIGPWR,
#endif
#ifdef SIGSTKFLT
    SIGSTKFLT,
#endif
};
static const int stoppers[] = {SIGTSTP, SIGTTIN, SIGTTOU};

/* Static, for the handler. */
static int pipe_fds[2] = {-1, -1};
static volatile sig_atomic_t continued;

static void on_signal(int number, siginfo_t *info, void *context)
{
    /* si_code is SI_USER, SI_QUEUE... (<= 0) for what a process sent. */
    const char bytes[2] = {(char)number, info != NULL && info->si_code > 0};
    int saved_errno = errno;

    (void)context;
    if (number == SIGCONT)
        continued = 1;
    else
        (void)!write(pipe_fds[FD_WRITE_END], bytes,
                     sizeof bytes); /* full: signals are already pending */
    errno = saved_errno;
}

/* One that is ignored stays so: if it is blocked meanwhile, it is not even caught for a moment. */
static void catch_signal(int number)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction before;

    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, &before) == 0 && before.sa_handler == SIG_IGN)
        sigaction(number, &before, NULL);
}

static void set_default(int number)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t one;

    sigaction(number, &action, NULL);
    sigemptyset(&one);
    sigaddset(&one, number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
}

int signals_catch(void)
{
    sigset_t all, before;

    if (pipe_fds[FD_READ_END] >= 0)
        return 0; /* done */
    if (weir__pipe(pipe_fds, NULL) < 0)
        return errno;
    weir__fd_set_nonblocking(pipe_fds[FD_READ_END]);
    weir__fd_set_nonblocking(pipe_fds[FD_WRITE_END]);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    for (size_t i = 0; i < sizeof enders / sizeof enders[0]; i++) {
        catch_signal(enders[i]);
        sigdelset(&before, enders[i]); /* the parent may have blocked it by mistake */
    }
#ifdef SIGRTMIN
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        catch_signal(number);
#endif
    for (size_t i = 0; i < sizeof stoppers / sizeof stoppers[0]; i++)
        catch_signal(stoppers[i]);
    catch_signal(SIGCONT);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return 0;
}

void signals_catch_window(void)
{
    catch_signal(SIGWINCH);
}

int signals_fd(void)
{
    return pipe_fds[FD_READ_END];
}

int signals_take(struct caught *caught)
{
    char bytes[2];

    if (pipe_fds[FD_READ_END] < 0)
        return 0;
    if (read(pipe_fds[FD_READ_END], bytes, sizeof bytes) != sizeof bytes)
        return 0;
    caught->number = bytes[0];
    caught->by_kernel = bytes[1];
    return 1;
}

void signals_put_back(const struct caught *caught)
{
    const char bytes[2] = {(char)caught->number, (char)caught->by_kernel};

    (void)!write(pipe_fds[FD_WRITE_END], bytes, sizeof bytes); /* there is room: it was taken out */
}

int signals_stop(int number)
{
    struct sigaction before;

    sigaction(number, NULL, &before);
    if (before.sa_handler == SIG_IGN) /* the parent of weir ignores stops */
        return 0;
    continued = 0;
    set_default(number);
    kill(0, number); /* the process stops here */
    catch_signal(number);
    return continued;
}

void signals_die(int number)
{
    set_default(number);
    raise(number);
    _exit(128 + number);
}

void signals_hold_ttou(int hold)
{
    sigset_t one;

    sigemptyset(&one);
    sigaddset(&one, SIGTTOU);
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &one, NULL);
}
