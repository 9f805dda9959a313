/* Workers start and wait as in work/supervisor.h. Once starts are given up and no worker is up,
 * the group is down; even then it tries a start from time to time. */
#include "config.h"

#include "pool/worker_group.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "pool/pool_worker.h"
#include "pool/worker_process.h"

enum {
    LAUNCHED_AT_ONCE = 8, /* sshd, for example, drops connections beyond 10 */
    CANNOT_EXECUTE = 126, /* 127: not found; statuses of the shell, env and launchers */
};

unsigned weir__worker_group_ready(const struct weir__worker_group *group)
{
    unsigned count = 0;

    for (const struct weir__pool_worker *worker = group->workers; worker != NULL;
         worker = worker->next)
        count += worker->state == WEIR__POOL_WORKER_READY;
    return count;
}

const json_t *weir__worker_group_method(const struct weir__worker_group *group, const char *name)
{
    return json_object_get(group->methods, name);
}

const char *weir__pool_streams(const struct weir_pool *pool, const char *method)
{
    const char *streams = NULL;

    for (size_t i = 0; i < pool->group_count && streams == NULL; i++)
        streams = json_string_value(
            json_object_get(weir__worker_group_method(&pool->groups[i], method), "stream"));
    return streams != NULL ? streams : "";
}

/* --- Keeping the number ---------------------------------------------------- */

static struct weir__pool_worker *find_old(const struct weir__worker_group *group)
{
    for (struct weir__pool_worker *worker = group->workers; worker != NULL; worker = worker->next)
        if (worker->is_old && worker->state == WEIR__POOL_WORKER_READY)
            return worker;
    return NULL;
}

/* Whether it is ready or will be; one that is being replaced does not count. */
static int serves(const struct weir__worker_group *group, const struct weir__pool_worker *worker)
{
    return (worker->state == WEIR__POOL_WORKER_STARTING || worker->state == WEIR__POOL_WORKER_READY)
           && worker != group->outgoing;
}

static unsigned count_serving(const struct weir__worker_group *group, unsigned *starting)
{
    unsigned count = 0;

    *starting = 0;
    for (const struct weir__pool_worker *worker = group->workers; worker != NULL;
         worker = worker->next) {
        *starting += worker->state == WEIR__POOL_WORKER_STARTING;
        count += serves(group, worker);
    }
    return count;
}

static int is_free(const struct weir__seat *seat)
{
    const struct weir__pool_worker *worker = seat->worker;

    return !serves(worker->group, worker);
}

/* How many may be starting at once. */
static unsigned most_starting(const struct weir__worker_group *group)
{
    if (group->is_down || weir__clock_ns() >= weir__supervisor_until_ns(&group->supervisor))
        return 1; /* enough to see whether starts succeed again */
    return group->is_launched ? LAUNCHED_AT_ONCE : UINT_MAX;
}

static void start_failed(struct weir__worker_group *group, const char *how, const char *tail,
                         const char *hint, int for_good);

int weir__worker_group_tend(struct weir__worker_group *group, struct weir_error *error)
{
    struct weir_pool *pool = group->pool;
    struct weir_error why = {0};
    unsigned starting;

    for (struct weir__pool_worker *worker = group->workers; worker != NULL; worker = worker->next)
        weir__pool_worker_settle(worker);
    if (pool->state == WEIR__POOL_ENDING
        || (pool->state == WEIR__POOL_DRAINING && pool->alive == 0)) /* for whom? */
        return 0;
    if (pool->is_client && (pool->pair == NULL || pool->pair->was_started))
        return 0; /* there is one connection */
    if (group->outgoing == NULL)
        group->outgoing = find_old(group);
    while (count_serving(group, &starting) < group->kind.workers) {
        struct weir__seat *seat = weir__supervisor_seat(&group->supervisor, is_free);
        int status;

        if (starting >= most_starting(group) || weir__warm_is_full(&group->warm))
            return 0; /* the next is due when one is ready or fails */
        if (weir__clock_ns() < seat->backoff.next_ns) {
            weir__timer_heap_set(&pool->timers, &group->restart, seat->backoff.next_ns);
            return 0;
        }
        status = weir__pool_worker_start(group, seat, &why);
        if (status < 0) {
            if (error != NULL) {
                *error = why;
                return status;
            }
            weir__supervisor_put_off(&group->supervisor, seat, weir__clock_ns());
            start_failed(group, why.text, "", "", 0);
        }
    }
    return 0;
}

