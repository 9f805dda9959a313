#include "config.h"

#include "pool/wait_ready.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "pool/worker_group.h"

static int judge_kind(const struct weir__worker_group *group, const struct weir__ready_wait *wait,
                      struct weir_error *error)
{
    if (group->is_down)
        return weir__fail(
            error, WEIR_ERR_WORKER, 0, "%s%s",
            group->pool->is_client ? "" : "the worker does not start: ", group->last_failure);
    return weir__worker_group_ready(group)
           >= (wait->workers == 0 || wait->workers > group->kind.workers ? group->kind.workers
                                                                         : wait->workers);
}

/* Returns 1: ready; 0: not yet; or why it will never be. */
static int judge(const struct weir_pool *pool, const struct weir__ready_wait *wait,
                 struct weir_error *error)
{
    int status = 1;

    if (pool->clash.status != 0) {
        *error = pool->clash;
        return error->status;
    }
    for (size_t i = 0; i < pool->group_count && status > 0; i++)
        status = judge_kind(&pool->groups[i], wait, error);
    if (status >= 0 && pool->state == WEIR__POOL_ENDING)
        status = weir__fail(error, WEIR_ERR_WORKER, 0, "the pool is closed");
    return status;
}

static void end_wait(struct weir_pool *pool, struct weir__ready_wait *wait, int status)
{
    struct weir__ready_wait **at = &pool->waits;

    while (*at != wait)
        at = &(*at)->next;
    *at = wait->next;
    weir__timer_heap_leave(&pool->timers, &wait->timer);
    wait->status = status > 0 ? 0 : status;
    if (wait->ready == NULL) {
        weir__context_done(pool->weir, &wait->done);
        return;
    }
    wait->ready(pool, status < 0 ? &wait->error : NULL, wait->context);
    free(wait);
}

void weir__pool_check_waits(struct weir_pool *pool)
{
    for (struct weir__ready_wait *wait = pool->waits; wait != NULL;) {
        int status = judge(pool, wait, &wait->error);

        if (status == 0) {
            wait = wait->next;
            continue;
        }
        end_wait(pool, wait, status);
        wait = pool->waits; /* a callback may have changed them */
    }
}

static void wait_is_over(void *owner)
{
    struct weir__ready_wait *wait = owner;
    struct weir_pool *pool = wait->pool;
    int status =
        judge(pool, wait, &wait->error); /* for weir_pool_on_ready(): it may already be ready */

    if (status == 0 && wait->ready == NULL)
        status =
            weir__fail(&wait->error, WEIR_ERR_TIMEOUT, 0, "the workers are not ready: timed out");
    if (status != 0)
        end_wait(pool, wait, status);
}

struct beginning {
    struct weir__ready_wait *wait;
    int64_t timeout_ms;
    int status;
};

static void do_begin_wait(void *data)
{
    struct beginning *beginning = data;
    struct weir__ready_wait *wait = beginning->wait;
    struct weir_pool *pool = wait->pool;

    wait->timer = (struct weir__heap_timer){.ring = wait_is_over, .owner = wait};
    beginning->status = weir__timer_heap_join(&pool->timers, &wait->error);
    if (beginning->status < 0)
        return;
    wait->next = pool->waits;
    pool->waits = wait;
    if (beginning->timeout_ms != WEIR_FOREVER)
        weir__timer_heap_set(&pool->timers, &wait->timer, weir__clock_in_ms(beginning->timeout_ms));
    if (wait->ready == NULL)
        weir__pool_check_waits(pool);
}

int weir_pool_wait_ready(weir_pool_t *pool, unsigned workers, int64_t timeout_ms,
                         struct weir_error *error)
{
    struct weir__ready_wait wait = {.pool = pool, .workers = workers};
    struct beginning beginning = {&wait, timeout_ms, 0};
    int status;

    if (weir__context_leads(pool->weir))
        return weir__fail(error, WEIR_ERR_BUSY, 0,
                          "cannot wait inside a callback: use weir_pool_on_ready()");
    weir__context_do_then_wait(pool->weir, do_begin_wait, &beginning);
    status = beginning.status;
    if (status == 0) {
        weir__context_wait(pool->weir, &wait.done, NULL);
        status = wait.status;
    }
    if (status < 0 && error != NULL)
        *error = wait.error;
    return status;
}

void weir_pool_on_ready(weir_pool_t *pool, unsigned workers, weir_pool_ready ready, void *context)
{
    struct weir__ready_wait *wait = calloc(1, sizeof *wait);
    struct beginning beginning = {wait, 0, 0}; /* the loop checks first, then on every change */
    struct weir_error error;

    if (wait == NULL) {
        weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory to wait for workers");
        ready(pool, &error, context);
        return;
    }
    wait->pool = pool;
    wait->workers = workers;
    wait->ready = ready;
    wait->context = context;
    weir__context_do(pool->weir, do_begin_wait, &beginning);
    if (beginning.status < 0) {
        ready(pool, &wait->error, context);
        free(wait);
    }
}

void weir__pool_end_waits(struct weir_pool *pool)
{
    struct weir_error closed;

    weir__fail(&closed, WEIR_ERR_WORKER, 0, "the pool is closed");
    while (pool->waits != NULL) {
        pool->waits->error = closed;
        end_wait(pool, pool->waits, closed.status);
    }
}
