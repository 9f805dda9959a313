/* The protocol of docs/protocol.md, as the server speaks it: section 11. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool/front.h"
#include "pool/lending.h"
#include "pool/pool.h"
#include "pool/server_call.h"
#include "rpc/rpc_write.h"

/* --- Requests -------------------------------------------------------------- */

static void answer_result(struct weir__connection *connection, struct weir__batch *batch,
                          struct weir__slice id, char *result)
{
    struct weir_reply reply = {.outcome = WEIR_CALL_RETURNED, .result = result};

    if (result == NULL) {
        weir__connection_answer(connection, batch, id, NULL, -32603, "no memory");
        return;
    }
    reply.length = strlen(result);
    weir__connection_answer(connection, batch, id, &reply, 0, NULL);
    free(result);
}

/* Calls that the pool's workers run at a time, if each runs one. */
static unsigned count_workers(const struct weir_pool *pool)
{
    unsigned count = 0;

    for (size_t i = 0; i < pool->group_count; i++)
        count += pool->groups[i].kind.workers;
    return count;
}

static char *hello(struct weir__connection *connection, int with_schemas)
{
    char *methods = weir__pool_methods(connection->server->pool, with_schemas), node[256] = "",
         head[128];
    struct weir__buffer text = {0};
    static const char between[] = ",\"methods\":";
    int status = methods == NULL ? -1 : 0;

    gethostname(node, sizeof node - 1);
    snprintf(head, sizeof head,
             "{\"version\":1,\"name\":\"weir serve\",\"pid\":%ld,\"concurrency\":%u,\"node\":",
             (long)getpid(), count_workers(connection->server->pool));
    if (status >= 0)
        status = weir__buffer_add(&text, head, strlen(head), NULL);
    if (status >= 0)
        status = weir__write_string(&text, node, strlen(node));
    if (status >= 0)
        status = weir__buffer_add(&text, between, sizeof between - 1, NULL);
    if (status >= 0)
        status = weir__buffer_add(&text, methods, strlen(methods), NULL);
    if (status >= 0)
        status = weir__buffer_add(&text, "}", 2, NULL); /* including its NUL byte */
    free(methods);
    if (status < 0)
        weir__buffer_clear(&text);
    return text.bytes;
}

static void read_hello(struct weir__connection *connection, struct weir__batch *batch,
                       const struct weir__message *message)
{
    static const char *const names[] = {"version", "schemas"};
    struct weir__slice found[2];

    weir__object_get(message->params, names, found, 2);
    if (weir__slice_number(found[0]) >= 1)
        answer_result(connection, batch, message->id,
                      hello(connection, weir__slice_type(found[1]) == 't'));
    else
        weir__connection_answer(connection, batch, message->id, NULL, -32602,
                                "version must be an integer, 1 or more");
}

/* A client may call every function, so it may replace a worker. */
static void recycle(struct weir__connection *connection, struct weir__batch *batch,
                    const struct weir__message *message)
{
    static const char *const names[] = {"pid", "node"};
    struct weir__slice found[2];
    int64_t pid;
    char *node;

    weir__object_get(message->params, names, found, 2);
    pid = weir__slice_number(found[0]);
    node = weir__slice_string(found[1], NULL); /* NULL: any */
    if (pid <= 0 || pid > INT_MAX
        || (node == NULL && found[1].bytes != NULL && weir__slice_type(found[1]) != 'n'))
        weir__connection_answer(connection, batch, message->id, NULL, -32602,
                                "pid must be that of a worker, and node a string");
    else if (weir__pool_recycle(connection->server->pool, (pid_t)pid, node))
        answer_result(connection, batch, message->id, strdup("true"));
    else
        weir__connection_answer(connection, batch, message->id, NULL, -32602,
                                "no worker that is ready has this pid: see weir/stats");
    free(node);
}

/* Returns the cost in messages. */
static int read_request(struct weir__connection *connection, struct weir__batch *batch,
                        const struct weir__message *message)
{
    if (connection->server->refusal != NULL) {
        connection->server->refused_calls++;
        weir__connection_answer(connection, batch, message->id, NULL, -33007,
                                connection->server->refusal);
    } else if (weir__slice_is(message->method, "weir/hello")) {
        read_hello(connection, batch, message);
    } else if (weir__slice_is(message->method, "weir/methods")) {
        answer_result(connection, batch, message->id,
                      weir__pool_methods(connection->server->pool, 0));
    } else if (weir__slice_is(message->method, "weir/stats")) {
        answer_result(connection, batch, message->id, weir__server_stats(connection->server));
    } else if (weir__slice_is(message->method, "weir/recycle")) {
        recycle(connection, batch, message);
    } else if (weir__slice_is(message->method, "weir/lend")) {
        weir__lending_ask(connection, batch, message);
    } else {
        weir__server_call_start(connection, batch, message);
        return 1;
    }
    return WEIR__BUILT_IN_COST;
}

/* Returns the cost. */
static int hear(struct weir__connection *connection, struct weir__batch *batch,
                const struct weir__message *message)
{
    struct weir__slice id = message->id.bytes != NULL ? message->id : weir__slice_of("null");

    switch (message->kind) {
    case WEIR__MESSAGE_REQUEST:
        return read_request(connection, batch, message);
    case WEIR__MESSAGE_NOTIFICATION:
        if (connection->lending == NULL || !weir__lending_notice(connection, message))
            weir__server_call_notice(connection, message);
        break;
    case WEIR__MESSAGE_NOT_JSON:
    case WEIR__MESSAGE_NOISE:
        weir__connection_answer(connection, batch, id, NULL, -32700, "the line is not JSON");
        break;
    case WEIR__MESSAGE_BLANK:
        break;
    default:
        weir__connection_answer(connection, batch, id, NULL, -32600,
                                message->reason != NULL ? message->reason : "it is not a request");
        break;
    }
    return 1;
}

static void refuse(struct weir__connection *connection, struct weir__batch *batch, int64_t code,
                   const char *message)
{
    weir__connection_answer(connection, batch, weir__slice_of("null"), NULL, code, message);
}

const struct weir__front weir__front_native = {.hear = hear, .refuse = refuse};
