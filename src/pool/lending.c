#include "config.h"

#include "pool/lending.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_tree.h"
#include "pool/pool.h"
#include "pool/pool_worker.h"
#include "pool/worker_group.h"
#include "rpc/rpc_write.h"

enum { MAX_WAITS = 64, STDERR_TAIL = 2000 };

/* A request that waits for a free worker. */
struct lend_wait {
    struct lend_wait *next;
    size_t kind;
    size_t length;
    char id[];
};

struct weir__lending {
    struct weir__connection *connection;
    struct lend_wait *waits, **last_wait;
    size_t wait_count;
    uint64_t last; /* number of the worker lent last */
};

static const struct weir__slice nothing = {NULL, 0};

static struct weir_pool *pool_of(const struct weir__lending *lending)
{
    return lending->connection->server->pool;
}

static void refuse(struct weir__connection *connection, struct weir__slice id, int64_t code,
                   const char *why)
{
    weir__connection_sent(connection,
                          weir__write_error(&connection->sending, id, code, why, nothing));
}

/* --- Lending ----------------------------------------------------------------- */

/* The answer: what the client has to know of the worker. */
static char *describe(const struct weir__pool_worker *worker, uint64_t number)
{
    json_t *about = json_pack("{s:I,s:I,s:I,s:I,s:O}", "worker", (json_int_t)number, "kind",
                              (json_int_t)worker->group->number, "pid",
                              (json_int_t)weir__pool_worker_pid(worker), "concurrency",
                              (json_int_t)worker->window, "methods", worker->group->methods);
    char *text = weir__tree_text(about, JSON_COMPACT);

    json_decref(about);
    return text;
}

static void lend(struct weir__lending *lending, struct weir__pool_worker *worker,
                 struct weir__slice id)
{
    struct weir__connection *connection = lending->connection;
    struct weir__parcel *parcel = calloc(1, sizeof *parcel);
    char *text = describe(worker, lending->last + 1);
    int status = parcel != NULL && text != NULL ? 0 : WEIR_ERR_NOMEM;

    if (parcel != NULL)
        parcel->fds[0] = parcel->fds[1] = -1;
    if (status == 0) {
        parcel->at = connection->written + weir__connection_owed(connection);
        parcel->fds[0] = fcntl(worker->child.in_fd, F_DUPFD_CLOEXEC, 3);
        parcel->fds[1] = fcntl(worker->child.out_fd, F_DUPFD_CLOEXEC, 3);
        status = parcel->fds[0] < 0 || parcel->fds[1] < 0
                     ? WEIR_ERR_SYSTEM
                     : weir__write_result(&connection->sending, id, weir__slice_of(text));
    }
    free(text);
    if (status < 0) {
        weir__parcel_free(parcel);
        refuse(connection, id, -33005, "no memory or descriptors for another worker");
        return;
    }
    lending->last++;
    weir__pool_worker_lend(worker, lending->last);
    weir__connection_add_parcel(connection, parcel);
    weir__connection_sent(connection, 0);
}

static struct weir__pool_worker *find_free(const struct weir__worker_group *group)
{
    struct weir__pool_worker *worker = group->workers;

    while (worker != NULL
           && (worker->state != WEIR__POOL_WORKER_READY || worker->lent != 0 || worker->is_old
               || worker->flights > 0 || weir__worker_unsent(&worker->child) > 0
               || weir__worker_is_cut_off(&worker->child)))
        worker = worker->next;
    return worker;
}

static void no_worker(struct weir__connection *connection, struct weir__slice id,
                      const struct weir__worker_group *group)
{
    char sentence[sizeof group->last_failure + 16];

    snprintf(sentence, sizeof sentence, "no worker: %s", group->last_failure);
    refuse(connection, id, -33007, sentence);
}

