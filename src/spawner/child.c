#include "config.h"

#include "spawner/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pipeline.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#ifdef WEIR_LINUX
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include "base/facility.h"
#include "base/fd.h"
#include "spawner/passed.h"

/* vfork(2) keeps the cost of a start away from the spawner's size and gives the
 * child the processor at once.  The child below changes nothing of the spawner's
 * memory but its own stack and the failure it reports.  Sanitizers cannot follow
 * vfork. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || !defined WEIR_LINUX
#define MAY_VFORK 0
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)                            \
    || __has_feature(memory_sanitizer)
#define MAY_VFORK 0
#else
#define MAY_VFORK 1
#endif
#else
#define MAY_VFORK 1
#endif

/* What the child side knows. */
struct errand {
    const struct child_plan *plan;
    pid_t spawner;
    int report; /* the close-on-exec pipe to the spawner; -1: it has our memory */
    struct child_failure *failure;
    int has_failed; /* told through memory */
    int was_here;   /* the child has stored this, too */
    const struct passed_move *moves;
    size_t move_count;
};

/* Runs in the child: reports what failed to the spawner and ends the child. */
static _Noreturn void give_up(struct errand *errand, const char *step, int error,
                              const char *detail)
{
    struct child_failure *failure = errand->failure;

    *failure = (struct child_failure){.error = error};
    strcpy(failure->step, step);
    if (detail != NULL)
        snprintf(failure->detail, sizeof failure->detail, "%s", detail);
    errand->has_failed = 1;
    while (errand->report >= 0 && write(errand->report, failure, sizeof *failure) < 0
           && errno == EINTR)
        continue;
    _exit(127);
}

/* execve(2) says ENOENT for a missing file and for a missing "#!" interpreter
 * alike.  Reads which one it is: 1 with the interpreter's name, or 0. */
static int missing_interpreter(const char *path, char *name, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* it may have become a FIFO */
    char line[256], *start, *end;
    ssize_t count;

    if (fd < 0)
        return 0;
    count = read(fd, line, sizeof line - 1);
    close(fd);
    if (count < 2 || line[0] != '#' || line[1] != '!')
        return 0;
    line[count] = '\0';
    start = line + 2 + strspn(line + 2, " \t");
    end = start + strcspn(start, " \t\r\n");
    /* To the kernel a CR is part of the name: it is shown, or the name would look right. */
    snprintf(name, size, "%.*s%s", (int)(end - start), start, *end == '\r' ? "\\r" : "");
    return 1;
}

static const char *path_of(char **envp)
{
    for (; *envp != NULL; envp++)
        if (strncmp(*envp, "PATH=", 5) == 0)
            return *envp + 5;
    return "/bin:/usr/bin"; /* as execvp(3) */
}

/* libpipeline's pre-exec hook, called when nice and the rest are done.  It
 * executes the program itself: libpipeline would call execvp(3), which hands a
 * file without "#!" to /bin/sh and leaves no word of what failed. */
static void execute(void *data)
{
    struct errand *errand = data;
    const struct request_stage *stage = errand->plan->stage;
    char *const *argv = stage->argv;
    const char *program = stage->program != NULL ? stage->program : argv[0];
    char **envp = errand->plan->envp;
    char interpreter[200] = "", path[PATH_MAX];
    const char *dir, *next;
    int error = ENOENT;

    if (strchr(program, '/') != NULL || program[0] == '\0') {
        execve(program, argv, envp);
        error = errno;
        if (error == ENOENT)
            missing_interpreter(program, interpreter, sizeof interpreter);
        give_up(errand, "exec", error, interpreter);
    }
    for (dir = path_of(envp); dir != NULL; dir = next != NULL ? next + 1 : NULL) {
        int length;

        next = strchr(dir, ':');
        length = next != NULL ? (int)(next - dir) : (int)strlen(dir);
        if ((size_t)snprintf(path, sizeof path, "%.*s%s%s", length, dir, length > 0 ? "/" : "",
                             program)
            >= sizeof path)
            continue;
        execve(path, argv, envp);
        switch (errno) {
        case EACCES:
            error = EACCES; /* said if nothing better turns up */
            break;
        case ENOENT:
            if (interpreter[0] == '\0')
                missing_interpreter(path, interpreter, sizeof interpreter);
            break;
        case ENOTDIR:
        case ELOOP:
        case ENAMETOOLONG:
        case ESTALE:
        case ENODEV:
        case ETIMEDOUT:
            break;
        default:
            give_up(errand, "exec", errno, NULL);
        }
    }
    give_up(errand, "exec", error, error == ENOENT ? interpreter : NULL);
}

/* Says which limit, what was asked, and how far we might go. */
static _Noreturn void refuse_limit(struct errand *errand, int resource, const struct rlimit *asked)
{
    int error = errno;
    struct rlimit ours = {0};
    char detail[80];

    getrlimit(resource, &ours);
    snprintf(detail, sizeof detail, "%d %llu %llu", resource, (unsigned long long)asked->rlim_cur,
             (unsigned long long)ours.rlim_max);
    give_up(errand, "limit", error, detail);
}

