#include "config.h"

#include "proc/spawner_process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#ifdef WEIR_LINUX
#include <sys/syscall.h>
#endif
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/json_parse.h"
#include "base/datagram.h"
#include "base/procfs.h"
#include "base/process_tree.h"

extern char **environ;

enum {
    SPAWNER_SOCKET = 3,
    START_MS = 10000,      /* how long the start of a spawner may take */
    FIRST_CHECK_MS = 5000, /* after a start */
    STOP_CHECK_MS = 1000,  /* after a stop, once it has answered that one */
    LAST_CHECK_MS = 60000, /* checks become rarer up to this */
    KILLED_MS = 2000,      /* how long a killed one may take to be gone */
};

/* --- Who we are ----------------------------------------------------------------- */

static uint64_t digest(const void *bytes, size_t length)
{
    uint64_t sum = UINT64_C(14695981039346656037); /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        sum = (sum ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
    return sum;
}

static uint64_t digest_groups(void)
{
    gid_t few[64], *all = few;
    int count = getgroups(sizeof few / sizeof *few, few);
    uint64_t sum;

    if (count < 0) { /* there are more */
        int room = getgroups(0, NULL);

        all = calloc((size_t)(room > 0 ? room : 1), sizeof *all);
        count = all != NULL ? getgroups(room, all) : 0;
    }
    sum = digest(all, (size_t)(count > 0 ? count : 0) * sizeof *all);
    if (all != few)
        free(all);
    return sum;
}

void weir__identity_get(struct weir__identity *identity)
{
    memset(identity, 0, sizeof *identity); /* it is compared by its bytes */
#ifdef WEIR_LINUX
    getresuid(&identity->users[0], &identity->users[1], &identity->users[2]);
    getresgid(&identity->groups[0], &identity->groups[1], &identity->groups[2]);
#else
    identity->users[0] = getuid();
    identity->users[1] = geteuid();
    identity->groups[0] = getgid();
    identity->groups[1] = getegid();
#endif
    identity->others = digest_groups();
}

/* --- Its start --------------------------------------------------------------------- */

static void strings_free(char **strings)
{
    for (size_t i = 0; strings != NULL && strings[i] != NULL; i++)
        free(strings[i]);
    free(strings);
}

static char **strings_copy(char **strings)
{
    size_t count = 0;
    char **copy;

    while (strings != NULL && strings[count] != NULL)
        count++;
    copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(strings[i]);
        if (copy[i] == NULL) {
            strings_free(copy);
            return NULL;
        }
    }
    return copy;
}

/* posix_spawn(3) does not copy the host's memory map: the cost of a start does not grow
 * with the host.  Returns 0 or an errno. */
