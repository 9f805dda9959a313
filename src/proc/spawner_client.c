#include "config.h"

#include "proc/spawner_client.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#ifdef WEIR_LINUX
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "base/error.h"
#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/datagram.h"
#include "proc/command.h"
#include "proc/spawner_ahead.h"
#include "proc/spawner_process.h"
#include "proc/spawner_path.h"

/* --- The spawners ------------------------------------------------------------ */

/* Callbacks may start jobs and lose spawners: while one is looked at none is freed. */
static void hold(struct weir__client *client)
{
    client->holds++;
}

/* A spawner that is not for new jobs any more leaves when its last one has ended. */
static void release(struct weir__client *client)
{
    struct weir__spawner **at = &client->spawners;

    if (--client->holds > 0)
        return;
    while (*at != NULL) {
        struct weir__spawner *spawner = *at;

        if (spawner->link.socket >= 0 && spawner != client->current && spawner->jobs == 0
            && !spawner->is_leaving && !client->is_closing) {
            weir__spawner_leave(spawner);
            weir__spawner_check(spawner);
        }
        if (spawner->link.socket >= 0) {
            at = &spawner->next;
            continue;
        }
        *at = spawner->next;
        weir__spawner_clear(spawner);
        free(spawner);
    }
}

static void use_spawner(struct weir__client *client, struct weir__spawner *spawner)
{
    spawner->next = client->spawners;
    client->spawners = spawner;
    client->current = spawner;
}

static struct weir__spawner *new_spawner(struct weir__client *client, struct weir_error *error)
{
    struct weir__spawner *spawner = calloc(1, sizeof *spawner);

    if (spawner == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
        return NULL;
    }
    spawner->client = client;
    spawner->setup = &client->setup;
    return spawner;
}

/* The spawner is the caller's, or NULL for a new one. */
static int start_spawner(struct weir__client *client, struct weir__spawner *ahead,
                         struct weir_error *error)
{
    struct weir__spawner *spawner = ahead != NULL ? ahead : new_spawner(client, error);
    int status = WEIR_ERR_NOMEM;

    if (ahead != NULL) {
        spawner->client = client;
        spawner->setup = &client->setup;
    }
    if (spawner != NULL)
        status = weir__spawner_start(spawner, error);
    if (status == 0)
        use_spawner(client, spawner);
    else
        free(spawner);
    return status;
}

int weir__client_take_socket(struct weir__client *client, int socket, struct weir_error *error)
{
    struct weir__spawner *spawner = new_spawner(client, error);

    if (spawner == NULL)
        return WEIR_ERR_NOMEM;
    if (weir__link_open(&spawner->link, socket, error) < 0) {
        free(spawner);
        return WEIR_ERR_NOMEM;
    }
    use_spawner(client, spawner);
    return weir__spawner_attach(spawner, error);
}

/* The spawner for a new job: the one there is, unless the host's identity has changed. */
static int choose_spawner(struct weir__client *client, struct weir_error *error)
{
    struct weir__identity identity;

    if (client->current != NULL) {
        weir__identity_get(&identity);
        if (memcmp(&identity, &client->current->identity, sizeof identity) == 0)
            return 0;
    }
    return start_spawner(client, NULL, error);
}

int weir__client_refresh(struct weir__client *client, struct weir_error *error)
{
    int status;

    hold(client);
    status = start_spawner(client, NULL, error);
    release(client);
    return status;
}

/* A directory that is ours already is inherited: it need not be opened. */
int weir__client_open_cwd(const struct weir__client *client, const struct weir_command *command)
{
    const struct weir__spawner *spawner = client->current;
    struct weir__directory here;

    if (command->cwd == NULL) {
        here = weir__directory_find();
        if (spawner == NULL /* the next one begins where we are */
            || (here.is_known == spawner->directory.is_known
                && here.device == spawner->directory.device
                && here.inode == spawner->directory.inode))
            return WEIR__CWD_INHERITED;
    }
    return weir__command_open_cwd(command);
}

int weir__client_start(struct weir__client *client, const struct weir_options *options,
                       struct weir_error *error)
{
    struct weir__spawner_setup *setup = &client->setup;
    struct weir__spawner *ahead = NULL;

