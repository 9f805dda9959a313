#include "config.h"

#include "proc/link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/message.h"
#include "base/procfs.h"
#include "proc/command.h"
#include "proc/context.h"
#include "proc/spawner_path.h"

extern char **environ;

enum { SPAWNER_SOCKET = 3 };

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

static void told(void *data, int bits);

/* The current directory.  Its name "." leads nowhere where it may not be entered. */
static struct weir__directory find_directory(void)
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

/* Returns its exit code, or 0 when that cannot be known. */
static int wait_for_child(struct weir__link *link)
{
    int status = 0;

    while (link->child > 0 && waitpid(link->child, &status, 0) < 0 && errno == EINTR)
        continue;
    link->child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

/* posix_spawn(3) does not copy the host's memory map: the cost of this one
 * start does not grow with the host either. */
static int start_spawner(struct weir__link *link, struct weir_error *error)
{
    char *argv[] = {"weir-spawner", link->stays_child ? "--child" : NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all;
    int ends[2], failed, status;
    pid_t pid;

    if (weir__message_socketpair(ends, error) < 0)
        return WEIR_ERR_SYSTEM;
    if (ends[1] == SPAWNER_SOCKET) { /* dup2() onto itself would leave it close-on-exec */
        int moved = fcntl(ends[1], F_DUPFD_CLOEXEC, SPAWNER_SOCKET + 1);

        weir__close(&ends[1]);
        ends[1] = moved;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int fd = 0; fd < SPAWNER_SOCKET; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], SPAWNER_SOCKET);
    sigfillset(&all); /* the spawner lets none in but SIGCHLD */
    posix_spawnattr_setsigmask(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    failed =
        ends[1] < 0 ? EMFILE : posix_spawn(&pid, link->path, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    weir__close(&ends[1]);
    if (failed != 0) {
        weir__close(&ends[0]);
        return weir__fail(error, WEIR_ERR_SPAWNER, failed,
                          "cannot start weir-spawner: tried %s (%s): install weir, or set "
                          "WEIR_SPAWNER to its path",
                          link->path, link->from);
    }
    link->child = pid;
    if (!link->stays_child && wait_for_child(link) != 0) { /* it was only the spawner's parent */
        weir__close(&ends[0]);
        return weir__fail(error, WEIR_ERR_SPAWNER, EAGAIN,
                          "weir-spawner ended at once: tried %s (%s): is there room for a process?",
                          link->path, link->from);
    }
    link->directory = find_directory();
    link->finds_strays = weir__strays_are_found();
    strings_free(link->environment);
    link->environment = strings_copy(environ);
    status = link->environment != NULL ? 0 : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    if (status == 0)
        status = weir__watch_new(link->weir->loop, ends[0], WEIR__READABLE, told, link,
                                 &link->watch, error);
    if (status < 0) {
        weir__close(&ends[0]);
        return status;
    }
    link->socket = ends[0];
    return 0;
}

/* A directory that is ours already is inherited: nobody need be allowed to open it. */
int weir__link_open_cwd(const struct weir__link *link, const struct weir_command *command)
{
    struct weir__directory here;

    if (command->cwd == NULL) {
        here = find_directory();
        if (link->socket < 0 /* the next one begins where we are */
            || (here.is_known == link->directory.is_known && here.device == link->directory.device
                && here.inode == link->directory.inode))
            return WEIR__CWD_INHERITED;
    }
    return weir__command_open_cwd(command);
}

int weir__link_init(struct weir__link *link, weir_t *weir, const char *path, int stays_child,
                    struct weir_error *error)
{
    link->stays_child = stays_child;
    link->weir = weir;
    link->socket = -1;
    link->path = weir__spawner_path(path, &link->from, error);
    if (link->path == NULL)
        return WEIR_ERR_NOMEM;
    if (start_spawner(link, error) < 0) {
        free(link->path);
        strings_free(link->environment);
        return WEIR_ERR_SPAWNER;
    }
    return 0;
}

void weir__link_close(struct weir__link *link)
{
    struct weir__message message;

    if (link->socket >= 0) {
        weir__watch_close(&link->watch);
        /* Our silence tells the spawner to end all; its end is the end of the socket. */
        shutdown(link->socket, SHUT_WR);
        while (weir__message_receive(link->socket, &message, 0, NULL) > 0)
            weir__message_clear(&message);
        weir__close(&link->socket);
        wait_for_child(link);
    }
    free(link->path);
    strings_free(link->environment);
}

/* --- What the spawner says ------------------------------------------------ */

static struct weir__job *find_job(const struct weir__link *link, int64_t id)
{
    struct weir__job *job = link->jobs;

    while (job != NULL && job->id != id)
        job = job->next;
    return job;
}

static void remove_job(struct weir__link *link, const struct weir__job *gone)
{
    struct weir__job **at = &link->jobs;

    while (*at != NULL && *at != gone)
        at = &(*at)->next;
    if (*at != NULL)
        *at = gone->next;
}

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void tell_started(struct weir__job *job, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "pids");
    pid_t pids[WEIR__MESSAGE_FDS];
    size_t count = json_array_size(list);

    if (count > WEIR__MESSAGE_FDS)
        count = WEIR__MESSAGE_FDS;
    for (size_t i = 0; i < count; i++)
        pids[i] = (pid_t)json_integer_value(json_array_get(list, i));
    job->group = count > 0 ? pids[0] : 0;
    if (job->ops->started != NULL)
        job->ops->started(job->owner, pids, count);
}

static void tell_failed(struct weir__job *job, const json_t *answer)
{
    const char *step = json_string_value(json_object_get(answer, "step"));
    const char *detail = json_string_value(json_object_get(answer, "detail"));

    job->ops->failed(job->owner, (size_t)number(answer, "stage"), step != NULL ? step : "setup",
                     (int)number(answer, "errno"), detail != NULL ? detail : "");
}

static void tell_exited(struct weir__job *job, const json_t *answer)
{
    struct weir__exit how = {
        .code = (int)number(answer, "code"),
        .signal = (int)number(answer, "signal"),
        .pid = (pid_t)number(answer, "pid"),
        .user_us = number(answer, "user_us"),
        .system_us = number(answer, "system_us"),
        .max_rss_kb = number(answer, "max_rss_kb"),
        .at_ns = number(answer, "at_ns"),
    };

    job->ops->exited(job->owner, (size_t)number(answer, "stage"), &how);
}

static void tell_ended(struct weir__link *link, struct weir__job *job)
{
    remove_job(link, job);
    job->ops->ended(job->owner);
}

/* Returns 0 for an answer that is none, or names no job: somebody waits for it, and
 * would for ever. */
static int hear(struct weir__link *link, const json_t *answer)
{
    const char *what = json_string_value(json_object_get(answer, "what"));
    int64_t id = number(answer, "job");
    struct weir__job *job = find_job(link, id);

    if (what == NULL || id <= 0)
        return 0;
    if (job == NULL)
        return 1; /* its owner has given it up */
    if (strcmp(what, "started") == 0) {
        tell_started(job, answer);
    } else if (strcmp(what, "failed") == 0) {
        tell_failed(job, answer);
    } else if (strcmp(what, "exit") == 0) {
        job->is_over = json_is_true(json_object_get(answer, "ended"));
        tell_exited(job, answer);
        if (job->is_over)
            tell_ended(link, job);
    } else if (strcmp(what, "sent") == 0) {
        if (job->ops->sent != NULL)
            job->ops->sent(job->owner, (int)number(answer, "signal"));
    } else if (strcmp(what, "paused") == 0) {
        if (job->ops->paused != NULL)
            job->ops->paused(job->owner, (size_t)number(answer, "stage"),
                             (int)number(answer, "signal"));
    } else if (strcmp(what, "ended") == 0) {
        tell_ended(link, job);
    } else if (strcmp(what, "refused") == 0) {
        tell_failed(job, answer);
        tell_ended(link, job);
    }
    return 1;
}

static struct weir__job *last_job_before(const struct weir__link *link, int64_t id)
{
    struct weir__job *job = link->jobs;

    while (job != NULL && job->id >= id)
        job = job->next;
    return job;
}

static void lose_spawner(struct weir__link *link)
{
    int64_t new_ids = link->last_id + 1;
    struct weir__job *job;

    weir__watch_close(&link->watch);
    weir__close(&link->socket);
    wait_for_child(link);
    weir__context_tell(link->weir,
                       (struct weir_event){.kind = WEIR_EVENT_SPAWNER_LOST, .stage = -1});
    /* Whoever hears of it may start others, or give up some: those that come are
     * not lost, and each that is is looked for anew. */
    while ((job = last_job_before(link, new_ids)) != NULL) {
        remove_job(link, job);
        /* Its children died with it.  What they left behind can be told nothing any more. */
        weir__strays_end(job->cookie, job->group);
        job->ops->lost(job->owner);
    }
}

void weir__link_catch_up(struct weir__link *link)
{
    struct weir__message message;
    struct weir_error error;
    int status = 0;

    while (link->socket >= 0
           && (status = weir__message_receive(link->socket, &message, MSG_DONTWAIT, &error)) > 0) {
        json_t *answer = weir__json_parse(message.text, message.length, 0, NULL);
        int was_heard;

        weir__message_clear(&message);
        was_heard = hear(link, answer);
        json_decref(answer);
        if (!was_heard && link->socket >= 0) {
            lose_spawner(link);
            return;
        }
    }
    if (link->socket >= 0 && (status == 0 || error.sys_errno != EAGAIN))
        lose_spawner(link);
}

static void told(void *data, int bits)
{
    (void)bits;
    weir__link_catch_up(data);
}

/* --- What the spawner is told --------------------------------------------- */

/* Adds fd to the descriptors of a message, once, and says its position. */
static void pass_fd(struct weir__json_writer *json, const char *key, int fd, int *fds,
                    size_t *fd_count)
{
    size_t position = 0;

    if (fd < 0)
        return;
    while (position < *fd_count && fds[position] != fd)
        position++;
    if (position == *fd_count)
        fds[(*fd_count)++] = fd;
    weir__json_integer(json, key, (int64_t)position);
}

static void write_request(struct weir__json_writer *json, const struct weir__link *link,
                          const struct weir__job *job, const struct weir__stage_start *stages,
                          size_t count, int64_t grace_ms, int terminal, int *fds, size_t *fd_count)
{
    static const char *const stdio[] = {"stdin", "stdout", "stderr"};

    weir__json_open(json, NULL, '{');
    weir__json_string(json, "op", "start"); /* these two first: see spawner/request.h */
    weir__json_integer(json, "job", job->id);
    weir__json_string(json, "cookie", job->cookie);
    weir__json_integer(json, "grace_ms", grace_ms);
    pass_fd(json, "tty", terminal, fds, fd_count);
    if (job->quiet && link->finds_strays)
        weir__json_boolean(json, "quiet", 1);
    if (job->leaders)
        weir__json_boolean(json, "leaders", 1);
    if (terminal >= 0 && !job->in_background)
        weir__json_integer(json, "tty_group", getpgrp());
    weir__json_open(json, "stages", '[');
    for (size_t i = 0; i < count; i++) {
        weir__json_open(json, NULL, '{');
        weir__command_write(json, stages[i].command, link->environment);
        pass_fd(json, "cwd", stages[i].cwd, fds, fd_count);
        for (int end = 0; end < 3; end++)
            pass_fd(json, stdio[end], stages[i].stdio[end], fds, fd_count);
        weir__json_close(json, '}');
    }
    weir__json_close(json, ']');
    weir__json_close(json, '}');
}

static int by_number(const void *one, const void *other)
{
    return *(const int *)one - *(const int *)other;
}

/* Refuses numbers that cannot be meant. */
static int check_descriptors(const struct weir_descriptor *list, size_t count,
                             struct weir_error *error)
{
    int *numbers = malloc((count + 1) * sizeof *numbers), status = 0;

    if (numbers == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %zu descriptors", count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = list[i].number;
        if (list[i].fd < 0 || list[i].number <= STDERR_FILENO || list[i].number > INT_MAX / 2)
            status = weir__fail(error, WEIR_ERR_INVALID, 0,
                                "descriptor %d cannot be passed on as %d: numbers begin at 3",
                                list[i].fd, list[i].number);
    }
    qsort(numbers, count, sizeof *numbers, by_number);
    for (size_t i = 1; i < count && status == 0; i++)
        if (numbers[i] == numbers[i - 1])
            status = weir__fail(error, WEIR_ERR_INVALID, 0,
                                "two descriptors cannot both be passed on as %d", numbers[i]);
    free(numbers);
    return status;
}

/* Sends what the stages have open above 2 ahead of their start.  Returns 0, or an errno. */
static int send_descriptors(const struct weir__link *link, const struct weir__job *job)
{
    int fds[WEIR__MESSAGE_FDS], failed = 0;

    for (size_t sent = 0; sent < job->descriptor_count && failed == 0;) {
        struct weir__json_writer json = {0};
        size_t count = 0, length = 0;
        char *request;

        weir__json_open(&json, NULL, '{');
        weir__json_string(&json, "op", "pass");
        weir__json_integer(&json, "job", job->id);
        weir__json_open(&json, "numbers", '[');
        for (; sent < job->descriptor_count && count < WEIR__MESSAGE_FDS; sent++, count++) {
            fds[count] = job->descriptors[sent].fd;
            weir__json_integer(&json, NULL, job->descriptors[sent].number);
        }
        weir__json_close(&json, ']');
        weir__json_close(&json, '}');
        request = weir__json_take(&json, &length);
        failed = request != NULL
                     ? weir__message_send(link->socket, request, length, fds, count, 0)
                     : ENOMEM;
        free(request);
    }
    return failed;
}

int weir__job_start(struct weir__link *link, struct weir__job *job,
                    const struct weir__stage_start *stages, size_t count, int64_t grace_ms,
                    int terminal, struct weir_error *error)
{
    int fds[WEIR__MESSAGE_FDS], failed = EPIPE;
    size_t fd_count;

    if (count > (WEIR__MESSAGE_FDS - 1) / 4)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%zu stages are too many: up to %d", count,
                          (WEIR__MESSAGE_FDS - 1) / 4);
    if (job->descriptor_count > 0
        && check_descriptors(job->descriptors, job->descriptor_count, error) < 0)
        return WEIR_ERR_INVALID;
    job->id = ++link->last_id;
    job->group = 0;
    weir__cookie_make(job->cookie);
    for (int tries = 0; failed == EPIPE && tries < 2; tries++) {
        struct weir__json_writer json = {0};
        char *request;
        size_t length = 0;

        if (link->socket < 0 && start_spawner(link, error) < 0)
            return WEIR_ERR_SPAWNER;
        fd_count = 0;
        write_request(&json, link, job, stages, count, grace_ms, terminal, fds, &fd_count);
        request = weir__json_take(&json, &length);
        if (request == NULL)
            return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a request");
        failed = send_descriptors(link, job);
        if (failed == 0)
            failed = weir__message_send(link->socket, request, length, fds, fd_count, 0);
        free(request);
        if (failed == ECONNRESET || failed == ENOTCONN)
            failed = EPIPE;
        if (failed == EPIPE)
            lose_spawner(link);
    }
    if (failed != 0)
        return weir__fail(
            error, WEIR_ERR_SYSTEM, failed,
            "cannot ask weir-spawner, which is %s (%s): is it there, and of this weir?", link->path,
            link->from);
    job->next = link->jobs;
    link->jobs = job;
    return 0;
}

/* What is said of a job that runs takes no memory: it cannot be left unsaid.  A broken
 * line is seen by whoever reads it. */
static void say_of_job(struct weir__link *link, const struct weir__job *job, const char *op,
                       const char *key, int64_t value)
{
    char request[128];
    int length = snprintf(request, sizeof request, "{\"op\":\"%s\",\"job\":%lld,\"%s\":%lld}", op,
                          (long long)job->id, key, (long long)value);

    if (link->socket >= 0 && !job->is_over && find_job(link, job->id) == job)
        weir__message_send(link->socket, request, (size_t)length, NULL, 0, 0);
}

void weir__job_stop(struct weir__link *link, const struct weir__job *job, int64_t grace_ms)
{
    say_of_job(link, job, "stop", "grace_ms", grace_ms);
}

void weir__job_signal(struct weir__link *link, const struct weir__job *job, int signal)
{
    say_of_job(link, job, "signal", "signal", signal);
}

void weir__job_abandon(struct weir__link *link, struct weir__job *job)
{
    if (!link->weir->closing)
        weir__job_stop(link, job, 0);
    remove_job(link, job);
}
