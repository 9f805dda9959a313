#include "config.h"

#include "spawner/request.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_parse.h"
#include "base/json_tree.h"
#include "base/process_tree.h"

static void strings_free(char **strings)
{
    if (strings == NULL)
        return;
    for (size_t i = 0; strings[i] != NULL; i++)
        free(strings[i]);
    free(strings);
}

void request_clear(struct request *request)
{
    for (size_t i = 0; i < request->stage_count; i++) {
        strings_free(request->stages[i].argv);
        strings_free(request->stages[i].env_set);
        strings_free(request->stages[i].env_unset);
        free(request->stages[i].program);
    }
    free(request->stages);
    free(request->tag);
    free(request->numbers);
    *request = (struct request){0};
}

/* An absent list is an empty one. */
static int parse_strings(const json_t *stage, const char *key, char ***strings,
                         struct weir_error *error)
{
    const json_t *list = json_object_get(stage, key);
    size_t count = json_array_size(list);

    if (list != NULL && !json_is_array(list))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%s is not a list", key);
    *strings = calloc(count + 1, sizeof **strings);
    if (*strings == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %s", key);
    for (size_t i = 0; i < count; i++) {
        (*strings)[i] = weir__tree_bytes_take(json_array_get(list, i));
        if ((*strings)[i] == NULL && errno == ENOMEM)
            return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %s", key);
        if ((*strings)[i] == NULL)
            return weir__fail(error, WEIR_ERR_INVALID, 0, "%s[%zu] is not a string", key, i);
    }
    return 0;
}

static int parse_position(const json_t *object, const char *key, size_t fd_count, int *position,
                          struct weir_error *error)
{
    const json_t *value = json_object_get(object, key);

    *position = -1;
    if (value == NULL)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0
        || (size_t)json_integer_value(value) >= fd_count)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%s is not a position among %zu descriptors",
                          key, fd_count);
    *position = (int)json_integer_value(value);
    return 0;
}

static int parse_limits(const json_t *list, struct request_stage *stage, struct weir_error *error)
{
    if (list == NULL)
        return 0;
    if (!json_is_array(list) || json_array_size(list) > REQUEST_LIMITS)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "limits is not a list of up to %d",
                          REQUEST_LIMITS);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *resource = json_array_get(json_array_get(list, i), 0);
        const json_t *value = json_array_get(json_array_get(list, i), 1);

        if (!json_is_integer(resource) || !json_is_integer(value)
            || json_integer_value(resource) < 0 || json_integer_value(resource) > 64
            || json_integer_value(value) < 0)
            return weir__fail(error, WEIR_ERR_INVALID, 0, "limits[%zu] is not a pair of numbers",
                              i);
        stage->limits[stage->limit_count++] = (struct request_limit){
            .resource = (int)json_integer_value(resource),
            .value = (rlim_t)json_integer_value(value),
        };
    }
    return 0;
}

static rlim_t limit_of(const json_t *value)
{
    return json_integer_value(value) >= 0 ? (rlim_t)json_integer_value(value) : RLIM_INFINITY;
}

static int parse_host_limits(const json_t *list, struct request *request, struct weir_error *error)
{
    size_t count = json_array_size(list);

    if (list != NULL && (!json_is_array(list) || count > REQUEST_HOST_LIMITS))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "host_limits is not a list of up to %d",
                          REQUEST_HOST_LIMITS);
    for (size_t i = 0; i < count; i++) {
        const json_t *limit = json_array_get(list, i);

        for (size_t part = 0; part < 3; part++)
            if (!json_is_integer(json_array_get(limit, part)))
                return weir__fail(error, WEIR_ERR_INVALID, 0, "host_limits[%zu] is not a limit", i);
        request->host_limits[request->host_limit_count++] = (struct request_host_limit){
            .resource = (int)json_integer_value(json_array_get(limit, 0)),
            .both = {.rlim_cur = limit_of(json_array_get(limit, 1)),
                     .rlim_max = limit_of(json_array_get(limit, 2))},
        };
    }
    return 0;
}

/* Without a list there are no steps. */
static int parse_stop(const json_t *list, struct request *request, struct weir_error *error)
{
    size_t count = json_array_size(list);

    if (list != NULL && (!json_is_array(list) || count == 0 || count > WEIR_STOP_STEPS))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "stop is not a list of 1 to %d",
                          WEIR_STOP_STEPS);
    request->stop_count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *signal = json_array_get(json_array_get(list, i), 0);
        const json_t *wait = json_array_get(json_array_get(list, i), 1);

        if (!json_is_integer(signal) || !json_is_integer(wait) || json_integer_value(signal) < 0
            || json_integer_value(signal) >= NSIG || json_integer_value(wait) < 0)
            return weir__fail(error, WEIR_ERR_INVALID, 0, "stop[%zu] is not a signal and a time",
                              i);
        request->stop[i] =
            (struct weir_stop_step){(int)json_integer_value(signal), json_integer_value(wait)};
    }
    return 0;
}

