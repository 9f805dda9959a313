#include "config.h"

#include "pool/errand.h"

#include <stdlib.h>

#include "base/clock.h"
#include "pool/call.h"
#include "pool/worker_calls.h"
#include "rpc/mcp.h"

enum { LIST_MS = 10000 };

static struct weir_pool *pool_of(const struct weir__errands *errands)
{
    return errands->worker->group->pool;
}

/* Sends what asks with a new id.  Returns the id; 0: no memory. */
static int64_t send(struct weir__errands *errands,
                    int (*ask)(const struct weir__errands *errands, int64_t id,
                               struct weir__slice cursor),
                    struct weir__slice cursor)
{
    struct weir__pool_worker *worker = errands->worker;

    if (ask(errands, ++worker->last_id, cursor) < 0)
        return 0;
    weir__pool_worker_give(worker);
    return worker->last_id;
}

static int ask_list(const struct weir__errands *errands, int64_t id, struct weir__slice cursor)
{
    return errands->worker->reader.dialect->list(&pool_of(errands)->scratch, id, cursor);
}

static int ask_notice(const struct weir__errands *errands, int64_t id, struct weir__slice cursor)
{
    (void)cursor;
    return errands->worker->reader.dialect->listen(&pool_of(errands)->scratch, id);
}

/* --- The list of tools ----------------------------------------------------------- */

static void start_list(struct weir__errands *errands)
{
    errands->list_is_due = 0;
    weir__tool_list_clear(&errands->tools);
    errands->list_id = send(errands, ask_list, (struct weir__slice){NULL, 0});
    if (errands->list_id > 0)
        weir__timer_heap_set(&pool_of(errands)->timers, &errands->list_timer,
                             weir__clock_in_ms(LIST_MS));
}

/* The list is whole or given up: calls that waited for it are looked at again. */
static void end_list(struct weir__errands *errands)
{
    errands->list_id = 0;
    weir__tool_list_clear(&errands->tools);
    weir__timer_heap_clear(&pool_of(errands)->timers, &errands->list_timer);
    pool_of(errands)->stale |= WEIR__STALE_UNSORTED | WEIR__STALE_WAITS;
    if (errands->list_is_due)
        start_list(errands);
}

static void list_timed_out(void *owner)
{
    end_list(owner);
}

static void replace_methods(struct weir__errands *errands)
{
    struct weir__worker_group *group = errands->worker->group;
    json_t *methods = weir__tool_list_take(&errands->tools);
    int is_new = methods != NULL && !json_equal(methods, group->methods);

    if (methods != NULL) {
        json_decref(group->methods);
        group->methods = methods;
        group->last.about = NULL;
    }
    if (is_new)
        weir__context_tell(pool_of(errands)->weir, (struct weir_event){
                                                       .kind = WEIR_EVENT_WORKER_CHANGED,
                                                       .stage = (int)group->number,
                                                       .name = group->command.argv[0],
                                                       .pid = errands->worker->child.result.pid,
                                                   });
}

/* A list that is no list changes nothing. */
static void take_list(struct weir__errands *errands, const struct weir__incoming *message)
{
    struct weir__slice cursor;
    char reason[120];
    int more = -1;

    if (message->kind == WEIR__INCOMING_RESULT)
        more = weir__tool_list_add(&errands->tools, message->value, &cursor, reason, sizeof reason);
    if (more == 1) {
        errands->list_id = send(errands, ask_list, cursor);
        more = errands->list_id > 0 ? 1 : -1;
    }
    if (more == 0)
        replace_methods(errands);
    if (more != 1)
        end_list(errands);
}

void weir__errand_list(struct weir__pool_worker *worker)
{
    struct weir__errands *errands = worker->errands;

    if (errands == NULL || !(worker->handshake.capabilities & WEIR__MCP_TOOLS))
        return;
    if (errands->list_id > 0)
        errands->list_is_due = 1;
    else
        start_list(errands);
}