static int spawn(const struct weir__spawner_setup *setup, int socket, pid_t *pid)
{
    char *argv[] = {(char *)"weir-spawner", setup->stays_child ? (char *)"--child" : NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all;
    int failed;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, socket, SPAWNER_SOCKET);
    sigfillset(&all); /* the spawner lets none in but SIGCHLD */
    posix_spawnattr_setsigmask(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    failed = posix_spawn(pid, setup->path, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* What we started is the spawner's parent: it sends the spawner's pid, and exits.  Returns
 * 0, or -1 when it ended without a word, or has said none in time. */
static int receive_hello(struct weir__spawner *spawner, pid_t parent)
{
    struct pollfd from = {.fd = spawner->link.socket, .events = POLLIN};
    struct weir__datagram message;
    int ready, status;

    do
        ready = poll(&from, 1, START_MS);
    while (ready < 0 && errno == EINTR);
    if (ready > 0 && weir__datagram_receive(&spawner->link, &message, MSG_DONTWAIT) > 0) {
        json_t *hello = weir__json_parse(message.text, message.length, 0, NULL);

        spawner->pid = (pid_t)json_integer_value(json_object_get(hello, "pid"));
        json_decref(hello);
        weir__datagram_clear(&message);
    }
    if (spawner->pid <= 0)
        kill(parent, SIGKILL);
    while (waitpid(parent, &status, 0) < 0 && errno == EINTR)
        continue;
    return spawner->pid > 0 ? 0 : -1;
}

/* Its name "." leads nowhere where it may not be entered. */
struct weir__directory weir__directory_find(void)
{
    struct weir__directory found = {0};
    struct stat here;

    if (stat(".", &here) == 0 || (weir__proc_is_ours() && stat("/proc/self/cwd", &here) == 0)) {
        found.is_known = 1;
        found.device = here.st_dev;
        found.inode = here.st_ino;
    }
    return found;
}

static void remember_host(struct weir__spawner *spawner)
{
    spawner->directory = weir__directory_find();
    spawner->finds_by_tag = weir__process_tree_is_readable();
    spawner->environment = strings_copy(environ);
    weir__identity_get(&spawner->identity);
    for (int i = 0; i < WEIR__LIMITS && i < RLIM_NLIMITS; i++)
        getrlimit(i, &spawner->limits[i]);
}

static void send_ping(struct weir__spawner *spawner)
{
    static const char ping[] = "{\"op\":\"ping\",\"job\":1}";

    int is_asked =
        weir__datagram_send(&spawner->link, ping, sizeof ping - 1, NULL, 0, MSG_DONTWAIT) != EAGAIN
        && weir__link_flush(&spawner->link) != EAGAIN;

    spawner->asked = is_asked ? 1 : 2;
}

/* The clock: time to ask, or a tick without an answer. */
static void tick(void *data)
{
    struct weir__spawner *spawner = data;
    int patience_ms =
        spawner->is_awaited || spawner->is_leaving ? WEIR__SILENCE_MS : WEIR__IDLE_SILENCE_MS;

    if (spawner->link.socket < 0)
        return;
    if (spawner->asked == 0 && spawner->jobs == 0 && !spawner->is_leaving) {
        spawner->check_ms = 0;
        return;
    }
    if (spawner->asked != 0 && ++spawner->silent_ticks * WEIR__TICK_MS >= patience_ms) {
        spawner->setup->lost(spawner);
        return;
    }
    if (spawner->asked == 0)
        spawner->silent_ticks = 0;
    if (spawner->asked != 1)
        send_ping(spawner);
    weir__timer_start(spawner->clock, WEIR__TICK_MS);
}

int weir__spawner_attach(struct weir__spawner *spawner, struct weir_error *error)
{
    const struct weir__spawner_setup *setup = spawner->setup;
    int status;

    if (spawner->environment == NULL)
        remember_host(spawner);
    status = spawner->environment != NULL ? 0 : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    if (status == 0)
        status = weir__watch_new(setup->loop, spawner->link.socket, WEIR__READABLE, setup->readable,
                                 spawner, &spawner->watch, error);
    if (status == 0)
        status = weir__timer_new(setup->loop, tick, spawner, &spawner->clock, error);
    return status;
}

int weir__spawner_launch(struct weir__spawner *spawner, struct weir_error *error)
{
    const struct weir__spawner_setup *setup = spawner->setup;
    int ends[2], failed, status;
    pid_t pid = 0;

    spawner->link.socket = -1;
    if (weir__datagram_socketpair(ends, error) < 0)
        return WEIR_ERR_SYSTEM;
    if (ends[1] == SPAWNER_SOCKET) { /* dup2() onto itself would leave it close-on-exec */
        int moved = fcntl(ends[1], F_DUPFD_CLOEXEC, SPAWNER_SOCKET + 1);

        weir__close(&ends[1]);
        ends[1] = moved;
    }
    failed = ends[1] < 0 ? EMFILE : spawn(setup, ends[1], &pid);
    weir__close(&ends[1]);
    if (failed != 0) {
        weir__close(&ends[0]);
        return weir__fail(error, WEIR_ERR_SPAWNER, failed,
                          "cannot start weir-spawner: tried %s (%s): install weir, or set "
                          "WEIR_SPAWNER to its path",
                          setup->path, setup->from);
    }
    status = weir__link_open(&spawner->link, ends[0], error);
    if (status < 0) {
        weir__close(&ends[0]); /* it sees that and ends */
        if (!setup->stays_child)
            waitpid(pid, NULL, 0);
        return status;
    }
    if (setup->stays_child) {
        spawner->pid = pid;
        spawner->is_child = 1;
    } else if (receive_hello(spawner, pid) < 0) {
        weir__link_close(&spawner->link);
        return weir__fail(error, WEIR_ERR_SPAWNER, EAGAIN,
                          "weir-spawner ended at once: tried %s (%s): is there room for a process?",
                          setup->path, setup->from);
    }
    remember_host(spawner);
    if (spawner->environment != NULL)
        return 0;
    weir__spawner_close(spawner);
    return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
}

int weir__spawner_start(struct weir__spawner *spawner, struct weir_error *error)
{
    int status = spawner->environment != NULL ? 0 : weir__spawner_launch(spawner, error);

    if (status < 0)
        return status;
    status = weir__spawner_attach(spawner, error);
    if (status < 0) {
        weir__spawner_leave(spawner);
        weir__spawner_await_end(spawner);
        weir__spawner_close(spawner);
        weir__spawner_clear(spawner);
    }
    return status;
}

/* --- Its life ------------------------------------------------------------------------ */

/* It is stopped, frozen, or stuck.  As long as its end of the socket is open it lives, and
 * its pid is its own; a pidfd, opened before that is seen, keeps it so. */
static void kill_spawner(struct weir__spawner *spawner)
{
    int pidfd;
    char byte;

    if (spawner->pid <= 0)
        return;
    pidfd = weir__process_watch(spawner->pid);
    if (!spawner->is_child && recv(spawner->link.socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        ; /* it is gone already */
#if defined WEIR_LINUX && defined SYS_pidfd_send_signal
    else if (pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0)
        ;
#endif
    else
        kill(spawner->pid, SIGKILL);
    weir__close(&pidfd);
}

int weir__spawner_send(struct weir__spawner *spawner, const char *text, size_t length,
                       const int *fds, size_t fd_count)
{
    struct pollfd to = {.fd = spawner->link.socket, .events = POLLOUT};
    int failed, was_sent = 0; /* to its end, or but for what the link still has */

    for (int ticks = 0; ticks * WEIR__TICK_MS < WEIR__SILENCE_MS;) {
        if (!was_sent) {
            failed = weir__datagram_send(&spawner->link, text, length, fds, fd_count, MSG_DONTWAIT);
            was_sent = failed == 0;
        }
        if (was_sent)
            failed = weir__link_flush(&spawner->link);
        if (failed == ECONNRESET || failed == ENOTCONN)
            failed = EPIPE;
        if (failed != EAGAIN)
            return failed;
        if (poll(&to, 1, WEIR__TICK_MS) == 0)
            ticks++;
    }
    kill_spawner(spawner);
    return EPIPE;
}

void weir__spawner_check(struct weir__spawner *spawner)
{
    spawner->is_awaited = 1;
    if (spawner->link.socket < 0 || spawner->asked != 0 || spawner->clock == NULL)
        return;
    send_ping(spawner);
    spawner->silent_ticks = 0;
    spawner->check_ms = STOP_CHECK_MS;
    weir__timer_start(spawner->clock, WEIR__TICK_MS);
}

void weir__spawner_check_later(struct weir__spawner *spawner)
{
    if (spawner->asked != 0 || (spawner->check_ms != 0 && spawner->check_ms <= FIRST_CHECK_MS))
        return;
    spawner->check_ms = FIRST_CHECK_MS;
    weir__timer_start(spawner->clock, spawner->check_ms);
}

void weir__spawner_rest(struct weir__spawner *spawner)
{
    if (spawner->link.socket < 0 || spawner->asked != 0 || spawner->clock == NULL)
        return;
    weir__timer_stop(spawner->clock);
    spawner->check_ms = 0;
}

void weir__spawner_responded(struct weir__spawner *spawner, int is_answer)
{
    spawner->silent_ticks = 0;
    if (!is_answer || spawner->asked == 0)
        return;
    spawner->asked = spawner->is_awaited = 0;
    if (spawner->jobs == 0 && !spawner->is_leaving) {
        weir__spawner_rest(spawner);
        return;
    }
    spawner->check_ms =
        spawner->check_ms < LAST_CHECK_MS / 2 ? spawner->check_ms * 2 : LAST_CHECK_MS;
    weir__timer_start(spawner->clock, spawner->check_ms);
}

/* --- Its end ------------------------------------------------------------------------- */

static const char leave[] = "{\"op\":\"leave\",\"job\":1}";

void weir__spawner_leave(struct weir__spawner *spawner)
{
    spawner->is_leaving = 1;
    if (spawner->link.socket >= 0)
        weir__spawner_send(spawner, leave, sizeof leave - 1, NULL, 0);
}

/* Reads what has come and drops it.  Returns 0 at the end, 1 when something came, -1 when
 * nothing did. */
static int drop_answers(const struct weir__spawner *spawner)
{
    struct weir__datagram message;
    int status, came = -1;

    while ((status = weir__datagram_receive(&spawner->link, &message, MSG_DONTWAIT)) > 0) {
        weir__datagram_clear(&message);
        came = 1;
    }
    return status == 0 ? 0 : came;
}

/* Waits for the end of the socket.  Returns whether it came within this many ticks of silence. */
static int await_end(struct weir__spawner *spawner, int patience_ticks, int asks)
{
    struct pollfd from = {.fd = spawner->link.socket, .events = POLLIN};

    for (int ticks = 0; ticks < patience_ticks; ticks++) {
        int came = poll(&from, 1, WEIR__TICK_MS) > 0 ? drop_answers(spawner) : -1;

        if (came == 0)
            return 1;
        if (came > 0)
            ticks = -1;
        if (came < 0 && asks) {
            /* Again: a spawner without memory may not have read the first. */
            weir__datagram_send(&spawner->link, leave, sizeof leave - 1, NULL, 0, MSG_DONTWAIT);
            send_ping(spawner);
        }
    }
    return 0;
}

void weir__spawner_await_end(struct weir__spawner *spawner)
{
    if (spawner->link.socket >= 0)
        await_end(spawner, WEIR__SILENCE_MS / WEIR__TICK_MS, 1); /* else close() kills it */
}

/* One that has closed its socket is on its way out; but one that cannot be killed is not waited
 * for for ever. */
static void wait_for_child(struct weir__spawner *spawner, int is_gone)
{
    for (int ms = 0; spawner->is_child && (is_gone || ms < KILLED_MS); ms++) {
        pid_t pid = waitpid(spawner->pid, NULL, is_gone ? 0 : WNOHANG);

        if (pid == spawner->pid || (pid < 0 && errno != EINTR))
            spawner->is_child = 0;
        else
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

void weir__spawner_close(struct weir__spawner *spawner)
{
    int is_gone;

    if (spawner->link.socket < 0)
        return;
    weir__watch_close(&spawner->watch);
    weir__timer_close(&spawner->clock);
    is_gone = drop_answers(spawner) == 0;
    if (!is_gone) {
        kill_spawner(spawner);
        is_gone = await_end(spawner, KILLED_MS / WEIR__TICK_MS, 0);
    }
    weir__link_close(&spawner->link);
    wait_for_child(spawner, is_gone);
}

void weir__spawner_clear(struct weir__spawner *spawner)
{
    weir__link_close(&spawner->link);
    strings_free(spawner->environment);
    spawner->environment = NULL;
}
