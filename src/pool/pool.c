#include "config.h"

#include "pool/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "pool/call.h"
#include "pool/dispatch.h"
#include "pool/worker_group.h"
#include "pool/pool_options.h"
#include "pool/pool_worker.h"
#include "pool/wait_ready.h"

/* --- Around everything ----------------------------------------------------- */

void weir__pool_enter(struct weir_pool *pool)
{
    pool->holds++;
}

static void flush_all(struct weir_pool *pool)
{
    struct weir__pool_worker *worker;

    while ((worker = pool->dirty) != NULL) {
        pool->dirty = worker->next_dirty;
        weir__pool_worker_flush(worker);
    }
}

static int has_workers(const struct weir_pool *pool)
{
    for (size_t i = 0; i < pool->group_count; i++)
        if (pool->groups[i].workers != NULL)
            return 1;
    return 0;
}

static void destroy(struct weir_pool *pool)
{
    weir__context_leave(&pool->member);
    for (size_t i = 0; i < pool->group_count; i++) {
        struct weir__pool_worker *worker;

        while ((worker = pool->groups[i].workers) != NULL) {
            pool->groups[i].workers = worker->next;
            weir__pool_worker_free(worker);
        }
    }
    for (size_t i = 0; i < pool->group_count; i++)
        weir__warm_close(&pool->groups[i].warm);
    weir__stderr_forwarder_close(&pool->forwarder);
    weir__timer_heap_close(&pool->timers);
    weir__buffer_clear(&pool->scratch);
    weir__pool_options_clear(pool);
    free(pool);
}

/* No calls are left: ends all workers. */
static void end_workers(struct weir_pool *pool)
{
    pool->state = WEIR__POOL_ENDING;
    for (size_t i = 0; i < pool->group_count; i++)
        for (struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next)
            weir__pool_worker_retire(worker);
}

static void look_at_end(struct weir_pool *pool)
{
    void (*drained)(weir_pool_t *, void *) = pool->drained;

    if (pool->state == WEIR__POOL_DRAINING && pool->alive == 0 && pool->lent == 0) {
        pool->drained = NULL;
        if (drained != NULL)
            drained(pool, pool->drained_context);
        if (pool->is_closing && pool->state == WEIR__POOL_DRAINING)
            end_workers(pool);
    }
    if (pool->state == WEIR__POOL_ENDING && !has_workers(pool) && !pool->gone)
        weir__context_done(pool->weir, &pool->gone);
}

/* Applies the consequences of all changes. Callbacks may cause more. */
static void settle(struct weir_pool *pool)
{
    unsigned stale;

    while ((stale = pool->stale) != 0) {
        pool->stale = 0;
        for (size_t i = 0; i < pool->group_count && stale & WEIR__STALE_WORKERS; i++)
            weir__worker_group_tend(&pool->groups[i], NULL);
        if (stale & WEIR__STALE_UNSORTED)
            weir__dispatch_sort(pool);
        else if (stale & WEIR__STALE_CALLS)
            weir__dispatch(pool);
        if (pool->borrower != NULL)
            pool->borrower->offer(pool->borrower_context);
        if (stale & WEIR__STALE_WAITS) {
            weir__pool_check_waits(pool);
            if (pool->on_methods != NULL)
                pool->on_methods(pool->on_methods_context);
        }
    }
    flush_all(pool);
}

void weir__pool_leave(struct weir_pool *pool)
{
    if (pool->holds > 1) {
        pool->holds--;
        return;
    }
    do {
        settle(pool);
        if (pool->state != WEIR__POOL_OPEN)
            look_at_end(pool);
    } while (pool->stale != 0);
    pool->holds--;
    if (pool->freed && pool->state == WEIR__POOL_ENDING && !has_workers(pool))
        destroy(pool);
}

static const struct weir__pool_worker_ops worker_ops = {
    .begin = weir__pool_enter,
    .end = weir__pool_leave,
    .on_ready = weir__worker_group_has_ready,
    .on_lost = weir__worker_group_has_lost,
};

static void timers_begin(void *context)
{
    weir__pool_enter(context);
}

static void timers_end(void *context)
{
    weir__pool_leave(context);
}

/* --- The start ------------------------------------------------------------- */

static void free_member(struct weir__member *member);

static void restart_is_due(void *owner)
{
    struct weir_pool *pool = owner;

    pool->stale |= WEIR__STALE_WORKERS;
}

static void drain_is_over(void *owner);

static int begin(struct weir_pool *pool, struct weir_error *error)
{
    weir__loop *loop = pool->weir->loop;
    int status = weir__timer_heap_open(&pool->timers, loop, error);

    pool->timers.begin = timers_begin;
    pool->timers.end = timers_end;
    pool->timers.context = pool;
    pool->drain = (struct weir__heap_timer){.ring = drain_is_over, .owner = pool};
    if (status == 0)
        status = weir__timer_heap_join(&pool->timers, error);
    if (status == 0)
        status =
            weir__stderr_forwarder_open(&pool->forwarder, loop, pool->options.stderr_fd, error);
    for (size_t i = 0; i < pool->group_count && status == 0; i++) {
        struct weir__worker_group *group = &pool->groups[i];

        group->restart = (struct weir__heap_timer){.ring = restart_is_due, .owner = pool};
        status = weir__timer_heap_join(&pool->timers, error);
        if (status == 0)
            status = weir__worker_group_tend(group, error);
    }
    return status;
}