int weir__errand_look(struct weir__worker_group *group)
{
    struct weir__pool_worker *worker = group->workers;

    if (!(group->capabilities & WEIR__MCP_TOOLS) || group->capabilities & WEIR__MCP_TOOLS_CHANGE)
        return 0;
    while (worker != NULL && (worker->state != WEIR__POOL_WORKER_READY || worker->errands == NULL))
        worker = worker->next;
    if (worker == NULL)
        return 0;
    if (worker->errands->list_id == 0)
        start_list(worker->errands);
    return worker->errands->list_id > 0;
}

/* --- A sign of life ---------------------------------------------------------------- */

static void is_stuck(void *owner)
{
    struct weir__errands *errands = owner;

    errands->worker->is_our_end = 1;
    weir__pool_worker_break(errands->worker,
                            "has answered nothing for %g s after a cancelled call, and was stopped",
                            (double)errands->worker->group->kind.stuck_ms / 1000);
}

void weir__errand_life(struct weir__worker_group *group)
{
    for (struct weir__pool_worker *worker = group->workers; worker != NULL; worker = worker->next) {
        struct weir__errands *errands = worker->errands;

        if (worker->doubtful == 0 || errands == NULL || errands->life_id > 0
            || worker->state != WEIR__POOL_WORKER_READY)
            continue;
        errands->life_id = send(errands, ask_list, (struct weir__slice){NULL, 0});
        if (errands->life_id > 0)
            weir__timer_heap_set(&group->pool->timers, &errands->life_timer,
                                 weir__clock_in_ms(group->kind.stuck_ms));
    }
}

/* --- All -------------------------------------------------------------------------- */

int weir__errand_answer(struct weir__pool_worker *worker, const struct weir__incoming *message)
{
    struct weir__errands *errands = worker->errands;

    if (errands == NULL || message->id <= 0)
        return 0;
    if (message->id == errands->list_id) {
        take_list(errands, message);
    } else if (message->id == errands->life_id) {
        errands->life_id = 0;
        weir__timer_heap_clear(&pool_of(errands)->timers, &errands->life_timer);
        weir__call_free_places(worker);
    } else if (message->id == errands->listen_id) {
        errands->listen_id = 0;
    } else {
        return 0;
    }
    return 1;
}

int weir__errands_begin(struct weir__pool_worker *worker)
{
    struct weir_pool *pool = worker->group->pool;
    struct weir__errands *errands;

    if (worker->reader.dialect->list == NULL)
        return 0;
    errands = calloc(1, sizeof *errands);
    if (errands == NULL || weir__timer_heap_join(&pool->timers, NULL) < 0) {
        free(errands);
        return WEIR_ERR_NOMEM;
    }
    errands->worker = worker;
    errands->life_timer = (struct weir__heap_timer){.ring = is_stuck, .owner = errands};
    errands->list_timer = (struct weir__heap_timer){.ring = list_timed_out, .owner = errands};
    if (weir__timer_heap_join(&pool->timers, NULL) < 0) {
        weir__timer_heap_leave(&pool->timers, &errands->life_timer);
        free(errands);
        return WEIR_ERR_NOMEM;
    }
    worker->errands = errands;
    if (worker->reader.dialect->listen != NULL
        && worker->handshake.capabilities & WEIR__MCP_TOOLS_CHANGE)
        errands->listen_id = send(errands, ask_notice, (struct weir__slice){NULL, 0});
    return 0;
}

void weir__errands_end(struct weir__pool_worker *worker)
{
    struct weir__errands *errands = worker->errands;

    if (errands == NULL)
        return;
    worker->errands = NULL;
    weir__timer_heap_leave(&pool_of(errands)->timers, &errands->life_timer);
    weir__timer_heap_leave(&pool_of(errands)->timers, &errands->list_timer);
    weir__tool_list_clear(&errands->tools);
    free(errands);
}