/* Returns whether the request was answered. */
static int try(struct weir__lending *lending, size_t kind, struct weir__slice id)
{
    struct weir_pool *pool = pool_of(lending);
    const struct weir__worker_group *group = &pool->groups[kind];
    struct weir__pool_worker *worker = find_free(group);

    if (pool->state != WEIR__POOL_OPEN)
        refuse(lending->connection, id, -33005, "the pool is closing");
    else if (group->kind.dialect == WEIR_DIALECT_MCP)
        refuse(lending->connection, id, -32600, "MCP servers are not lent");
    else if (group->is_known && group->methods == NULL)
        refuse(lending->connection, id, -32600, "workers that speak plain JSON-RPC are not lent");
    else if (group->is_down)
        no_worker(lending->connection, id, group);
    else if (worker != NULL)
        lend(lending, worker, id);
    else
        return 0;
    return 1;
}

/* The pool has changed: some worker may be free now, or never. */
static void offer(void *context)
{
    struct weir__lending *lending = context;
    struct lend_wait **at = &lending->waits, *wait;

    while ((wait = *at) != NULL && !lending->connection->is_over) {
        if (!try(lending, wait->kind, (struct weir__slice){wait->id, wait->length})) {
            at = &wait->next;
            continue;
        }
        *at = wait->next;
        free(wait);
        lending->wait_count--;
    }
    lending->last_wait = at;
    while (*lending->last_wait != NULL)
        lending->last_wait = &(*lending->last_wait)->next;
}

static int add_notice(struct weir__connection *connection, const char *method, json_t *params)
{
    json_t *notice =
        json_pack("{s:s,s:s,s:o}", "jsonrpc", "2.0", "method", method, "params", params);
    char *text = weir__tree_text(notice, JSON_COMPACT);
    int status = text != NULL ? weir__buffer_reserve(&connection->sending, strlen(text) + 1, NULL)
                              : WEIR_ERR_NOMEM;

    if (status >= 0) {
        weir__buffer_add(&connection->sending, text, strlen(text), NULL);
        weir__buffer_add(&connection->sending, "\n", 1, NULL);
    }
    free(text);
    json_decref(notice);
    return status;
}

static void notify(struct weir__connection *connection, const char *method, json_t *params)
{
    if (connection->is_over)
        json_decref(params);
    else
        weir__connection_sent(connection, add_notice(connection, method, params));
}

static void recall(void *context, const struct weir__pool_worker *worker)
{
    struct weir__lending *lending = context;

    notify(lending->connection, "weir/return",
           json_pack("{s:I}", "worker", (json_int_t)worker->lent));
}

static json_t *number_if(int holds, int value)
{
    return holds ? json_integer(value) : json_null();
}

static void tell_gone(void *context, const struct weir__pool_worker *worker)
{
    struct weir__lending *lending = context;
    const struct weir_result *result = &worker->child.result;
    char tail[STDERR_TAIL];

    weir__worker_tail(&worker->child, tail, sizeof tail);
    notify(lending->connection, "weir/gone",
           json_pack("{s:I,s:o,s:o,s:I,s:s,s:o}", "worker", (json_int_t)worker->lent, "exit",
                     number_if(result->end == WEIR_EXITED, result->code), "signal",
                     number_if(result->end == WEIR_SIGNALED, result->signal), "unread",
                     (json_int_t)worker->child.left_unread, "reason", worker->reason, "stderr_tail",
                     weir__tree_bytes(tail)));
}

static const struct weir__borrower_ops ops = {
    .offer = offer,
    .recall = recall,
    .gone = tell_gone,
};

/* --- What the client asks ---------------------------------------------------- */

/* Where the client's requests are kept. Returns NULL if out of memory. */
static struct weir__lending *lending_of(struct weir__connection *connection)
{
    struct weir__lending *lending = connection->lending;
    struct weir_pool *pool = connection->server->pool;

    if (lending != NULL)
        return lending;
    lending = calloc(1, sizeof *lending);
    if (lending == NULL)
        return NULL;
    lending->connection = connection;
    lending->last_wait = &lending->waits;
    connection->lending = lending;
    pool->borrower = &ops;
    pool->borrower_context = lending;
    return lending;
}

static int wait_for_one(struct weir__lending *lending, size_t kind, struct weir__slice id)
{
    struct lend_wait *wait = calloc(1, sizeof *wait + id.length);

    if (wait == NULL)
        return WEIR_ERR_NOMEM;
    wait->kind = kind;
    wait->length = id.length;
    memcpy(wait->id, id.bytes, id.length);
    *lending->last_wait = wait;
    lending->last_wait = &wait->next;
    lending->wait_count++;
    return 0;
}

