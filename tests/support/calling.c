#include "config.h"

#include "support/calling.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

struct weir_pool_options worker_pool(const char *const *arguments)
{
    static char path[4096];
    static const char *argv[10];
    static struct weir_command command;
    static const struct weir_command *const commands[] = {&command};
    struct weir_pool_options options;
    int count = 0;

    snprintf(path, sizeof path, "%s", child_path("rpc_worker"));
    argv[count++] = path;
    for (; arguments != NULL && *arguments != NULL; arguments++)
        argv[count++] = *arguments;
    argv[count] = NULL;
    command = command_of(argv);
    weir_pool_options_init(&options);
    options.commands = commands;
    options.command_count = 1;
    options.workers = 1;
    options.stderr_fd = -1;
    options.cancel_grace_ms = 100;
    options.interrupt_grace_ms = 100;
    options.grace_ms = 100;
    options.backoff_ms = 10;
    options.start_timeout_ms = PATIENCE_MS;
    return options;
}

weir_pool_t *open_pool(weir_t *weir, const struct weir_pool_options *options)
{
    struct weir_error error = {0};
    weir_pool_t *pool = weir_pool_open(weir, options, &error);

    if (pool == NULL)
        printf("# %s: %s\n", weir_status_name(error.status), error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    return pool;
}

weir_pool_t *open_ready_pool(weir_t *weir, const struct weir_pool_options *options)
{
    struct weir_error error = {0};
    weir_pool_t *pool = open_pool(weir, options);
    int status = weir_pool_wait_ready(pool, 0, PATIENCE_MS, &error);

    if (status < 0)
        printf("# %s: %s\n", weir_status_name(error.status), error.text);
    CU_ASSERT_EQUAL(status, 0);
    return pool;
}

struct weir_call_options call_options(void)
{
    struct weir_call_options options;

    weir_call_options_init(&options);
    return options;
}

struct weir_reply call(weir_pool_t *pool, const char *method, const char *params,
                       const struct weir_call_options *options)
{
    struct weir_error error = {0};
    struct weir_reply reply = {0};
    int status = weir_call(pool, method, params, options, &reply, &error);

    if (status < 0)
        printf("# %s: %s\n", weir_status_name(error.status), error.text);
    CU_ASSERT_EQUAL(status, 0);
    return reply;
}

weir_call_t *start_call(weir_pool_t *pool, const char *method, const char *params,
                        const struct weir_call_options *options)
{
    struct weir_error error = {0};
    weir_call_t *started = weir_call_start(
        pool, method, params, params != NULL ? strlen(params) : 0, options, NULL, &error);

    if (started == NULL)
        printf("# %s: %s\n", weir_status_name(error.status), error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    return started;
}

struct weir_reply finish_call(weir_call_t *started)
{
    struct weir_error error = {0};
    struct weir_reply reply = {0};
    int status = weir_call_wait(started, &reply, &error);

    if (status < 0)
        printf("# %s: %s\n", weir_status_name(error.status), error.text);
    CU_ASSERT_EQUAL(status, 0);
    weir_call_free(started);
    return reply;
}

static void show(const struct weir_reply *reply)
{
    printf("# %s (%lld): %.200s\n", weir_outcome_name(reply->outcome), (long long)reply->code,
           reply->result != NULL    ? reply->result
           : reply->message != NULL ? reply->message
                                    : "");
}

int returned(struct weir_reply reply, const char *result)
{
    int is = reply.outcome == WEIR_CALL_RETURNED && reply.result != NULL
             && strlen(result) == reply.length && memcmp(reply.result, result, reply.length) == 0
             && reply.result[reply.length] == '\0' && reply.message == NULL && reply.error == NULL;

    if (!is)
        show(&reply);
    weir_reply_clear(&reply);
    return is;
}

int ended_saying(struct weir_reply reply, enum weir_outcome outcome, const char *text)
{
    int is = reply.outcome == outcome && reply.result == NULL && reply.message != NULL
             && reply.error != NULL && strstr(reply.message, text) != NULL;
    json_t *error = reply.error != NULL ? json_loads(reply.error, 0, NULL) : NULL;

    if (!is)
        show(&reply);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(error, "code")), reply.code);
    CU_ASSERT(json_is_string(json_object_get(error, "message")));
    json_decref(error);
    weir_reply_clear(&reply);
    return is;
}

int ended(struct weir_reply reply, enum weir_outcome outcome)
{
    return ended_saying(reply, outcome, "");
}

int sent(weir_call_t *started, const char *value)
{
    struct weir_error error = {0};
    int status = weir_call_send(started, value, strlen(value), &error);

    if (status < 0)
        printf("# %s: %s\n", weir_status_name(error.status), error.text);
    return status == 1;
}

int next_is(weir_call_t *started, const char *value)
{
    struct weir_error error = {0};
    const char *bytes = "";
    size_t length = 0;
    int status = weir_call_next(started, &bytes, &length, &error);

    if (status == 1 && length == strlen(value) && memcmp(bytes, value, length) == 0)
        return 1;
    printf("# %d: %.*s\n", status, (int)length, bytes);
    return 0;
}

/* --- Figures ----------------------------------------------------------------- */

static json_t *stats_of(weir_pool_t *pool)
{
    char *text = weir_pool_stats(pool);
    json_t *stats = text != NULL ? json_loads(text, 0, NULL) : NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(stats);
    free(text);
    return stats;
}

long long stat_of(weir_pool_t *pool, const char *name)
{
    json_t *stats = stats_of(pool);
    const json_t *value = json_object_get(stats, name);
    long long number = json_is_integer(value) ? json_integer_value(value) : -1;

    json_decref(stats);
    return number;
}

int count_workers(weir_pool_t *pool, const char *state)
{
    json_t *stats = stats_of(pool);
    json_t *worker;
    size_t i;
    int count = 0;

    json_array_foreach(json_object_get(stats, "workers"), i, worker) count +=
        strcmp(json_string_value(json_object_get(worker, "state")), state) == 0;
    json_decref(stats);
    return count;
}

pid_t worker_pid(weir_pool_t *pool)
{
    json_t *stats = stats_of(pool);
    json_t *worker = json_array_get(json_object_get(stats, "workers"), 0);
    pid_t pid = (pid_t)json_integer_value(json_object_get(worker, "pid"));

    json_decref(stats);
    return pid;
}

struct awaited {
    weir_pool_t *pool;
    const char *name;
    long long value;
};

static int has_stat(void *data)
{
    const struct awaited *awaited = data;

    return stat_of(awaited->pool, awaited->name) == awaited->value;
}

static int has_workers(void *data)
{
    const struct awaited *awaited = data;

    return count_workers(awaited->pool, awaited->name) == awaited->value;
}

int await_stat(weir_t *weir, weir_pool_t *pool, const char *name, long long value)
{
    struct awaited awaited = {pool, name, value};

    return dispatch_until(weir, has_stat, &awaited);
}

int await_workers(weir_t *weir, weir_pool_t *pool, const char *state, int count)
{
    struct awaited awaited = {pool, state, count};

    return dispatch_until(weir, has_workers, &awaited);
}

void close_idle(weir_t *weir, weir_pool_t *pool)
{
    CU_ASSERT_EQUAL(stat_of(pool, "running"), 0);
    CU_ASSERT_EQUAL(stat_of(pool, "queued"), 0);
    weir_pool_close(pool, PATIENCE_MS);
    weir_close(weir);
}
