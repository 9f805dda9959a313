#include "config.h"

#include "pool/worker_calls.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/printable.h"

enum {
    FIRST_SLOTS = 8,
    KEPT_ROOM = 4096, /* of the idle scratch buffer */
    UNSENT_MAX = 1 << 20,
};

struct weir_call *weir__pool_worker_find(const struct weir__pool_worker *worker, int64_t id)
{
    struct weir_call *call = worker->slot_count > 0 && id > 0
                                 ? worker->slots[(size_t)id & (worker->slot_count - 1)]
                                 : NULL;

    return call != NULL && call->id == id ? call : NULL;
}

static int grow_slots(struct weir__pool_worker *worker)
{
    size_t count = worker->slot_count > 0 ? worker->slot_count * 2 : FIRST_SLOTS;
    struct weir_call **slots = calloc(count, sizeof(struct weir_call *));

    if (slots == NULL)
        return WEIR_ERR_NOMEM;
    for (size_t i = 0; i < worker->slot_count; i++)
        if (worker->slots[i] != NULL) /* no collisions: there were none with half the slots */
            slots[(size_t)worker->slots[i]->id & (count - 1)] = worker->slots[i];
    free(worker->slots);
    worker->slots = slots;
    worker->slot_count = count;
    return 0;
}

/* Skips ids with an occupied slot: a stream may keep its id for days. */
int weir__pool_worker_add(struct weir__pool_worker *worker, struct weir_call *call)
{
    if (worker->flights * 2 >= worker->slot_count && grow_slots(worker) < 0)
        return WEIR_ERR_NOMEM;
    do
        worker->last_id++;
    while (worker->slots[(size_t)worker->last_id & (worker->slot_count - 1)] != NULL);
    call->id = worker->last_id;
    call->worker = worker;
    worker->slots[(size_t)call->id & (worker->slot_count - 1)] = call;
    worker->flights++;
    worker->loners += call->is_loner != 0;
    worker->group->pool->running++;
    return 0;
}

void weir__pool_worker_remove(struct weir_call *call)
{
    struct weir__pool_worker *worker = call->worker;
    struct weir_pool *pool = call->pool;

    if (worker == NULL)
        return;
    worker->slots[(size_t)call->id & (worker->slot_count - 1)] = NULL;
    worker->flights--;
    worker->loners -= call->is_loner != 0;
    if (call->is_doubtful) {
        call->is_doubtful = 0;
        worker->doubtful--;
        worker->group->doubtful--;
    }
    pool->running--;
    if (worker->quarantined == call)
        worker->quarantined = NULL;
    call->worker = NULL;
    weir__timer_heap_clear(&pool->timers, &call->stop_timer);
    if (worker->state == WEIR__POOL_WORKER_RETIRING && worker->flights == 0)
        pool->stale |= WEIR__STALE_WORKERS;
}

int weir__pool_worker_is_behind(const struct weir__pool_worker *worker)
{
    return weir__worker_unsent(&worker->child) > UNSENT_MAX;
}

void weir__pool_worker_give(struct weir__pool_worker *worker)
{
    struct weir_pool *pool = worker->group->pool;
    struct weir__buffer *from = &pool->scratch;
    int status = weir__worker_send(&worker->child, from->bytes, from->length);

    from->length = 0;
    if (from->capacity > KEPT_ROOM)
        weir__buffer_clear(from);
    if (status < 0) {
        weir__pool_worker_break(worker, "could not be written to: no memory");
    } else if (!worker->is_dirty) {
        worker->is_dirty = 1;
        worker->next_dirty = pool->dirty;
        pool->dirty = worker;
    }
}

void weir__pool_worker_break(struct weir__pool_worker *worker, const char *format, ...)
{
    va_list args;

    if (worker->state == WEIR__POOL_WORKER_BROKEN || worker->state == WEIR__POOL_WORKER_ENDING)
        return;
    va_start(args, format);
    weir__sentence_list(worker->reason, sizeof worker->reason, format, args);
    va_end(args);
    worker->was_starting |= worker->state == WEIR__POOL_WORKER_STARTING;
    worker->state = WEIR__POOL_WORKER_BROKEN;
    worker->group->pool->stale |= WEIR__STALE_WORKERS;
}

int weir__pool_worker_listens(const struct weir__pool_worker *worker)
{
    return worker->state != WEIR__POOL_WORKER_BROKEN && worker->state != WEIR__POOL_WORKER_ENDING
           && worker->child.state != WEIR__WORKER_DYING;
}
