/* A worker with room takes the first call of its group's queue. A call that has killed a worker
 * is quarantined: it gets a worker with no other call, and the worker gets no other meanwhile,
 * so that a second death is certainly its fault. */
#include "config.h"

#include "pool/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/lines.h>

#include "base/clock.h"
#include "pool/call.h"
#include "pool/call_stream.h"
#include "pool/call_queue.h"
#include "pool/errand.h"
#include "pool/guard.h"
#include "pool/worker_group.h"
#include "pool/worker_calls.h"
#include "rpc/mcp.h"

enum { LOOKED_AT = 4096 }; /* calls examined to find one to evict */

/* --- Room in the queues ---------------------------------------------------- */

/* The newest call of the connection with the most calls in a queue, if that is more than this
 * call's connection would have. */
static struct weir_call *find_greedier(const struct weir__call_queue *queue,
                                       const struct weir__flow *than)
{
    struct weir_call *call = queue->last, *found = NULL;
    size_t most = than->queued + 1;

    for (int i = 0; i < LOOKED_AT && call != NULL; i++, call = call->previous)
        if (call->flow != NULL && call->flow->queued > most) {
            most = call->flow->queued;
            found = call;
        }
    return found;
}

/* Whether the queues have room for one more call. Calls that workers have room for are sent
 * first; then a call of the connection with the most queued calls is evicted. */
static int has_room(const struct weir_call *call)
{
    struct weir_pool *pool = call->pool;
    struct weir_call *found = NULL;

    if (pool->queued >= pool->options.max_queue && pool->stale & WEIR__STALE_CALLS)
        weir__dispatch(pool);
    if (pool->queued < pool->options.max_queue)
        return 1;
    if (call->flow == NULL || call->flow->queued * 2 + 1 >= pool->queued)
        return 0;
    found = find_greedier(&pool->unsorted, call->flow);
    for (size_t i = 0; found == NULL && i < pool->group_count; i++)
        found = find_greedier(&pool->groups[i].queue, call->flow);
    if (found == NULL)
        return 0;
    weir__call_decide(found, WEIR_CALL_REFUSED, -33005,
                      "the queue is full, and this connection has most of it: %zu calls wait for "
                      "a worker",
                      pool->queued);
    return pool->queued < pool->options.max_queue;
}

static void refuse_closing(struct weir_call *call)
{
    weir__call_decide(call, WEIR_CALL_REFUSED, -33005, "the pool is closing");
}

/* Puts a call into its group's queue, or into the unsorted one if its group is not known. */
static void wait_in_queue(struct weir_call *call)
{
    int room = has_room(call);

    if (call->pool->state != WEIR__POOL_OPEN) /* the owner of an evicted call has closed it */
        refuse_closing(call);
    else if (!room)
        weir__call_decide(call, WEIR_CALL_REFUSED, -33005,
                          "the queue is full: %zu calls wait for a worker", call->pool->queued);
    else if (call->group != NULL)
        weir__call_queue_insert(call);
    else
        weir__call_queue_append(&call->pool->unsorted, call);
}

/* --- Which group? ------------------------------------------------------------ */

/* The function to be called: a batch of calls names it in its params. NULL: it is reserved by
 * the protocol and cannot be called. */
static const char *function_of(const struct weir_call *call, char **owned)
{
    static const char *const names[] = {"method"};
    struct weir__slice name;

    *owned = NULL;
    if (call->pool->is_client || strncmp(call->method, "weir/", 5) != 0)
        return call->method;
    if (strcmp(call->method, "weir/map") != 0)
        return NULL;
    weir__object_get(call->params, names, &name, 1);
    *owned = weir__slice_string(name, NULL);
    return *owned;
}

/* The group for a request of MCP itself, such as resources/read; of tools/call, the one that has
 * the tool if any has. */
static struct weir__worker_group *find_mcp(const struct weir_call *call, unsigned capability)
{
    struct weir_pool *pool = call->pool;
    struct weir__worker_group *found = NULL;
    char *tool = weir__mcp_tool(call->method, call->params);

    for (size_t i = 0; i < pool->group_count; i++) {
        struct weir__worker_group *group = &pool->groups[i];

        if ((call->only_group >= 0 && (size_t)call->only_group != i)
            || !(group->capabilities & capability))
            continue;
        if (found == NULL || (tool != NULL && weir__worker_group_method(found, tool) == NULL))
            found = group;
    }
    free(tool);
    return found;
}

