#include "config.h"

#include "pool/call_queue.h"

#include <stdlib.h>

struct weir__flow *weir__flow_new(const struct weir_pool *pool)
{
    return calloc(1, sizeof(struct weir__flow) + pool->group_count * sizeof(uint64_t));
}

static void count(struct weir_call *call, int one)
{
    if (call->queue == &call->pool->decided)
        return;
    call->pool->queued += (size_t)one;
    if (call->flow != NULL)
        call->flow->queued += (size_t)one;
}

static void insert(struct weir__call_queue *queue, struct weir_call *call, struct weir_call *before)
{
    call->queue = queue;
    call->next = before;
    call->previous = before != NULL ? before->previous : queue->last;
    if (call->previous != NULL)
        call->previous->next = call;
    else
        queue->first = call;
    if (before != NULL)
        before->previous = call;
    else
        queue->last = call;
    count(call, 1);
}

void weir__call_queue_append(struct weir__call_queue *queue, struct weir_call *call)
{
    insert(queue, call, NULL);
}

void weir__call_queue_remove(struct weir_call *call)
{
    struct weir__call_queue *queue = call->queue;

    if (queue == NULL)
        return;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        queue->first = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    else
        queue->last = call->previous;
    count(call, -1);
    call->queue = NULL;
    call->next = call->previous = NULL;
}

void weir__call_queue_take_turn(struct weir_call *call)
{
    struct weir__worker_group *group = call->group;
    uint64_t *last = call->flow != NULL ? &call->flow->turns[group->number] : &group->own_turn;

    if (call->turn == 0)
        call->turn = *last = (*last > group->turn ? *last : group->turn) + 1;
}

void weir__call_queue_insert(struct weir_call *call)
{
    struct weir__call_queue *queue = &call->group->queue;
    struct weir_call *before = queue->first;

    if (queue->last == NULL || queue->last->turn <= call->turn)
        before = NULL;
    while (before != NULL && before->turn <= call->turn)
        before = before->next;
    insert(queue, call, before);
}