/* What is seldom set. */
static int parse_setup(const json_t *object, struct request_stage *stage, struct weir_error *error)
{
    const json_t *mask = json_object_get(object, "umask"),
                 *argv0 = json_object_get(object, "argv0");

    stage->pty = json_is_true(json_object_get(object, "pty"));
    stage->session = stage->pty || json_is_true(json_object_get(object, "session"));
    stage->umask = json_is_integer(mask) ? (int)json_integer_value(mask) & 0777 : -1;
    if (stage->pty && stage->stdio[0] < 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "pty without a stdin");
    if (argv0 == NULL)
        return 0;
    stage->program = stage->argv[0];
    stage->argv[0] = weir__tree_bytes_take(argv0);
    if (stage->argv[0] != NULL)
        return 0;
    stage->argv[0] = stage->program; /* with it the list ends where it ended */
    stage->program = NULL;
    return errno == ENOMEM ? weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for argv0")
                           : weir__fail(error, WEIR_ERR_INVALID, 0, "argv0 is not a string");
}

static int parse_stage(const json_t *object, size_t fd_count, struct request_stage *stage,
                       struct weir_error *error)
{
    static const char *const stdio[] = {"stdin", "stdout", "stderr"};
    int status;

    status = parse_strings(object, "argv", &stage->argv, error);
    if (status == 0 && stage->argv[0] == NULL)
        status = weir__fail(error, WEIR_ERR_INVALID, 0, "argv is empty");
    if (status == 0)
        status = parse_strings(object, "env_set", &stage->env_set, error);
    if (status == 0)
        status = parse_strings(object, "env_unset", &stage->env_unset, error);
    if (status == 0)
        status = parse_position(object, "cwd", fd_count, &stage->cwd, error);
    for (int i = 0; i < 3 && status == 0; i++)
        status = parse_position(object, stdio[i], fd_count, &stage->stdio[i], error);
    if (status == 0)
        status = parse_position(object, "warm", fd_count, &stage->warm, error);
    if (status == 0)
        status = parse_limits(json_object_get(object, "limits"), stage, error);
    if (status == 0)
        status = parse_setup(object, stage, error);
    stage->env_clear = json_is_true(json_object_get(object, "env_clear"));
    stage->nice = (int)json_integer_value(json_object_get(object, "nice"));
    return status;
}

static int parse_start(const json_t *root, size_t fd_count, struct request *request,
                       struct weir_error *error)
{
    const json_t *tag = json_object_get(root, "cookie");
    const json_t *stages = json_object_get(root, "stages");
    size_t count = json_array_size(stages);
    int status;

    if (!json_is_string(tag) || json_string_length(tag) != WEIR__JOB_TAG_SIZE - 1)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "a job needs a cookie");
    if (count == 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "a job needs stages");
    request->tag = strdup(json_string_value(tag));
    request->stages = calloc(count, sizeof *request->stages);
    if (request->tag == NULL || request->stages == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %zu stages", count);
    request->quiet = json_is_true(json_object_get(root, "quiet"));
    request->leaders = json_is_true(json_object_get(root, "leaders"));
    status = parse_position(root, "tty", fd_count, &request->tty, error);
    request->tty_group = (pid_t)json_integer_value(json_object_get(root, "tty_group"));
    if (status == 0)
        status = parse_stop(json_object_get(root, "stop"), request, error);
    if (status == 0 && request->stop_count == 0) /* SIGTERM, with all the grace */
        request->stop[request->stop_count++] = (struct weir_stop_step){SIGTERM, request->grace_ms};
    if (status == 0)
        status = parse_host_limits(json_object_get(root, "host_limits"), request, error);
    for (size_t i = 0; i < count && status == 0; i++) {
        request->stage_count = i + 1;
        status = parse_stage(json_array_get(stages, i), fd_count, &request->stages[i], error);
    }
    if (status == 0 && count > 1 && request->stages[0].warm >= 0)
        status = weir__fail(error, WEIR_ERR_INVALID, 0, "a warm stage is not alone");
    return status;
}

static int parse_pass(const json_t *root, struct request *request, struct weir_error *error)
{
    const json_t *numbers = json_object_get(root, "numbers");
    size_t count = json_array_size(numbers);

    request->numbers = calloc(count + 1, sizeof *request->numbers);
    if (request->numbers == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %zu numbers", count);
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(numbers, i);

        if (!json_is_integer(number) || json_integer_value(number) < 3
            || json_integer_value(number) > INT_MAX / 2)
            return weir__fail(error, WEIR_ERR_INVALID, 0, "numbers[%zu] is not a descriptor", i);
        request->numbers[request->number_count++] = (int)json_integer_value(number);
    }
    return 0;
}

int64_t request_begins(const char *text)
{
    static const char beginning[] = "{\"op\":\"start\",\"job\":";
    size_t length = sizeof beginning - 1;
    long long job = strncmp(text, beginning, length) == 0 ? strtoll(text + length, NULL, 10) : 0;

    return job > 0 ? job : 0;
}