/* Also finds what its workers say of the function; NULL: nothing. */
static struct weir__worker_group *find_group(const struct weir_call *call, const char *name,
                                             const json_t **about, int *unknown)
{
    struct weir_pool *pool = call->pool;
    struct weir__worker_group *plain = NULL;
    unsigned capability = pool->has_mcp ? weir__mcp_request(call->method) : 0;

    *about = NULL;
    *unknown = 0;
    if (capability != 0) {
        plain = find_mcp(call, capability);
        if (plain != NULL) {
            *about = name != NULL ? weir__worker_group_method(plain, name) : NULL;
            return plain;
        }
    }
    for (size_t i = 0; i < pool->group_count; i++) {
        struct weir__worker_group *group = &pool->groups[i];

        if (call->only_group >= 0 && (size_t)call->only_group != i)
            continue;
        if (!group->is_known)
            *unknown = 1;
        else if (name != NULL && (*about = weir__worker_group_method(group, name)) != NULL)
            return group;
        else if (pool->is_client) /* the server knows which functions it has now */
            return group;
        else if (group->methods == NULL && plain == NULL)
            plain = group;
    }
    return *unknown ? NULL : plain;
}

/* The first group that keeps a call waiting and cannot start; NULL: none. */
static struct weir__worker_group *hopeless(const struct weir_call *call)
{
    struct weir_pool *pool = call->pool;
    struct weir__worker_group *down = NULL;

    for (size_t i = 0; i < pool->group_count; i++) {
        struct weir__worker_group *group = &pool->groups[i];

        if ((call->only_group >= 0 && (size_t)call->only_group != i) || group->is_known)
            continue;
        if (!group->is_down)
            return NULL;
        down = down == NULL ? group : down;
    }
    return down;
}

static void no_worker(struct weir_call *call, const struct weir__worker_group *group)
{
    weir__call_decide(call, WEIR_CALL_NO_WORKER, -33007, "%s%s",
                      group->pool->is_client ? "" : "no worker: ", group->last_failure);
}

/* Returns -1. */
static int no_method(struct weir_call *call)
{
    char *owned;
    const char *meant = function_of(call, &owned);

    if (meant == NULL && strcmp(call->method, "weir/map") == 0)
        weir__call_decide(call, WEIR_CALL_FAILED, -32602, "weir/map needs the \"method\" to call");
    else
        weir__call_decide(call, WEIR_CALL_FAILED, -32601, "no function named \"%s\"",
                          meant != NULL ? meant : call->method);
    free(owned);
    return -1;
}

/* How a call of an MCP server runs: what the tool's description says of it. */
static void learn_mcp(struct weir_call *call, const struct weir__worker_group *group)
{
    char *tool = weir__mcp_tool(call->method, call->params);
    int is_tool = tool != NULL || weir__mcp_request(call->method) == 0, is_idempotent;
    const json_t *about = weir__worker_group_method(group, tool != NULL ? tool : call->method);

    call->whole |= weir__mcp_request(call->method) != 0;
    call->is_loner =
        is_tool && group->kind.window == 0 && !json_is_true(json_object_get(about, "read_only"));
    is_idempotent = !is_tool || json_is_true(json_object_get(about, "idempotent"));
    if (call->idempotent == 0)
        call->idempotent = is_idempotent && !group->kind.no_retry ? 1 : -1;
    free(tool);
}

/* Calls of the same method again and again are usual. */
static const struct weir__method_terms *terms_of(struct weir__worker_group *group,
                                                 const json_t *about)
{
    const char *stream;

    if (about == NULL || group->last.about != about) {
        stream = json_string_value(json_object_get(about, "stream"));
        group->last.about = about;
        group->last.has_output =
            stream != NULL && (strcmp(stream, "out") == 0 || strcmp(stream, "both") == 0);
        group->last.is_idempotent = json_is_true(json_object_get(about, "idempotent"));
    }
    return &group->last;
}