/* --- What they report -------------------------------------------------- */

/* Finds functions with the same name in two groups: a call to it would be ambiguous. */
static void find_clash(struct weir__worker_group *group)
{
    struct weir_pool *pool = group->pool;

    for (size_t i = 0; i < pool->group_count && pool->clash.status == 0; i++) {
        const struct weir__worker_group *other = &pool->groups[i];
        const char *name;
        json_t *about;

        if (other == group || !other->is_known || other->kind.label != NULL
            || group->kind.label != NULL)
            continue;
        json_object_foreach(group->methods, name,
                            about) if (weir__worker_group_method(other, name) != NULL)
        {
            weir__fail(&pool->clash, WEIR_ERR_INVALID, 0,
                       "\"%s\" is a function of worker %zu (%s) and of worker %zu (%s): give one "
                       "of them another name",
                       name, i + 1, other->command.argv[0], (size_t)(group - pool->groups) + 1,
                       group->command.argv[0]);
            break;
        }
    }
}

static void tell_left_out(const struct weir__pool_worker *worker)
{
    char text[100];
    int length = snprintf(text, sizeof text, "%u tools are left out: their names cannot be called",
                          worker->handshake.left_out);

    weir__context_tell(worker->group->pool->weir, (struct weir_event){
                                                      .kind = WEIR_EVENT_LOG,
                                                      .stage = (int)worker->group->number,
                                                      .name = "warning",
                                                      .pid = weir__pool_worker_pid(worker),
                                                      .text = text,
                                                      .length = (size_t)length,
                                                  });
}

void weir__worker_group_has_ready(struct weir__pool_worker *worker)
{
    struct weir__worker_group *group = worker->group;
    struct weir__pool_worker *outgoing = group->outgoing;

    json_decref(group->methods);
    group->methods = worker->handshake.methods; /* one copy, the newest */
    group->last.about = NULL;
    worker->handshake.methods = NULL;
    group->mcp_start = worker->handshake.start;
    group->capabilities = worker->handshake.capabilities;
    group->has_greeted_again = 0;
    group->is_known = 1;
    group->is_down = 0;
    weir__supervisor_succeeded(&group->supervisor);
    find_clash(group);
    if (worker->handshake.left_out > 0)
        tell_left_out(worker);
    if (!group->pool->is_client)
        weir__context_tell(
            group->pool->weir,
            (struct weir_event){
                .kind = WEIR_EVENT_WORKER_READY,
                .stage = (int)group->number,
                .name = group->command.argv[0],
                .pid = weir__pool_worker_pid(worker),
                .text = worker->handshake.node,
                .length = worker->handshake.node != NULL ? strlen(worker->handshake.node) : 0,
            });
    if (outgoing != NULL && outgoing != worker) {
        group->outgoing = NULL;
        weir__pool_worker_retire(outgoing);
    }
    group->pool->stale |= WEIR__STALE_WORKERS | WEIR__STALE_UNSORTED | WEIR__STALE_WAITS;
}

/* Records a failed start; for_good: the next would fail, too. */
static void start_failed(struct weir__worker_group *group, const char *how, const char *tail,
                         const char *hint, int for_good)
{
    struct weir_pool *pool = group->pool;
    int64_t now_ns = weir__clock_ns();
    unsigned starting;

    snprintf(group->last_failure, sizeof group->last_failure, "%.60s %.200s%s%.200s%s",
             group->command.argv[0], how, tail[0] != '\0' ? "; stderr: " : "", tail, hint);
    if (weir__worker_group_ready(group) > 0) {
        weir__supervisor_succeeded(&group->supervisor);
    } else if (now_ns >= weir__supervisor_failed(&group->supervisor, now_ns, for_good)
               && count_serving(group, &starting) == 0) {
        group->is_down = 1;
        pool->stale |= WEIR__STALE_UNSORTED;
    }
    pool->stale |= WEIR__STALE_WAITS;
}

