#include "config.h"

#include "base/signal_names.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct name {
    int number;
    const char *text;
};

#define NAME(n)                                                                                    \
    {                                                                                              \
        n, #n                                                                                      \
    }

static const struct name signals[] = {
    NAME(SIGHUP),    NAME(SIGINT),  NAME(SIGQUIT),   NAME(SIGILL),   NAME(SIGTRAP), NAME(SIGABRT),
    NAME(SIGBUS),    NAME(SIGFPE),  NAME(SIGKILL),   NAME(SIGUSR1),  NAME(SIGSEGV), NAME(SIGUSR2),
    NAME(SIGPIPE),   NAME(SIGALRM), NAME(SIGTERM),   NAME(SIGCHLD),  NAME(SIGCONT), NAME(SIGSTOP),
    NAME(SIGTSTP),   NAME(SIGTTIN), NAME(SIGTTOU),   NAME(SIGURG),   NAME(SIGXCPU), NAME(SIGXFSZ),
    NAME(SIGPROF),   NAME(SIGSYS),  NAME(SIGVTALRM), NAME(SIGWINCH),
#ifdef SIGPOLL
    NAME(SIGPOLL),
#endif
#ifdef SIGPWR
    NAME(SIGPWR),
#endif
#ifdef SIGSTKFLT
    NAME(SIGSTKFLT),
#endif
};

static const struct name errors[] = {
    NAME(E2BIG),        NAME(EACCES),     NAME(EAGAIN),  NAME(EBADF),    NAME(EBUSY),
    NAME(EEXIST),       NAME(EFAULT),     NAME(EFBIG),   NAME(EINTR),    NAME(EINVAL),
    NAME(EIO),          NAME(EISDIR),     NAME(ELOOP),   NAME(EMFILE),   NAME(ENAMETOOLONG),
    NAME(ENFILE),       NAME(ENODEV),     NAME(ENOENT),  NAME(ENOEXEC),  NAME(ENOMEM),
    NAME(ENOSPC),       NAME(ENOSYS),     NAME(ENOTDIR), NAME(ENOTTY),   NAME(ENXIO),
    NAME(EPERM),        NAME(EPIPE),      NAME(EROFS),   NAME(ESRCH),    NAME(ETXTBSY),
    NAME(EDQUOT),       NAME(ESTALE),     NAME(EXDEV),   NAME(EMSGSIZE), NAME(EOVERFLOW),
    NAME(ETIMEDOUT),    NAME(ECONNRESET), NAME(EPROTO),  NAME(ENOTSUP),
#ifdef ELIBBAD
    NAME(ELIBBAD),
#endif
#ifdef ETOOMANYREFS
    NAME(ETOOMANYREFS),
#endif
};

static const char *find(const struct name *names, size_t count, int number)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].number == number)
            return names[i].text;
    return NULL;
}

const char *weir__signal_name(int number)
{
    static _Thread_local char made[24];
    const char *known = find(signals, sizeof signals / sizeof signals[0], number);

    if (known != NULL)
        return known;
#ifdef SIGRTMIN
    if (number >= SIGRTMIN && number <= SIGRTMAX) {
        snprintf(made, sizeof made, "SIGRTMIN+%d", number - SIGRTMIN);
        return made;
    }
#endif
    snprintf(made, sizeof made, "SIG%d", number);
    return made;
}

int weir__signal_find(const char *name)
{
    const char *bare = strncmp(name, "SIG", 3) == 0 ? name + 3 : name;
    int number = 0;

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (strcmp(signals[i].text + 3, bare) == 0)
            return signals[i].number;
    for (const char *at = name; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || number >= NSIG)
            return -1;
        number = number * 10 + (*at - '0');
    }
    return number > 0 && number < NSIG ? number : -1;
}

const char *weir__errno_name(int number)
{
    static _Thread_local char made[16];
    const char *known = find(errors, sizeof errors / sizeof errors[0], number);

    if (known != NULL)
        return known;
    snprintf(made, sizeof made, "E%d", number);
    return made;
}