static void learn(struct weir_call *call, struct weir__worker_group *group, const char *name,
                  const json_t *about)
{
    const struct weir__method_terms *terms = terms_of(group, about);

    call->group = group;
    if (about != NULL || (name != NULL && weir__guard_names(call->pool->guard, name)))
        call->figures = weir__figures_of(&call->pool->figures, name);
    if (group->kind.dialect == WEIR_DIALECT_MCP)
        learn_mcp(call, group);
    call->has_output = terms->has_output && name == call->method;
    if (call->idempotent == 0)
        call->idempotent = terms->is_idempotent ? 1 : -1;
}

/* Reads the tools of MCP servers again, once for each call that names none of them. Returns 0 if
 * that cannot help. */
static int look_again(struct weir_call *call)
{
    struct weir_pool *pool = call->pool;
    int is_asked = 0;

    if (!call->has_looked)
        for (size_t i = 0; i < pool->group_count; i++)
            if (call->only_group < 0 || (size_t)call->only_group == i)
                is_asked |= weir__errand_look(&pool->groups[i]);
    call->has_looked = 1;
    return is_asked;
}

/* Finds the group of a call. Returns 1; 0: it must wait; -1: its outcome is decided. */
static int sort(struct weir_call *call)
{
    struct weir__worker_group *group, *down;
    const json_t *about;
    const char *name;
    char *owned;
    int unknown;

    if (call->group != NULL)
        return 1;
    if (call->pool->clash.status != 0) {
        weir__call_decide(call, WEIR_CALL_NO_WORKER, -33007, "%s", call->pool->clash.text);
        return -1;
    }
    name = function_of(call, &owned);
    group = find_group(call, name, &about, &unknown);
    if (group != NULL)
        learn(call, group, name, about);
    free(owned);
    if (group != NULL && !weir__guard_admit(call)) {
        weir__call_decide(call, WEIR_CALL_REFUSED, WEIR__BREAKER_CODE,
                          "too many calls of \"%s\" have failed: not executed", call->method);
        return -1;
    }
    if (group != NULL)
        return 1;
    if (!unknown) {
        if (!call->pool->has_mcp)
            return no_method(call);
        return look_again(call) ? 0 : no_method(call);
    }
    down = hopeless(call);
    if (down == NULL)
        return 0;
    no_worker(call, down);
    return -1;
}

/* --- Which worker? ---------------------------------------------------------- */

static struct weir__pool_worker *pick(const struct weir__worker_group *group,
                                      const struct weir_call *call)
{
    struct weir__pool_worker *best = NULL;

    for (struct weir__pool_worker *worker = group->workers; worker != NULL; worker = worker->next) {
        if (worker->state != WEIR__POOL_WORKER_READY || worker->quarantined != NULL
            || worker->flights >= worker->window || (call->kills > 0 && worker->flights > 0)
            || worker->loners > 0 || (call->is_loner && worker->flights > 0)
            || (worker->flights > 0 && weir__pool_worker_is_behind(worker)))
            continue;
        if (best == NULL || worker->flights < best->flights)
            best = worker;
    }
    return best;
}

static void set_terms(const struct weir_call *call, int64_t now_ns, struct weir__call_terms *terms)
{
    *terms = (struct weir__call_terms){
        .deadline_ms = -1,
        .credit = call->has_output ? (uint64_t)call->all_granted : 0,
        .input = call->input,
        .traceparent = weir__trace_call_context(call->traced, call->traceparent),
        .tracestate = call->tracestate,
        .wants_progress = call->has_sink && call->sink.on_progress != NULL,
    };
    if (call->request_state != NULL)
        terms->request_state = weir__slice_of(call->request_state);
    /* Of a method with a fallback: it has more time once it has delivered a value. */
    if (call->last_ns != INT64_MAX)
        terms->deadline_ms =
            call->last_ns > now_ns ? (call->last_ns - now_ns + 999999) / 1000000 : 0;
}

/* Whether they are an array, and not an empty one. */
static int has_positions(struct weir__slice params)
{
    struct weir__slice first;

    return weir__slice_type(params) == 'a' && weir__message_next(&params, &first);
}