/* Who is given no terminal has none: in the background it would be stopped for using
 * /dev/tty, and no process could give it the foreground. */
static void leave_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return;
    ioctl(fd, TIOCNOTTY); /* for this process alone, which leads no session */
    close(fd);
}

int child_has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Opens the child's side of a pseudo-terminal, of which stdin is the master.  Nobody else ever has
 * it open: the last output of a program stays to be read only if none holds it when it exits. */
static int open_terminal(int master)
{
    char name[64];
    int fd = -1;

#ifdef TIOCGPTPEER
    fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
#endif
    if (fd < 0 && ptsname_r(master, name, sizeof name) == 0)
        fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return fd;
}

static int place_stdio(const struct child_plan *plan)
{
    int terminal = plan->stage->pty ? open_terminal(plan->stdio[0]) : -1;

    if (plan->stage->pty && (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) < 0))
        return -1;
    for (int i = 0; i < 3; i++) {
        int fd = terminal >= 0 ? terminal : plan->stdio[i];

        if (fd >= 0 && dup2(fd, i) < 0)
            return -1;
    }
    return 0;
}

/* For a descriptor that was opened before the limit of open files was lowered. */
static int place_above_limit(const struct passed_move *move)
{
    struct rlimit ours, more;
    int placed;

    if (getrlimit(RLIMIT_NOFILE, &ours) < 0 || (rlim_t)move->to < ours.rlim_cur)
        return -1;
    more.rlim_cur = (rlim_t)move->to + 1;
    more.rlim_max = more.rlim_cur > ours.rlim_max ? more.rlim_cur : ours.rlim_max;
    placed = setrlimit(RLIMIT_NOFILE, &more) == 0 ? dup2(move->from, move->to) : -1;
    setrlimit(RLIMIT_NOFILE, &ours);
    if (placed < 0)
        errno = EMFILE;
    return placed;
}

static _Noreturn void refuse_descriptor(struct errand *errand, int number)
{
    int error = errno;
    char detail[120] = "";

    if (error == EMFILE)
        snprintf(detail, sizeof detail,
                 "descriptor %d is above the hard limit of open files: close it, or pass none "
                 "(--close-fds)",
                 number);
    give_up(errand, "setup", error, detail);
}

static int place(const struct passed_move *move)
{
    int placed;

    if (move->from == move->to)
        return fcntl(move->to, F_SETFD, 0);
    placed = dup2(move->from, move->to);
    return placed < 0 && errno == EBADF ? place_above_limit(move) : placed;
}

/* The child's way from fork to exec.  Every signal is blocked, as in the spawner. */
static _Noreturn void be_child(struct errand *errand, pipecmd *command)
{
    const struct child_plan *plan = errand->plan;
    sigset_t none;

    errand->was_here = 1;
#ifdef WEIR_LINUX
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != errand->spawner)
        _exit(127);
#endif
    if ((plan->stage->session ? setsid() : setpgid(0, plan->group)) < 0)
        give_up(errand, "setup", errno, NULL);
    if (plan->leaves_tty)
        leave_terminal();
    if (plan->tty >= 0 && plan->tty_group > 0 && tcgetpgrp(plan->tty) == plan->tty_group)
        tcsetpgrp(plan->tty, getpgrp()); /* it may be no terminal of ours: then nothing */
    if (place_stdio(plan) < 0)
        give_up(errand, "setup", errno, NULL);
    if (plan->stage->umask >= 0)
        umask((mode_t)plan->stage->umask);
    /* Not pipecmd_fchdir(): it ends the child with a status of its own. */
    if (plan->cwd >= 0 && fchdir(plan->cwd) < 0)
        give_up(errand, "chdir", errno, NULL);
    /* From here on only the report is still needed of what the spawner has open. */
    for (size_t i = 0; i < errand->move_count; i++)
        if (place(&errand->moves[i]) < 0)
            refuse_descriptor(errand, errand->moves[i].to);
    for (size_t i = 0; i < plan->host_limit_count; i++)
        if (setrlimit(plan->host_limits[i].resource, &plan->host_limits[i].both) < 0)
            refuse_limit(errand, plan->host_limits[i].resource, &plan->host_limits[i].both);
    for (size_t i = 0; i < plan->stage->limit_count; i++) {
        const struct request_limit *limit = &plan->stage->limits[i];
        struct rlimit both = {.rlim_cur = limit->value, .rlim_max = limit->value};

        /* SIGXCPU comes at the soft limit, SIGKILL at the hard one: a second
         * between them leaves time to read the first. */
        if (limit->resource == RLIMIT_CPU)
            both.rlim_max++;
        if (setrlimit(limit->resource, &both) < 0)
            refuse_limit(errand, limit->resource, &both);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    pipecmd_exec(command);
    _exit(127); /* the hook does not return */
}