/* Reads the steps of a stop, if it has any.  Returns what is behind them, or where a fault is. */
static const char *parse_short_steps(const char *text, struct request *request)
{
    static const char beginning[] = ",\"stop\":";
    int is_list = strncmp(text, beginning, sizeof beginning - 1) == 0;
    const char *at = is_list ? text + sizeof beginning - 1 : text;

    for (size_t i = 0; is_list && i < WEIR_STOP_STEPS && *at != ']'; i++) {
        long long signal, wait_ms;
        int end = 0;

        if (*at != (i == 0 ? '[' : ',')
            || sscanf(at + 1, "[%lld,%lld]%n", &signal, &wait_ms, &end) != 2 || end == 0
            || signal < 0 || signal >= NSIG || wait_ms < 0)
            return at;
        request->stop[request->stop_count++] = (struct weir_stop_step){(int)signal, wait_ms};
        at += 1 + end;
    }
    return is_list && *at == ']' ? at + 1 : at;
}

/* What is said of a job that runs is read without taking memory: a stop that is lost
 * would leave it running, and a host waits for what it asked to leave.  Returns 0 for
 * what is not spelt as the host does. */
static int parse_short(const char *text, struct request *request)
{
    static const char *const forms[] = {
        [REQUEST_SIGNAL] = "{\"op\":\"signal\",\"job\":%lld,\"signal\":%lld%n",
        [REQUEST_STOP] = "{\"op\":\"stop\",\"job\":%lld,\"grace_ms\":%lld%n",
        [REQUEST_RELEASE] = "{\"op\":\"release\",\"job\":%lld,\"grace_ms\":%lld%n",
    };

    *request = (struct request){.job = 1};
    if (request_begins(text) > 0) /* a start is long */
        return 0;
    if (strcmp(text, "{\"op\":\"ping\",\"job\":1}") == 0) {
        request->op = REQUEST_PING;
        return 1;
    }
    if (strcmp(text, "{\"op\":\"leave\",\"job\":1}") == 0) {
        request->op = REQUEST_LEAVE;
        return 1;
    }
    for (enum request_op op = REQUEST_SIGNAL; op <= REQUEST_RELEASE; op++) {
        struct request made = {.op = op};
        long long job, value;
        const char *rest;
        int end = 0;

        if (sscanf(text, forms[op], &job, &value, &end) != 2 || job <= 0 || value < 0)
            continue;
        rest = op == REQUEST_STOP ? parse_short_steps(text + end, &made) : text + end;
        if (strcmp(rest, "}") != 0)
            continue;
        made.job = job;
        if (op == REQUEST_SIGNAL)
            made.signal = (int)value;
        else
            made.grace_ms = value;
        *request = made;
        return 1;
    }
    return 0;
}

int request_parse(const char *text, size_t length, size_t fd_count, struct request *request,
                  struct weir_error *error)
{
    struct request made = {0};
    json_error_t fault;
    const char *op;
    json_t *root;
    int status = 0;

    if (parse_short(text, request))
        return 0;
    root = weir__json_parse(text, length, JSON_REJECT_DUPLICATES, &fault);
    op = json_string_value(json_object_get(root, "op"));
    request->job = 0;
    if (root == NULL && json_error_code(&fault) == json_error_out_of_memory) {
        request->job = request_begins(text);
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a request");
    }
    if (root == NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "request is not JSON: %s", fault.text);
    made.job = json_integer_value(json_object_get(root, "job"));
    made.grace_ms = json_integer_value(json_object_get(root, "grace_ms"));
    made.signal = (int)json_integer_value(json_object_get(root, "signal"));
    if (op == NULL || made.job <= 0 || made.grace_ms < 0) {
        status = weir__fail(error, WEIR_ERR_INVALID, 0, "request has no op, job or grace");
    } else if (strcmp(op, "start") == 0) {
        made.op = REQUEST_START;
        status = parse_start(root, fd_count, &made, error);
    } else if (strcmp(op, "pass") == 0) {
        made.op = REQUEST_PASS;
        status = parse_pass(root, &made, error);
    } else if (strcmp(op, "signal") == 0) {
        made.op = REQUEST_SIGNAL;
    } else if (strcmp(op, "stop") == 0) {
        made.op = REQUEST_STOP;
        status = parse_stop(json_object_get(root, "stop"), &made, error);
    } else if (strcmp(op, "release") == 0) {
        made.op = REQUEST_RELEASE;
    } else if (strcmp(op, "ping") == 0) {
        made.op = REQUEST_PING;
    } else if (strcmp(op, "leave") == 0) {
        made.op = REQUEST_LEAVE;
    } else {
        status = weir__fail(error, WEIR_ERR_INVALID, 0, "unknown op \"%s\"", op);
    }
    json_decref(root);
    if (status < 0) {
        *request = (struct request){.job = made.job};
        request_clear(&made);
    } else {
        *request = made;
    }
    return status;
}
