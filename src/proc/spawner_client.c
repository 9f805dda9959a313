#include "config.h"

#include "proc/spawner_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json_writer.h"
#include "base/datagram.h"
#include "proc/command.h"
#include "proc/spawner_ahead.h"
#include "proc/spawner_process.h"
#include "proc/spawner_path.h"
#include "proc/spawner_response.h"
#include "proc/start_request.h"

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

/* --- Responses ---------------------------------------------------------------- */

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
        weir__job_remove(client, job);
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
        if (!weir__spawner_response_take(spawner, &message) && spawner->link.socket >= 0) {
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

/* --- Jobs -------------------------------------------------------------------- */

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
        weir__start_request_write(&json, client->current, job, stages, count, grace_ms, terminal,
                                  fds, &fd_count);
        request = weir__json_take(&json, &length);
        if (request == NULL)
            return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a request");
        job->spawner = client->current;
        failed = weir__start_request_pass(job->spawner, job);
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
        && weir__start_request_check(job->descriptors, job->descriptor_count, error) < 0)
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

    if (job->is_over || weir__job_find(client, job->id) != job)
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
    weir__job_remove(client, job);
    if (client->trace != NULL)
        weir__trace_job_over(client->trace, job->id);
    release(client);
}