static void send(struct weir__pool_worker *worker, struct weir_call *call)
{
    struct weir_pool *pool = call->pool;
    struct weir__buffer *to = &pool->scratch;
    struct weir__call_terms terms;
    int64_t now_ns = weir__clock_ns();

    if (call->input && worker->reader.dialect->chunk == NULL) {
        weir__call_decide(call, WEIR_CALL_FAILED, -32602,
                          "this worker speaks %s: it takes no stream",
                          worker->reader.dialect->title);
        return;
    }
    if (worker->reader.dialect->is_named && has_positions(call->params)) {
        weir__call_decide(call, WEIR_CALL_FAILED, -32602,
                          "an MCP tool takes its arguments by name");
        return;
    }
    /* One that was passed over at its first attempt is not counted again. */
    if (pool->weir->client.trace != NULL && (call->reply.attempts == 0 || call->traced != NULL))
        weir__trace_call_sent(
            pool->weir->client.trace, &call->traced, call->traceparent, call->method,
            worker->handshake.pid > 0 ? worker->handshake.pid : worker->child.result.pid,
            pool->is_client, now_ns);
    set_terms(call, now_ns, &terms);
    if (weir__pool_worker_add(worker, call) < 0
        || worker->reader.dialect->call(to, call->id, call->method, call->params, &terms) < 0) {
        weir__call_decide(call, WEIR_CALL_REFUSED, -32603, "no memory for the call");
        return;
    }
    if (to->length - 1 > WEIR_MAX_LINE) {
        weir__buffer_clear(to);
        weir__call_decide(call, WEIR_CALL_FAILED, -33002, "the call is longer than a line may be");
        return;
    }
    call->state = WEIR__CALL_SENT;
    if (call->turn > call->group->turn)
        call->group->turn = call->turn;
    call->offset = worker->child.all_sent;
    call->sender = (struct weir__sender){0};
    call->receiver = (struct weir__receiver){.window = call->credit, .granted = call->all_granted};
    call->reply.attempts++;
    call->reply.queued_ns = now_ns - call->started_ns;
    if (call->reply.attempts == 1)
        weir__times_add(&pool->figures.queue, call->reply.queued_ns);
    call->reply.pid = worker->handshake.pid > 0 ? worker->handshake.pid : worker->child.result.pid;
    if (call->kills > 0)
        worker->quarantined = call;
    if (call->input_is_over)
        worker->reader.dialect->end(to, call->id, weir__call_input_error(call));
    weir__pool_worker_give(worker);
}

static void send_or_queue(struct weir_call *call)
{
    struct weir__pool_worker *worker = pick(call->group, call);

    weir__call_queue_take_turn(call);
    if (call->group->queue.first == NULL && worker != NULL)
        send(worker, call);
    else if (call->group->is_down)
        no_worker(call, call->group);
    else
        wait_in_queue(call);
    if (call->queue == &call->group->queue && call->group->doubtful > 0)
        weir__errand_life(call->group);
}

void weir__dispatch_call(struct weir_call *call)
{
    if (call->pool->state != WEIR__POOL_OPEN) {
        refuse_closing(call);
        return;
    }
    switch (sort(call)) {
    case 1:
        send_or_queue(call);
        break;
    case 0:
        wait_in_queue(call);
        break;
    default:
        break;
    }
}

void weir__dispatch(struct weir_pool *pool)
{
    for (size_t i = 0; i < pool->group_count; i++) {
        struct weir__worker_group *group = &pool->groups[i];
        struct weir_call *call;
        struct weir__pool_worker *worker;

        while ((call = group->queue.first) != NULL && (worker = pick(group, call)) != NULL) {
            weir__call_queue_remove(call);
            send(worker, call);
        }
        if (call != NULL && group->doubtful > 0)
            weir__errand_life(group);
    }
}

void weir__dispatch_sort(struct weir_pool *pool)
{
    struct weir_call *call;

    pool->sorting = pool->unsorted;
    pool->unsorted = (struct weir__call_queue){0};
    for (call = pool->sorting.first; call != NULL; call = call->next)
        call->queue = &pool->sorting;
    while ((call = pool->sorting.first) != NULL) {
        weir__call_queue_remove(call);
        switch (sort(call)) {
        case 1:
            weir__call_queue_take_turn(call);
            weir__call_queue_insert(call);
            break;
        case 0:
            weir__call_queue_append(&pool->unsorted, call);
            break;
        default:
            break;
        }
    }
    for (size_t i = 0; i < pool->group_count; i++)
        while (pool->groups[i].is_down && (call = pool->groups[i].queue.first) != NULL)
            no_worker(call, &pool->groups[i]);
    weir__dispatch(pool);
}