struct opening {
    struct weir_pool *pool;
    struct weir_error *error;
    int status;
};

static void do_open(void *data)
{
    struct opening *opening = data;
    struct weir_pool *pool = opening->pool;

    weir__context_join(pool->weir, &pool->member, free_member);
    weir__pool_enter(pool);
    opening->status = begin(pool, opening->error);
    if (opening->status == 0)
        weir__pool_leave(pool);
    else
        destroy(pool);
}

weir_pool_t *weir__pool_open_pair(weir_t *weir, const struct weir_pool_options *options,
                                  struct weir__pool_pair *pair, struct weir_error *error)
{
    struct weir_pool *pool = calloc(1, sizeof *pool);
    struct weir_error why = {0};
    struct opening opening = {pool, &why, 0};

    if (pool == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a pool");
        return NULL;
    }
    pool->weir = weir;
    pool->pair = pair;
    pool->is_client = pair != NULL;
    pool->worker_ops = &worker_ops;
    pool->forwarder.fd = -1;
    weir__figures_begin(&pool->figures);
    opening.status = weir__context_check(weir, &why);
    if (opening.status == 0)
        opening.status = weir__pool_options_copy(pool, options, &why);
    if (opening.status < 0) {
        weir__pool_options_clear(pool);
        free(pool);
    } else {
        weir__context_do(weir, do_open, &opening);
    }
    if (opening.status == 0)
        return pool;
    if (error != NULL)
        *error = why;
    return NULL;
}

weir_pool_t *weir_pool_open(weir_t *weir, const struct weir_pool_options *options,
                            struct weir_error *error)
{
    return weir__pool_open_pair(weir, options, NULL, error);
}

/* --- The end --------------------------------------------------------------- */

static void ask_queue(struct weir__call_queue *queue)
{
    while (queue->first != NULL)
        weir__call_ask(queue->first, WEIR__ASKED_CANCEL);
}

/* Cancels every call that is not over. Those of lent workers are not known. */
static void cancel_all(struct weir_pool *pool)
{
    ask_queue(&pool->unsorted);
    ask_queue(&pool->sorting);
    for (size_t i = 0; i < pool->group_count; i++) {
        ask_queue(&pool->groups[i].queue);
        for (struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next) {
            if (worker->lent != 0)
                weir__pool_worker_give_up(worker, NULL);
            for (size_t slot = 0; slot < worker->slot_count; slot++)
                if (worker->slots[slot] != NULL)
                    weir__call_ask(worker->slots[slot], WEIR__ASKED_CANCEL);
        }
    }
}

/* Calls that are over for their owners keep nothing waiting. */
static void free_all_places(struct weir_pool *pool)
{
    for (size_t i = 0; i < pool->group_count; i++)
        for (struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next)
            weir__call_free_all_places(worker);
}

static void drain_is_over(void *owner)
{
    cancel_all(owner);
}

static void recall_lent(struct weir_pool *pool)
{
    for (size_t i = 0; i < pool->group_count; i++)
        for (struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next)
            if (worker->lent != 0)
                weir__pool_worker_retire(worker);
    pool->stale |= WEIR__STALE_CALLS; /* the borrower gets no more */
}

static void start_drain(struct weir_pool *pool, int64_t drain_ms)
{
    if (pool->state == WEIR__POOL_OPEN) {
        pool->state = WEIR__POOL_DRAINING;
        recall_lent(pool);
    }
    if (pool->state != WEIR__POOL_DRAINING)
        return;
    free_all_places(pool);
    if (drain_ms == 0)
        cancel_all(pool);
    else if (drain_ms != WEIR_FOREVER)
        weir__timer_heap_set(&pool->timers, &pool->drain, weir__clock_in_ms(drain_ms));
}

struct drain {
    struct weir_pool *pool;
    int64_t drain_ms;
    void (*drained)(weir_pool_t *, void *);
    void *context;
};

static void do_drain(void *data)
{
    struct drain *drain = data;
    struct weir_pool *pool = drain->pool;

    weir__pool_enter(pool);
    pool->drained = drain->drained;
    pool->drained_context = drain->context;
    start_drain(pool, drain->drain_ms);
    weir__pool_leave(pool);
}

void weir_pool_drain(weir_pool_t *pool, int64_t drain_ms, void (*drained)(weir_pool_t *, void *),
                     void *context)
{
    struct drain drain = {pool, drain_ms, drained, context};

    weir__context_do(pool->weir, do_drain, &drain);
}

static void do_close(void *data)
{
    struct drain *drain = data;
    struct weir_pool *pool = drain->pool;

    weir__pool_enter(pool);
    pool->is_closing = 1;
    weir__pool_end_waits(pool);
    start_drain(pool, drain->drain_ms);
    weir__pool_leave(pool);
}

