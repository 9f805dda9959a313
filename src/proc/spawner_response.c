#include "config.h"

#include "proc/spawner_response.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_parse.h"
#include "base/trace.h"
#include "proc/spawner_client.h"

struct weir__job *weir__job_find(const struct weir__client *client, int64_t id)
{
    struct weir__job *job = client->jobs;

    while (job != NULL && job->id != id)
        job = job->next;
    return job;
}

void weir__job_remove(struct weir__client *client, const struct weir__job *gone)
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
    weir__job_remove(client, job);
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

static int dispatch_response(struct weir__spawner *spawner, const json_t *response)
{
    const char *what = json_string_value(json_object_get(response, "what"));
    int64_t id = number(response, "job");
    struct weir__client *client = spawner->client;
    struct weir__job *job = weir__job_find(client, id);

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

int weir__spawner_response_take(struct weir__spawner *spawner, struct weir__datagram *message)
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
        job = weir__job_find(client, id);
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