    setup->stays_child = options->spawner_stays_child;
    if (setup->stays_child && !options->spawner_on_demand && options->spawner == NULL)
        ahead = weir__spawner_ahead_take(&setup->path, &setup->from);
    if (ahead == NULL)
        setup->path =
            weir__program_path(&weir__spawner_program, options->spawner, &setup->from, error);
    if (setup->path == NULL)
        return WEIR_ERR_NOMEM;
    if (!options->spawner_on_demand && start_spawner(client, ahead, error) < 0) {
        free(client->setup.path);
        return WEIR_ERR_SPAWNER;
    }
    return 0;
}

void weir__client_close(struct weir__client *client)
{
    for (struct weir__spawner *spawner = client->spawners; spawner != NULL; spawner = spawner->next)
        weir__spawner_leave(spawner);
    while (client->spawners != NULL) {
        struct weir__spawner *spawner = client->spawners;

        client->spawners = spawner->next;
        weir__spawner_await_end(spawner);
        weir__spawner_close(spawner);
        weir__spawner_clear(spawner);
        free(spawner);
    }
    free(client->setup.path);
}

/* --- What the spawner says ------------------------------------------------ */

static struct weir__job *find_job(const struct weir__client *client, int64_t id)
{
    struct weir__job *job = client->jobs;

    while (job != NULL && job->id != id)
        job = job->next;
    return job;
}

static void remove_job(struct weir__client *client, const struct weir__job *gone)
{
    struct weir__job **at = &client->jobs;

    while (*at != NULL && *at != gone)
        at = &(*at)->next;
    if (*at == NULL)
        return;
    *at = gone->next;
    if (--gone->spawner->jobs == 0)
        weir__spawner_rest(gone->spawner);
}

/* A stage's end; ends_job: nothing of its job is left. */
struct exited {
    int64_t stage;
    int ends_job;
    struct weir__exit how;
};

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void report_started(struct weir__job *job, const json_t *response)
{
    const json_t *list = json_object_get(response, "pids");
    pid_t pids[WEIR__DATAGRAM_FDS];
    size_t count = json_array_size(list);

    if (count > WEIR__DATAGRAM_FDS)
        count = WEIR__DATAGRAM_FDS;
    for (size_t i = 0; i < count; i++)
        pids[i] = (pid_t)json_integer_value(json_array_get(list, i));
    job->group = count > 0 ? pids[0] : 0;
    if (job->ops->started != NULL)
        job->ops->started(job->owner, pids, count);
}

static void report_failed(const struct weir__client *client, struct weir__job *job,
                          const json_t *response)
{
    const char *step = json_string_value(json_object_get(response, "step"));
    const char *detail = json_string_value(json_object_get(response, "detail"));

    if (client->trace != NULL)
        weir__trace_not_started(
            client->trace, job->id, (size_t)number(response, "stage"),
            detail != NULL && *detail != '\0' ? detail : strerror((int)number(response, "errno")));
    job->ops->failed(job->owner, (size_t)number(response, "stage"), step != NULL ? step : "setup",
                     (int)number(response, "errno"), detail != NULL ? detail : "");
}

/* The number behind name in a text that has them all in one order; *at moves past it, and becomes
 * NULL where the text has something else there. */
static int64_t scan(const char **at, const char *name)
{
    size_t length = strlen(name);
    char *end;
    long long value;

    if (*at == NULL || strncmp(*at, name, length) != 0) {
        *at = NULL;
        return 0;
    }
    value = strtoll(*at + length, &end, 10);
    *at = end > *at + length ? end : NULL;
    return value;
}

/* A program's end, as the spawner spells it, is read without a tree: there may be thousands in a
 * second. Returns 0 for another text. */
static int scan_exited(const char *text, int64_t *job, struct exited *exited)
{
    const char *at = text;

    *job = scan(&at, "{\"job\":");
    exited->stage = scan(&at, ",\"what\":\"exit\",\"stage\":");
    exited->how.pid = (pid_t)scan(&at, ",\"pid\":");
    exited->how.code = (int)scan(&at, ",\"code\":");
    exited->how.signal = (int)scan(&at, ",\"signal\":");
    exited->how.user_us = scan(&at, ",\"user_us\":");
    exited->how.system_us = scan(&at, ",\"system_us\":");
    exited->how.max_rss_kb = scan(&at, ",\"max_rss_kb\":");
    exited->how.at_ns = scan(&at, ",\"at_ns\":");
    exited->ends_job = at != NULL && strcmp(at, ",\"ended\":true}") == 0;
    return exited->ends_job || (at != NULL && strcmp(at, ",\"ended\":false}") == 0);
}

