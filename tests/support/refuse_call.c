/* refuse_call ERRNO CALL COMMAND...: executes COMMAND in a sandbox (seccomp) in which the system
 * call of this name answers ERRNO, a number.  Exits with 77 where that cannot be. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define CALL(name)                                                                                 \
    {                                                                                              \
#name, SYS_##name                                                                          \
    }

static const struct {
    const char *name;
    long number;
} calls[] = {
    CALL(accept4),
#ifdef SYS_chmod
    CALL(chmod),
#endif
#ifdef SYS_clone3
    CALL(clone3),
#endif
#ifdef SYS_close_range
    CALL(close_range),
#endif
    CALL(epoll_create1),   CALL(eventfd2),          CALL(getrandom), CALL(memfd_create),
#ifdef SYS_pidfd_open
    CALL(pidfd_open),      CALL(pidfd_send_signal),
#endif
    CALL(prctl),           CALL(pwritev2),          CALL(splice),    CALL(timerfd_create),
    CALL(timerfd_settime),
#ifdef SYS_vfork
    CALL(vfork),
#endif
    CALL(waitid),
};

int main(int argc, char **argv)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    size_t at = 0;

    if (argc < 4)
        return 77;
    while (at < sizeof calls / sizeof calls[0] && strcmp(calls[at].name, argv[2]) != 0)
        at++;
    if (at == sizeof calls / sizeof calls[0]) {
        fprintf(stderr, "refuse_call: no call %s here\n", argv[2]);
        return 77;
    }
    filter[1].k = (unsigned)calls[at].number;
    filter[2].k |= (unsigned)atoi(argv[1]);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
        || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        perror("refuse_call: prctl");
        return 77;
    }
    execvp(argv[3], argv + 3);
    perror(argv[3]);
    return 77;
}
#else
int main(void)
{
    return 77;
}
#endif
