/* weir-spawner - starts children for a host, watches them, and ends with it.
 *
 * Not for use by hand: weir_open() starts it with a socket as descriptor 3.
 * One thread; the only program of weir that links libpipeline.
 *
 *   host --requests + descriptors--> weir-spawner --answers--> host
 *                                        |
 *                                        +-- fork, exec, wait: the children
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#ifdef WEIR_LINUX
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "base/fd.h"
#include "base/datagram.h"
#include "base/portable.h"
#include "base/process_tree.h"
#include "spawner/response.h"
#include "spawner/job.h"
#include "spawner/passed.h"
#include "spawner/request.h"
#include "spawner/warm.h"
#include "spawner/watcher.h"

enum {
    HOST_SOCKET = 3,
    WATCHER_AFTER_MS = 10, /* a program that ends sooner does without the watcher */
    WATCHER_AFTER_LOOKS = 50,
};

static volatile sig_atomic_t child_changed;
static int is_leaving; /* the host has asked us to */

static void note_child(int signal)
{
    (void)signal;
    child_changed = 1;
}

static void ignore_signal(int signal)
{
    (void)signal;
}

/* glibc keeps two signals from sigaction(3) and from masks: they are set as the
 * kernel has it. */
static void set_default(int signal)
{
#ifdef WEIR_LINUX
    const char zeros[128] = {0}; /* the kernel's struct sigaction, SIG_DFL, whatever its layout */

    syscall(SYS_rt_sigaction, signal, zeros, NULL, (size_t)(_NSIG / 8));
#else
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
#endif
}

static void block_all(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
#ifdef WEIR_LINUX
    memset(&all, 0xff, sizeof all);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, (size_t)(_NSIG / 8));
#endif
}

#ifndef SIGRTMIN /* then there are none */
#define SIGRTMIN NSIG
#define SIGRTMAX (NSIG - 1)
#endif

static const int stoppers[] = {SIGTSTP, SIGTTIN, SIGTTOU};

/* No signal ends or stops the spawner, but SIGKILL and SIGSTOP: all are blocked, always.
 * SIGCHLD is let in while we wait, and so are the real-time ones, which would queue up.
 * Children start with every signal at its default and none blocked: exec keeps what is
 * ignored, so nothing is, but a nohup's SIGHUP; and exec resets what has a handler. */
static void set_signals(sigset_t *while_waiting)
{
    struct sigaction action = {.sa_handler = ignore_signal, .sa_flags = SA_RESTART};
    struct sigaction hangup;

    sigaction(SIGHUP, NULL, &hangup);
    for (int signal = 1; signal < NSIG; signal++) /* the others get a handler */
        if ((signal != SIGHUP || hangup.sa_handler != SIG_IGN) && signal != SIGCHLD
            && (signal < SIGRTMIN || signal > SIGRTMAX))
            set_default(signal);
    memset(while_waiting, 0xff, sizeof *while_waiting);
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++) {
        sigaction(signal, &action, NULL);
        sigdelset(while_waiting, signal);
    }
    /* A child unblocks its signals and then executes its program. If its group were stopped in
     * between, we would wait for a stopped child; execve(2) makes these the default again. */
    for (size_t i = 0; i < sizeof stoppers / sizeof stoppers[0]; i++)
        sigaction(stoppers[i], &action, NULL);
    action.sa_handler = note_child;
    sigaction(SIGCHLD, &action, NULL);
    sigdelset(while_waiting, SIGCHLD);
}

/* A request that names no job is refused as job 0: then the host breaks the line, for
 * the host waits for a response. */
static void refuse(int64_t job, int error, const char *why)
{
    char escaped[768];

    response_escape(why, escaped, sizeof escaped);
    response_send("{\"job\":%lld,\"what\":\"refused\",\"errno\":%d,\"detail\":\"%s\"}",
                  (long long)job, error, escaped);
}

/* Returns 0 where neither the request nor its job can be read: then the line is
 * broken, for a caller waits. */
static int do_request(struct weir__datagram *message)
{
    struct weir_error error;
    struct request request;
    int status;

    if (message->unreadable) {
        request.job = request_begins(message->text);
        if (request.job > 0)
            refuse(request.job, message->unreadable, "cannot read a large request");
        return request.job > 0;
    }
    status = request_parse(message->text, message->length, message->rights.count, &request, &error);
    if (status < 0) {
        /* Descriptors that this process has no room for did not arrive. */
        refuse(request.job,
               message->rights.lost       ? EMFILE
               : status == WEIR_ERR_NOMEM ? ENOMEM
                                          : EPROTO,
               error.text);
        return 1;
    }
    /* Who has ended meanwhile has ended by itself: no signal is for it. */
    if (request.op == REQUEST_SIGNAL || request.op == REQUEST_STOP || request.op == REQUEST_RELEASE)
        jobs_reap();
    switch (request.op) {
    case REQUEST_START:
        jobs_start(&request, message->rights.fds);
        passed_clear();
        break;
    case REQUEST_PASS:
        passed_add(&request, message);
        break;
    case REQUEST_SIGNAL:
        jobs_signal(request.job, request.signal);
        break;
    case REQUEST_STOP:
        jobs_stop(request.job, request.grace_ms, request.stop, request.stop_count);
        break;
    case REQUEST_RELEASE:
        jobs_release(request.job);
        break;
    case REQUEST_PING:
        response_send("{\"what\":\"pong\"}");
        break;
    case REQUEST_LEAVE:
        is_leaving = 1;
        jobs_stop_all();
        break;
    }
    request_clear(&request);
    return 1;
}