static void note_survivors(struct weir__job *job, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list) && job->survivor_count < WEIR_SURVIVORS; i++) {
        const json_t *one = json_array_get(list, i);
        struct weir_survivor *survivor = &job->survivors[job->survivor_count++];

        survivor->pid = (pid_t)json_integer_value(json_array_get(one, 0));
        survivor->sys_errno = (int)json_integer_value(json_array_get(one, 1));
        weir__process_command(survivor->pid, survivor->command, sizeof survivor->command);
    }
}

static void report_ended(struct weir__client *client, struct weir__job *job)
{
    remove_job(client, job);
    if (client->trace != NULL)
        weir__trace_job_over(client->trace, job->id);
    job->ops->ended(job->owner);
}

static void trace_exit(struct weir__trace *trace, const struct weir__job *job, size_t stage,
                       const struct weir__exit *how)
{
    struct weir__trace_exit ended = {.pid = how->pid,
                                     .code = how->code,
                                     .signal = how->signal,
                                     .at_ns = how->at_ns,
                                     .user_us = how->user_us,
                                     .system_us = how->system_us,
                                     .max_rss_kb = how->max_rss_kb};

    weir__trace_exited(trace, job->id, stage, &ended);
}

static void report_exited(struct weir__client *client, struct weir__job *job,
                          const struct exited *exited)
{
    if (client->trace != NULL)
        trace_exit(client->trace, job, (size_t)exited->stage, &exited->how);
    job->is_over = exited->ends_job;
    job->ops->exited(job->owner, (size_t)exited->stage, &exited->how);
    if (job->is_over)
        report_ended(client, job);
}

static struct exited read_exited(const json_t *response)
{
    return (struct exited){
        .stage = number(response, "stage"),
        .ends_job = json_is_true(json_object_get(response, "ended")),
        .how =
            {
                .code = (int)number(response, "code"),
                .signal = (int)number(response, "signal"),
                .pid = (pid_t)number(response, "pid"),
                .user_us = number(response, "user_us"),
                .system_us = number(response, "system_us"),
                .max_rss_kb = number(response, "max_rss_kb"),
                .at_ns = number(response, "at_ns"),
            },
    };
}

/* Returns 0 for an invalid response or one that names no job: a caller waits for it, and
 * would for ever. */
static int dispatch_response(struct weir__spawner *spawner, const json_t *response)
{
    const char *what = json_string_value(json_object_get(response, "what"));
    int64_t id = number(response, "job");
    struct weir__client *client = spawner->client;
    struct weir__job *job = find_job(client, id);

    weir__spawner_responded(spawner, what != NULL && strcmp(what, "pong") == 0);
    if (what != NULL && strcmp(what, "pong") == 0)
        return 1;
    if (what == NULL || id <= 0)
        return 0;
    if (job == NULL)
        return 1; /* its owner has given it up */
    if (strcmp(what, "started") == 0) {
        report_started(job, response);
    } else if (strcmp(what, "failed") == 0) {
        report_failed(client, job, response);
    } else if (strcmp(what, "exit") == 0) {
        struct exited exited = read_exited(response);

        report_exited(client, job, &exited);
    } else if (strcmp(what, "sent") == 0) {
        if (client->trace != NULL)
            weir__trace_signal(client->trace, id, (int)number(response, "signal"));
        if (job->ops->sent != NULL)
            job->ops->sent(job->owner, (int)number(response, "signal"));
    } else if (strcmp(what, "unsent") == 0) {
        if (job->ops->unsent != NULL)
            job->ops->unsent(job->owner, (int)number(response, "signal"));
    } else if (strcmp(what, "paused") == 0) {
        if (job->ops->paused != NULL)
            job->ops->paused(job->owner, (size_t)number(response, "stage"),
                             (int)number(response, "signal"));
    } else if (strcmp(what, "ended") == 0) {
        note_survivors(job, json_object_get(response, "survivors"));
        report_ended(client, job);
    } else if (strcmp(what, "refused") == 0) {
        report_failed(client, job, response);
        report_ended(client, job);
    }
    return 1;
}

