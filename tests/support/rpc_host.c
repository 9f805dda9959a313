/* rpc_host DIALECT WORKER [ARGUMENT...]: a host of workers, or of MCP servers (DIALECT mcp), for
 * the vectors in tests/data/rpc and tests/data/mcp.  Reads what to do from stdin, a JSON object a
 * line, as their README names the steps; writes what happens to stdout, a JSON array a line:
 *
 *   ["started", true]   ["value", CALL, VALUE]   ["done", CALL, OUTCOME, RESULT or ERROR]
 *   ["stats", {...}]
 */
#include "config.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

struct call {
    struct call *next;
    char name[32];
    weir_call_t *call;
    json_t *feed; /* values that wait for credit */
    int finishes; /* the input is over when they are sent */
};

static weir_pool_t *pool;
static struct call *calls;

static void be_ready(weir_pool_t *ready, const struct weir_error *error, void *context)
{
    (void)ready;
    (void)context;
    printf("[\"started\",%s]\n", error == NULL ? "true" : "false");
}

static void value(weir_call_t *call, const char *bytes, size_t length, void *context)
{
    (void)call;
    printf("[\"value\",\"%s\",%.*s]\n", ((struct call *)context)->name, (int)length, bytes);
}

static void feed(struct call *call)
{
    while (call->call != NULL && json_array_size(call->feed) > 0
           && weir_call_credit(call->call) > 0) {
        char *text = json_dumps(json_array_get(call->feed, 0), JSON_ENCODE_ANY | JSON_COMPACT);

        weir_call_send(call->call, text, strlen(text), NULL);
        free(text);
        json_array_remove(call->feed, 0);
    }
    if (call->call != NULL && call->finishes && json_array_size(call->feed) == 0) {
        call->finishes = 0;
        weir_call_end(call->call, NULL);
    }
}

static void credit(weir_call_t *call, void *context)
{
    (void)call;
    feed(context);
}

static void done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    struct call *mine = context;

    mine->call = NULL;
    printf("[\"done\",\"%s\",\"%s\",%s]\n", mine->name, weir_outcome_name(reply->outcome),
           reply->outcome == WEIR_CALL_RETURNED ? reply->result : reply->error);
    weir_call_free(call);
}

static struct call *find(const json_t *name)
{
    struct call *call = calls;

    while (call != NULL && strcmp(call->name, json_string_value(name)) != 0)
        call = call->next;
    if (call == NULL)
        abort();
    return call;
}

static void begin(const json_t *step)
{
    struct weir_call_sink sink = {
        .size = sizeof sink, .on_value = value, .on_credit = credit, .on_done = done};
    struct weir_call_options options;
    struct call *call = calloc(1, sizeof *call);
    const json_t *params = json_object_get(step, "params"),
                 *ms = json_object_get(step, "deadline_ms");
    char *text = params != NULL ? json_dumps(params, JSON_COMPACT) : NULL;

    snprintf(call->name, sizeof call->name, "%s", json_string_value(json_object_get(step, "name")));
    call->feed = json_array();
    call->next = calls;
    calls = call;
    sink.context = call;
    weir_call_options_init(&options);
    options.input = json_is_true(json_object_get(step, "input"));
    options.idempotent = -1;
    if (ms != NULL)
        options.timeout_ms = json_integer_value(ms);
    call->call = weir_call_start(pool, json_string_value(json_object_get(step, "method")), text,
                                 text != NULL ? strlen(text) : 0, &options, &sink, NULL);
    free(text);
}

static void take_step(const json_t *step)
{
    const char *kind = json_object_iter_key(json_object_iter((json_t *)step));
    const json_t *what = json_object_get(step, kind);
    const json_t *name = json_is_object(what) ? json_object_get(what, "call") : what;
    struct call *call;
    char *text;

    if (strcmp(kind, "call") == 0) {
        begin(what);
        return;
    }
    if (strcmp(kind, "stats") == 0) {
        text = weir_pool_stats(pool);
        printf("[\"stats\",%s]\n", text);
        free(text);
        return;
    }
    call = find(name);
    if (strcmp(kind, "feed") == 0) {
        json_array_append(call->feed, json_object_get(what, "value"));
        feed(call);
    } else if (strcmp(kind, "finish") == 0) {
        call->finishes = 1;
        feed(call);
    } else if (call->call == NULL) {
        return;
    } else if (strcmp(kind, "fail_input") == 0) {
        weir_call_end(call->call, json_string_value(
                                      json_object_get(json_object_get(what, "error"), "message")));
    } else if (strcmp(kind, "grant") == 0) {
        weir_call_grant(call->call, 1);
    } else if (strcmp(kind, "cancel") == 0) {
        weir_call_cancel(call->call);
    }
}

/* Returns 0 at the end of the steps. */
static int read_steps(weir_lines_t *lines)
{
    struct weir_line line;
    char bytes[65536];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);

    if (count <= 0)
        return 0;
    weir_lines_feed(lines, bytes, (size_t)count, NULL);
    while (weir_lines_next(lines, &line, NULL) == 1) {
        json_t *step = json_loadb(line.bytes, line.length, 0, NULL);

        take_step(step);
        json_decref(step);
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct weir_pool_options options;
    struct weir_command command;
    struct weir_error error;
    weir_lines_t *lines = weir_lines_new(WEIR_MAX_LINE);
    weir_t *weir = weir_open(NULL, &error);
    int more = 1;

    if (argc < 3 || weir == NULL || lines == NULL)
        return 2;
    weir_command_init(&command);
    command.argv = (const char *const *)argv + 2;
    weir_pool_options_init(&options);
    options.commands = (const struct weir_command *[]){&command};
    options.command_count = 1;
    options.workers = 1;
    if (strcmp(argv[1], "mcp") == 0)
        options.dialect = WEIR_DIALECT_MCP;
    options.start_attempts = 1;
    pool = weir_pool_open(weir, &options, &error);
    if (pool == NULL)
        return 2;
    weir_pool_on_ready(pool, 1, be_ready, NULL);
    while (more) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = weir_fd(weir), .events = POLLIN}};

        fflush(stdout);
        poll(fds, 2, weir_timeout_ms(weir));
        weir_dispatch(weir, NULL);
        if (fds[0].revents != 0)
            more = read_steps(lines);
    }
    while (calls != NULL) {
        struct call *call = calls;

        calls = call->next;
        weir_call_free(call->call);
        json_decref(call->feed);
        free(call);
    }
    weir_pool_close(pool, 0);
    weir_close(weir);
    weir_lines_free(lines);
    return 0;
}