static int is_shortage(int error)
{
    return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE
           || error == ETXTBSY || error == ECONNRESET
           || error == ECANCELED; /* a warm parent's end: see spawner/warm.h */
}

/* The program, or a launcher before it, is missing or not executable. */
static int cannot_be_executed(const struct weir__worker_group *group,
                              const struct weir_result *result)
{
    return (result->end == WEIR_NOT_STARTED && !is_shortage(result->sys_errno))
           || (result->end == WEIR_EXITED && !group->is_known
               && (result->code == CANNOT_EXECUTE || result->code == CANNOT_EXECUTE + 1));
}

/* An MCP server of an earlier revision may die of the first request of a later one: the next is
 * greeted as in the earlier, once, and this was no failure. */
static int greet_again(struct weir__pool_worker *worker)
{
    struct weir__worker_group *group = worker->group;
    const struct weir_result *result = &worker->child.result;

    if (group->kind.dialect != WEIR_DIALECT_MCP)
        return 0;
    if (group->has_greeted_again || worker->is_our_end || result->end == WEIR_NOT_STARTED
        || !weir__handshake_greets_again(&worker->handshake) || cannot_be_executed(group, result)) {
        if (group->has_greeted_again)
            group->mcp_start = weir__mcp_start_of(group->kind.mcp_version);
        group->has_greeted_again = 0;
        return 0;
    }
    group->has_greeted_again = 1;
    group->mcp_start = WEIR__MCP_START_LEGACY;
    return 1;
}

/* There is no other connection: what waits for one is refused. */
static void lose_server(struct weir__worker_group *group, const char *why)
{
    struct weir_pool *pool = group->pool;

    snprintf(group->last_failure, sizeof group->last_failure, "the server %s", why);
    group->is_down = 1;
    pool->stale |= WEIR__STALE_UNSORTED | WEIR__STALE_WAITS;
    if (pool->pair != NULL)
        pool->pair->on_lost(pool->pair->context, why);
}

void weir__worker_group_has_lost(struct weir__pool_worker *worker, int was_starting)
{
    struct weir__worker_group *group = worker->group;
    struct weir_pool *pool = group->pool;
    const struct weir_result *result = &worker->child.result;
    char tail[200];
    int might_be_mcp =
        was_starting && result->end == WEIR_EXITED && group->kind.dialect == WEIR_DIALECT_AUTO;

    if (group->outgoing == worker)
        group->outgoing = NULL;
    pool->stale |= WEIR__STALE_UNSORTED; /* some may have waited for its list of functions */
    if (pool->state == WEIR__POOL_ENDING)
        return;
    if (pool->is_client) {
        lose_server(group, worker->reason);
        return;
    }
    if (was_starting && greet_again(worker)) {
        pool->stale |= WEIR__STALE_WORKERS;
        return;
    }
    if (!worker->is_our_end && worker->seat->worker == worker)
        weir__supervisor_put_off(&group->supervisor, worker->seat, weir__clock_ns());
    pool->restarts++;
    group->restarts++;
    weir__worker_tail(&worker->child, tail, sizeof tail);
    weir__context_tell(pool->weir, (struct weir_event){
                                       .kind = WEIR_EVENT_WORKER_RESTART,
                                       .stage = (int)group->number,
                                       .name = group->command.argv[0],
                                       .pid = weir__pool_worker_pid(worker),
                                       .text = worker->reason,
                                       .length = strlen(worker->reason),
                                   });
    if (was_starting || result->end == WEIR_NOT_STARTED)
        start_failed(group, worker->reason, tail,
                     might_be_mcp && !cannot_be_executed(group, result) ? WEIR__MCP_HINT : "",
                     cannot_be_executed(group, result));
    pool->stale |= WEIR__STALE_WORKERS;
}