/* The same for a text. */
static int dispatch(struct weir__spawner *spawner, struct weir__datagram *message)
{
    struct weir__client *client = spawner->client;
    struct exited exited;
    struct weir__job *job;
    json_t *response;
    int64_t id;
    int is_valid;

    if (scan_exited(message->text, &id, &exited) && id > 0) {
        weir__datagram_clear(message);
        weir__spawner_responded(spawner, 0);
        job = find_job(client, id);
        if (job != NULL)
            report_exited(client, job, &exited);
        return 1;
    }
    response = weir__json_parse(message->text, message->length, 0, NULL);
    weir__datagram_clear(message);
    is_valid = dispatch_response(spawner, response);
    json_decref(response);
    return is_valid;
}

static struct weir__job *job_of(const struct weir__spawner *spawner)
{
    struct weir__job *job = spawner->client->jobs;

    while (job != NULL && job->spawner != spawner)
        job = job->next;
    return job;
}

static void lose_spawner(struct weir__spawner *spawner)
{
    struct weir__client *client = spawner->client;
    struct weir__job *job;

    hold(client);
    if (client->current == spawner)
        client->current = NULL;
    weir__spawner_close(spawner);
    if (!spawner->is_leaving || spawner->jobs > 0)
        client->on_lost(client->data);
    /* An owner's callback may start other jobs, which get another spawner, or give up some:
     * each that is lost is looked for anew. */
    while ((job = job_of(spawner)) != NULL) {
        remove_job(client, job);
        /* Its children died with it.  What they left behind cannot be signalled through it. */
        weir__process_tree_kill(job->tag, job->group);
        if (client->trace != NULL)
            weir__trace_job_over(client->trace, job->id);
        job->ops->lost(job->owner);
    }
    release(client);
}

static void read_responses(struct weir__spawner *spawner)
{
    struct weir__datagram message;
    int status = 0;

    while (spawner->link.socket >= 0
           && (status = weir__datagram_receive(&spawner->link, &message, MSG_DONTWAIT)) > 0)
        if (!dispatch(spawner, &message) && spawner->link.socket >= 0) {
            lose_spawner(spawner);
            return;
        }
    if (spawner->link.socket >= 0 && status != -EAGAIN)
        lose_spawner(spawner);
}

void weir__client_catch_up(struct weir__client *client)
{
    hold(client);
    for (struct weir__spawner *spawner = client->spawners; spawner != NULL; spawner = spawner->next)
        read_responses(spawner);
    release(client);
}

static void spawner_readable(void *data, int bits)
{
    struct weir__spawner *spawner = data;
    struct weir__client *client = spawner->client;

    (void)bits;
    hold(client);
    read_responses(spawner);
    release(client);
}

void weir__client_init(struct weir__client *client, weir__loop *loop, void (*on_lost)(void *data),
                       void *data)
{
    *client = (struct weir__client){
        .setup = {.loop = loop, .readable = spawner_readable, .lost = lose_spawner},
        .on_lost = on_lost,
        .data = data,
    };
}

/* --- Requests ------------------------------------------------------------- */

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

/* getrlimit(3) is prlimit(2) in glibc: more than twice as slow, and a start reads them all. */
static int read_limit(int resource, struct rlimit *limit)
{
#if defined WEIR_LINUX && defined SYS_getrlimit && __SIZEOF_LONG__ == 8
    if (syscall(SYS_getrlimit, resource, limit) == 0)
        return 0;
#endif
    return getrlimit(resource, limit);
}

/* The host's limits are those of its programs.  Nearly always they are what the spawner
 * has from it. */
static void write_limits(struct weir__json_writer *json, const struct weir__spawner *spawner)
{
    int any = 0;

    for (int i = 0; i < WEIR__LIMITS && i < RLIM_NLIMITS; i++) {
        const struct rlimit *before = &spawner->limits[i];
        struct rlimit now;

        if (read_limit(i, &now) < 0
            || (now.rlim_cur == before->rlim_cur && now.rlim_max == before->rlim_max))
            continue;
        if (!any)
            weir__json_open(json, "host_limits", '[');
        any = 1;
        weir__json_open(json, NULL, '[');
        weir__json_integer(json, NULL, i);
        weir__json_integer(json, NULL, now.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)now.rlim_cur);
        weir__json_integer(json, NULL, now.rlim_max == RLIM_INFINITY ? -1 : (int64_t)now.rlim_max);
        weir__json_close(json, ']');
    }
    if (any)
        weir__json_close(json, ']');
}