void weir__lending_ask(struct weir__connection *connection, const struct weir__batch *batch,
                       const struct weir__message *message)
{
    static const char *const names[] = {"kind"};
    struct weir_pool *pool = connection->server->pool;
    struct weir__lending *lending;
    struct weir__slice kind;
    int64_t number;

    weir__object_get(message->params, names, &kind, 1);
    number = kind.bytes != NULL ? weir__slice_number(kind) : 0;
    if (!connection->server->is_private) {
        refuse(connection, message->id, -32600,
               "workers are lent only to the client of weir serve --stdio on one socket");
    } else if (batch != NULL) {
        refuse(connection, weir__slice_of("null"), -32600, "weir/lend cannot be in a batch");
    } else if (number < 0 || (uint64_t)number >= pool->group_count) {
        refuse(connection, message->id, -32602, "kind: there is no such worker");
    } else if ((lending = lending_of(connection)) == NULL) {
        refuse(connection, message->id, -33005, "no memory");
    } else if (!try(lending, (size_t)number, message->id)) {
        if (lending->wait_count >= MAX_WAITS
            || wait_for_one(lending, (size_t)number, message->id) < 0)
            refuse(connection, message->id, -33005, "too many of these requests wait");
    }
}

static struct weir__pool_worker *find_lent(const struct weir_pool *pool, int64_t number)
{
    for (size_t i = 0; i < pool->group_count; i++)
        for (struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next)
            if (number > 0 && worker->lent == (uint64_t)number)
                return worker;
    return NULL;
}

static void stop(struct weir__pool_worker *worker, struct weir__slice step,
                 struct weir__slice reason)
{
    char *why = reason.bytes != NULL ? weir__slice_string(reason, NULL) : NULL;

    if (weir__slice_is(step, "interrupt"))
        weir__pool_worker_interrupt(worker);
    else if (weir__slice_is(step, "terminate"))
        weir__pool_worker_give_up(worker, why);
    else if (weir__slice_is(step, "kill"))
        weir__pool_worker_kill(worker, why);
    free(why);
}

int weir__lending_notice(struct weir__connection *connection, const struct weir__message *message)
{
    static const char *const names[] = {"worker", "calls", "errors", "step", "reason"};
    struct weir_pool *pool = connection->server->pool;
    struct weir__slice values[5];
    struct weir__pool_worker *worker;
    int64_t calls, errors;
    int is_return = weir__slice_is(message->method, "weir/return");
    int is_used = weir__slice_is(message->method, "weir/used");

    if (!is_return && !is_used && !weir__slice_is(message->method, "weir/stop"))
        return 0;
    weir__object_get(message->params, names, values, 5);
    worker = find_lent(pool, weir__slice_number(values[0]));
    if (worker == NULL)
        return 1; /* it is gone, and the client did not know yet */
    weir__pool_enter(pool);
    if (is_return) {
        weir__pool_worker_take_back(worker);
    } else if (is_used) {
        calls = weir__slice_number(values[1]);
        errors = weir__slice_number(values[2]);
        weir__pool_worker_count(worker, calls > 0 ? (uint64_t)calls : 0,
                                errors > 0 ? (uint64_t)errors : 0);
    } else {
        stop(worker, values[3], values[4]);
    }
    weir__pool_leave(pool);
    return 1;
}

/* --- The end ----------------------------------------------------------------- */

/* A lent worker may be amid a call, so it cannot be lent again: the pool ends, having lost the
 * only one it was for. */
void weir__lending_end(struct weir__connection *connection)
{
    struct weir__lending *lending = connection->lending;
    struct weir_pool *pool = connection->server->pool;
    struct lend_wait *wait;

    if (lending == NULL)
        return;
    connection->lending = NULL;
    pool->borrower = NULL;
    weir__pool_enter(pool);
    for (size_t i = 0; i < pool->group_count; i++)
        for (struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next)
            if (worker->lent != 0)
                weir__pool_worker_abandon(worker);
    weir__pool_start_close(pool);
    weir__pool_leave(pool);
    while ((wait = lending->waits) != NULL) {
        lending->waits = wait->next;
        free(wait);
    }
    free(lending);
}