static pipecmd *make_command(const struct request_stage *stage, struct errand *errand)
{
    pipecmd *command = pipecmd_new(stage->argv[0]);

    for (size_t i = 1; stage->argv[i] != NULL; i++)
        pipecmd_arg(command, stage->argv[i]);
    pipecmd_nice(command, stage->nice);
    pipecmd_pre_exec(command, execute, NULL, errand);
    return command;
}

/* A child with memory of its own reports through a pipe, and so does one whose descriptors
 * are moved: that takes a spare number.  Returns 0, or an errno. */
static int open_report(struct errand *errand, int report[2])
{
    int failed = 0;

    if (weir__pipe(report, NULL) < 0)
        return errno;
    failed = passed_keep_off(&report[FD_READ_END]);
    if (failed == 0)
        failed = passed_keep_off(&report[FD_WRITE_END]);
    if (failed == 0) /* the child has no use for the read end: its number is spare */
        failed = passed_moves(errand->plan->job, report[FD_READ_END], &errand->moves,
                              &errand->move_count);
    errand->report = report[FD_WRITE_END];
    return failed;
}

/* Reads what the child reports, or waits until it has executed its program. */
static int read_failure(struct errand *errand, int report)
{
    ssize_t count;

    do
        count = read(report, errand->failure, sizeof *errand->failure);
    while (count < 0 && errno == EINTR);
    return count > 0;
}

pid_t child_start(const struct child_plan *plan, struct child_failure *failure)
{
    static int shares_memory; /* a vfork has been seen to do so: valgrind and qemu make it a fork */
    struct errand errand = {.plan = plan, .spawner = getpid(), .report = -1, .failure = failure};
    int report[2] = {-1, -1};
    pipecmd *command = NULL;
    pid_t pid = -1;
    int by_vfork = MAY_VFORK && weir__facility_works(WEIR__VFORK);

    *failure = (struct child_failure){.step = "setup"};
    if (plan->envp == NULL) {
        failure->error = ENOMEM;
        return -1;
    }
    if (!by_vfork || !shares_memory || passed_any(plan->job))
        failure->error = open_report(&errand, report);
    if (failure->error != 0)
        goto done;
    command = make_command(plan->stage, &errand);
    /* Here, and in no function of its own: the child must not return from where vfork was. */
#if MAY_VFORK
    pid = by_vfork ? vfork() : fork();
#else
    pid = fork();
#endif
    if (pid < 0 && by_vfork) {
        weir__facility_failed(WEIR__VFORK, errno);
        by_vfork = 0;
        failure->error = report[FD_WRITE_END] < 0 ? open_report(&errand, report) : 0;
        if (failure->error != 0)
            goto done;
        pid = fork();
    }
    if (pid == 0)
        be_child(&errand, command);
    if (pid < 0)
        failure->error = errno;
    weir__close(&report[FD_WRITE_END]);
    if (pid > 0) {
        shares_memory |= by_vfork && errand.was_here;
        /* By vfork it has executed, or failed, before we go on. */
        if (!by_vfork && !plan->stage->session)
            setpgid(pid, plan->group); /* on both sides: whichever comes first */
        if (report[FD_READ_END] >= 0 ? read_failure(&errand, report[FD_READ_END])
                                     : errand.has_failed) {
            waitpid(pid, NULL, 0);
            pid = -1;
        }
    }
done:
    pipecmd_free(command);
    weir__close(&report[FD_READ_END]);
    weir__close(&report[FD_WRITE_END]);
    return pid;
}

#ifdef WEIR_LINUX
/* waitid(2) as Linux has it, with the usage of a child that stays a zombie: glibc's
 * waitid() leaves the fifth argument out. */
static int peek(pid_t pid, struct child_end *end)
{
    siginfo_t info = {0};

    if (syscall(SYS_waitid, pid > 0 ? P_PID : P_ALL, pid, &info, WEXITED | WNOHANG | WNOWAIT,
                &end->usage)
        < 0) {
        if (errno != ECHILD)
            weir__facility_failed(WEIR__WAITID, errno);
        return 0;
    }
    if (info.si_pid == 0)
        return 0;
    end->pid = info.si_pid;
    end->is_zombie = 1;
    *(info.si_code == CLD_EXITED ? &end->code : &end->signal) = info.si_status;
    return 1;
}
#endif

int child_ended(pid_t pid, int stays, struct child_end *end)
{
    int status;

    *end = (struct child_end){0};
#ifdef WEIR_LINUX
    if (stays && weir__facility_works(WEIR__WAITID)) {
        if (peek(pid, end))
            return 1;
        if (weir__facility_works(WEIR__WAITID))
            return 0;
    }
#else
    (void)stays;
#endif
    end->pid = wait4(pid, &status, WNOHANG, &end->usage);
    if (end->pid <= 0)
        return 0;
    if (WIFEXITED(status))
        end->code = WEXITSTATUS(status);
    else
        end->signal = WTERMSIG(status);
    return 1;
}