static void write_stop(struct weir__json_writer *json, const struct weir__stop_sequence *stop)
{
    if (stop == NULL || stop->count == 0)
        return;
    weir__json_open(json, "stop", '[');
    for (size_t i = 0; i < stop->count; i++) {
        weir__json_open(json, NULL, '[');
        weir__json_integer(json, NULL, stop->steps[i].signal);
        weir__json_integer(json, NULL, stop->steps[i].wait_ms);
        weir__json_close(json, ']');
    }
    weir__json_close(json, ']');
}

static void write_request(struct weir__json_writer *json, const struct weir__spawner *spawner,
                          const struct weir__job *job, const struct weir__stage_start *stages,
                          size_t count, int64_t grace_ms, int terminal, int *fds, size_t *fd_count)
{
    static const char *const stdio[] = {"stdin", "stdout", "stderr"};

    weir__json_open(json, NULL, '{');
    weir__json_string(json, "op", "start"); /* these two first: see spawner/request.h */
    weir__json_integer(json, "job", job->id);
    weir__json_string(json, "cookie", job->tag);
    weir__json_integer(json, "grace_ms", grace_ms);
    write_stop(json, job->stop);
    pass_fd(json, "tty", terminal, fds, fd_count);
    if (job->quiet && spawner->finds_by_tag)
        weir__json_boolean(json, "quiet", 1);
    if (job->leaders)
        weir__json_boolean(json, "leaders", 1);
    if (terminal >= 0 && !job->in_background)
        weir__json_integer(json, "tty_group", getpgrp());
    write_limits(json, spawner);
    weir__json_open(json, "stages", '[');
    for (size_t i = 0; i < count; i++) {
        weir__json_open(json, NULL, '{');
        weir__command_write(json, stages[i].command, spawner->environment);
        pass_fd(json, "cwd", stages[i].cwd, fds, fd_count);
        for (int end = 0; end < 3; end++)
            pass_fd(json, stdio[end], stages[i].stdio[end], fds, fd_count);
        if (stages[i].warm > 0)
            pass_fd(json, "warm", stages[i].warm, fds, fd_count);
        if (stages[i].pty)
            weir__json_boolean(json, "pty", 1);
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
static int send_descriptors(struct weir__spawner *spawner, const struct weir__job *job)
{
    int fds[WEIR__DATAGRAM_FDS], failed = 0;

    for (size_t sent = 0; sent < job->descriptor_count && failed == 0;) {
        struct weir__json_writer json = {0};
        size_t count = 0, length = 0;
        char *request;

        weir__json_open(&json, NULL, '{');
        weir__json_string(&json, "op", "pass");
        weir__json_integer(&json, "job", job->id);
        weir__json_open(&json, "numbers", '[');
        for (; sent < job->descriptor_count && count < WEIR__DATAGRAM_FDS; sent++, count++) {
            fds[count] = job->descriptors[sent].fd;
            weir__json_integer(&json, NULL, job->descriptors[sent].number);
        }
        weir__json_close(&json, ']');
        weir__json_close(&json, '}');
        request = weir__json_take(&json, &length);
        failed =
            request != NULL ? weir__spawner_send(spawner, request, length, fds, count) : ENOMEM;
        free(request);
    }
    return failed;
}

static int start_job(struct weir__client *client, struct weir__job *job,
                     const struct weir__stage_start *stages, size_t count, int64_t grace_ms,
                     int terminal, struct weir_error *error)
{
    int fds[WEIR__DATAGRAM_FDS], failed = EPIPE;
    size_t fd_count;

    for (int tries = 0; failed == EPIPE && tries < 2; tries++) {
        struct weir__json_writer json = {0};
        char *request;
        size_t length = 0;

        if (choose_spawner(client, error) < 0)
            return WEIR_ERR_SPAWNER;
        fd_count = 0;
        write_request(&json, client->current, job, stages, count, grace_ms, terminal, fds,
                      &fd_count);
        request = weir__json_take(&json, &length);
        if (request == NULL)
            return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a request");
        job->spawner = client->current;
        failed = send_descriptors(job->spawner, job);
        if (failed == 0)
            failed = weir__spawner_send(job->spawner, request, length, fds, fd_count);
        free(request);
        if (failed == EPIPE)
            lose_spawner(job->spawner);
    }
    if (failed == ETOOMANYREFS)
        return weir__fail(error, WEIR_ERR_SYSTEM, failed,
                          "cannot pass descriptors to weir-spawner: more are on their way between "
                          "this user's processes than one may have open: raise that limit "
                          "(ulimit -n), or start fewer at once");
    if (failed != 0)
        return weir__fail(
            error, WEIR_ERR_SYSTEM, failed,
            "cannot ask weir-spawner, which is %s (%s): is it there, and of this weir?",
            client->setup.path, client->setup.from);
    job->next = client->jobs;
    client->jobs = job;
    job->spawner->jobs++;
    weir__spawner_check_later(job->spawner);
    return 0;
}

int weir__job_start(struct weir__client *client, struct weir__job *job,
                    const struct weir__stage_start *stages, size_t count, int64_t grace_ms,
                    int terminal, struct weir_error *error)
{
    int status;

    if (count > (WEIR__DATAGRAM_FDS - 1) / 4)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%zu stages are too many: up to %d", count,
                          (WEIR__DATAGRAM_FDS - 1) / 4);
    if (job->descriptor_count > 0
        && check_descriptors(job->descriptors, job->descriptor_count, error) < 0)
        return WEIR_ERR_INVALID;
    job->id = ++client->last_id;
    job->group = 0;
    job->survivor_count = 0;
    weir__job_tag_make(job->tag);
    hold(client);
    status = start_job(client, job, stages, count, grace_ms, terminal, error);
    for (size_t i = 0; i < count && status == 0 && client->trace != NULL; i++)
        weir__trace_process(client->trace, job->id, i, stages[i].command->argv[0]);
    release(client);
    return status;
}

/* What is said of a job that runs takes no memory: it cannot be left unsaid.  A broken
 * line is noticed by its reader, a silent one by its clock. */
static void send_job_request(struct weir__client *client, const struct weir__job *job,
                             const char *op, const char *key, int64_t value,
                             const struct weir__stop_sequence *stop)
{
    char request[128 + WEIR_STOP_STEPS * 64];
    size_t length;

    if (job->is_over || find_job(client, job->id) != job)
        return;
    length = (size_t)snprintf(request, sizeof request, "{\"op\":\"%s\",\"job\":%lld,\"%s\":%lld",
                              op, (long long)job->id, key, (long long)value);
    for (size_t i = 0; stop != NULL && i < stop->count; i++)
        length +=
            (size_t)snprintf(request + length, sizeof request - length, "%s[%d,%lld]%s",
                             i == 0 ? ",\"stop\":[" : ",", stop->steps[i].signal,
                             (long long)stop->steps[i].wait_ms, i + 1 == stop->count ? "]" : "");
    request[length++] = '}';
    weir__spawner_send(job->spawner, request, length, NULL, 0);
    weir__spawner_check(job->spawner);
}

void weir__job_stop_with(struct weir__client *client, const struct weir__job *job,
                         const struct weir__stop_sequence *stop, int64_t grace_ms)
{
    send_job_request(client, job, "stop", "grace_ms", grace_ms, stop);
}

void weir__job_stop(struct weir__client *client, const struct weir__job *job, int64_t grace_ms)
{
    weir__job_stop_with(client, job, NULL, grace_ms);
}

void weir__job_release(struct weir__client *client, const struct weir__job *job)
{
    send_job_request(client, job, "release", "grace_ms", 0, NULL);
}

void weir__job_signal(struct weir__client *client, const struct weir__job *job, int signal)
{
    send_job_request(client, job, "signal", "signal", signal, NULL);
}

void weir__job_abandon(struct weir__client *client, struct weir__job *job)
{
    hold(client);
    if (!client->is_closing)
        weir__job_stop(client, job, 0);
    remove_job(client, job);
    if (client->trace != NULL)
        weir__trace_job_over(client->trace, job->id);
    release(client);
}