/* Serves everything that has come.  Returns 0 when the host is gone, or is to be taken
 * for gone. */
static int serve(const struct weir__link *host)
{
    struct weir__datagram message;
    int status;

    while ((status = weir__datagram_receive(host, &message, MSG_DONTWAIT)) > 0) {
        int was_read = do_request(&message);

        weir__datagram_clear(&message);
        if (!was_read) {
            shutdown(HOST_SOCKET, SHUT_RDWR); /* the host sees at once that all is lost */
            return 0;
        }
    }
    return status == -EAGAIN;
}

/* Our parent, at the start, is the host.  Its death shows even where a copy that
 * it forked keeps the socket open.  Returns a descriptor that becomes readable
 * then, or -1 where the system has none. */
static int watch_host(void)
{
    pid_t host = getppid();
    int fd = weir__process_watch(host);

    if (getppid() != host)
        _exit(0); /* it is gone already, and nothing has been started */
    return fd;
}

int main(int argc, char **argv)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    struct weir__link link;
    sigset_t while_waiting;
    int host_lives = 1, busy = 0, host_process;

    if (getpeername(HOST_SOCKET, (struct sockaddr *)&peer, &size) < 0) {
        fputs("weir-spawner: not for use by hand: programs that use libweir start it\n", stderr);
        return 2;
    }
    if (weir__link_open(&link, HOST_SOCKET, NULL) < 0)
        return 1;
    block_all();
    fcntl(HOST_SOCKET, F_SETFD, FD_CLOEXEC);
    weir__close_from(HOST_SOCKET + 1);
    host_process = watch_host();
    /* The host waits for this process at once and never has a child of ours
     * again: its wait(-1) sees only its own.  Unless it wants one. */
    if (argc < 2 || strcmp(argv[1], "--child") != 0) {
        pid_t pid = fork();

        if (pid > 0) {
            response_use(&link);
            response_send("{\"what\":\"hello\",\"pid\":%ld}", (long)pid);
        }
        if (pid != 0)
            _exit(pid < 0);
    }
    setpgid(0, 0); /* away from the terminal's signals */
    set_signals(&while_waiting);
    json_object_seed(1); /* the only keys are our host's: /dev/urandom need not be read */
    jobs_init();
    response_use(&link);
    for (;;) {
        struct pollfd host[] = {{.fd = host_lives ? HOST_SOCKET : -1, .events = POLLIN},
                                {.fd = host_lives ? host_process : -1, .events = POLLIN},
                                {.fd = warm_fd(), .events = POLLIN}};
        int timeout_ms = jobs_tick(); /* which may have ended the last job */
        int wants_watcher = jobs_count() > 0 && !watcher_is_there(), ready = -1;
        struct timespec timeout;

        if (wants_watcher && (timeout_ms < 0 || timeout_ms > WATCHER_AFTER_MS))
            timeout_ms = WATCHER_AFTER_MS;
        timeout.tv_sec = timeout_ms / 1000;
        timeout.tv_nsec = timeout_ms % 1000 * 1000000L;
        if ((!host_lives || is_leaving) && jobs_count() == 0) {
            watcher_stop();
            return 0;
        }
        if (response_flush())
            host[0].events |= POLLOUT;
        /* A child's end is looked for before anything else is begun. */
        if (child_changed) /* the host has its turn, however fast children end */
            poll(host, 3, 0);
        else
            ready = weir__poll_with(host, 3, timeout_ms >= 0 ? &timeout : NULL, &while_waiting);
        if (wants_watcher && (ready == 0 || ++busy == WATCHER_AFTER_LOOKS)) {
            jobs_watch();
            busy = 0;
        }
        if (child_changed) {
            child_changed = 0;
            if (jobs_reap())
                child_changed = 1;
        }
        if (host[2].revents != 0)
            jobs_warmed();
        if (host_lives
            && (host[1].revents != 0
                || ((host[0].revents & (POLLIN | POLLHUP | POLLERR)) && !serve(&link)))) {
            host_lives = 0;
            response_use(NULL);
            jobs_stop_all();
        }
    }
}