void weir__pool_start_close(struct weir_pool *pool)
{
    struct drain drain = {.pool = pool};

    weir__context_do(pool->weir, do_close, &drain);
}

/* Ends all calls regardless of their workers. */
static void end_calls(struct weir_pool *pool)
{
    if (pool->state == WEIR__POOL_OPEN)
        pool->state = WEIR__POOL_DRAINING;
    cancel_all(pool);
    for (size_t i = 0; i < pool->group_count; i++)
        for (struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next)
            for (size_t slot = 0; slot < worker->slot_count; slot++)
                if (worker->slots[slot] != NULL)
                    weir__call_lost(worker->slots[slot], 0, "was ended with its pool");
    while (pool->decided.first != NULL)
        weir__call_deadline(pool->decided.first);
    pool->state = WEIR__POOL_ENDING;
}

struct hurry {
    struct weir_pool *pool;
    int64_t step_ms;
};

static void do_hurry(void *data)
{
    const struct hurry *hurry = data;
    struct weir_pool_options *options = &hurry->pool->options;

    hurry->pool->is_hurried = 1;
    options->cancel_grace_ms = options->interrupt_grace_ms = options->grace_ms = hurry->step_ms;
}

void weir__pool_hurry(weir_pool_t *pool, int64_t step_ms)
{
    struct hurry hurry = {pool, step_ms};

    weir__context_do(pool->weir, do_hurry, &hurry);
}

static void do_disconnect(void *data)
{
    struct weir_pool *pool = data;

    weir__pool_enter(pool);
    pool->is_closing = 1;
    weir__pool_end_waits(pool);
    end_calls(pool);
    for (size_t i = 0; i < pool->group_count; i++)
        for (struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next) {
            worker->is_our_end = 1;
            weir__pool_worker_stop(worker, 0);
        }
    pool->pair = NULL; /* its owner is about to free it */
    weir__pool_leave(pool);
}

/* A callback must not wait: everything ends at once. The pool is freed with its last worker. */
static void end_at_once(void *data)
{
    struct weir_pool *pool = data;

    pool->freed = 1;
    do_disconnect(pool);
}

void weir__pool_kill(weir_pool_t *pool)
{
    if (pool != NULL)
        weir__context_do(pool->weir, end_at_once, pool);
}

static void do_destroy(void *data)
{
    destroy(data);
}

void weir__pool_disconnect(weir_pool_t *pool)
{
    if (weir__context_leads(pool->weir)) {
        end_at_once(pool);
        return;
    }
    weir__context_do_then_wait(pool->weir, do_disconnect, pool);
    weir__context_wait(pool->weir, &pool->gone, NULL);
    weir__context_do(pool->weir, do_destroy, pool);
}

void weir_pool_close(weir_pool_t *pool, int64_t drain_ms)
{
    struct drain drain = {.pool = pool, .drain_ms = drain_ms};

    if (pool == NULL || weir__context_check(pool->weir, NULL) < 0)
        return; /* in a forked child: the parent's workers go on */
    if (weir__context_leads(pool->weir)) {
        end_at_once(pool);
        return;
    }
    weir__context_do_then_wait(pool->weir, do_close, &drain);
    weir__context_wait(pool->weir, &pool->gone, NULL);
    weir__context_do(pool->weir, do_destroy, pool);
}

/* The context is closed: the spawner stops everything that it runs. */
static void free_member(struct weir__member *member)
{
    struct weir_pool *pool = (struct weir_pool *)member;

    weir__pool_enter(pool);
    weir__pool_end_waits(pool);
    end_calls(pool);
    destroy(pool);
}

/* --- Replacement ----------------------------------------------------------- */

static void do_replace(void *data)
{
    struct weir_pool *pool = data;

    weir__pool_enter(pool);
    for (size_t i = 0; i < pool->group_count; i++) {
        weir__warm_close(&pool->groups[i].warm); /* it has the old program */
        for (struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next)
            worker->is_old = 1;
    }
    pool->stale |= WEIR__STALE_WORKERS;
    weir__pool_leave(pool);
}

static int is_worker(const struct weir__pool_worker *worker, pid_t pid, const char *node)
{
    return worker->state == WEIR__POOL_WORKER_READY && weir__pool_worker_pid(worker) == pid
           && (node == NULL
               || (worker->handshake.node != NULL && strcmp(worker->handshake.node, node) == 0));
}

int weir__pool_recycle(weir_pool_t *pool, pid_t pid, const char *node)
{
    int found = 0;

    weir__pool_enter(pool);
    for (size_t i = 0; i < pool->group_count; i++)
        for (struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next)
            if (!found && is_worker(worker, pid, node))
                found = worker->is_old = 1;
    if (found)
        pool->stale |= WEIR__STALE_WORKERS;
    weir__pool_leave(pool);
    return found;
}

void weir_pool_replace(weir_pool_t *pool)
{
    weir__context_do(pool->weir, do_replace, pool);
}
