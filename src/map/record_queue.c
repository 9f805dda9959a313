#include "config.h"

#include "map/record_queue.h"

#include <stdlib.h>

void weir__record_queue_init(struct weir__record_queue *queue)
{
    *queue = (struct weir__record_queue){0};
    queue->last = &queue->first;
}

void weir__record_queue_push(struct weir__record_queue *queue, struct weir__record *record)
{
    record->next = NULL;
    *queue->last = record;
    queue->last = &record->next;
    queue->count++;
    queue->bytes += record->length;
}

/* The one after the next is read soon, and was last used long ago. */
static void prefetch(const struct weir__record *next)
{
    if (next == NULL || next->next == NULL)
        return;
    __builtin_prefetch(next->next);
    __builtin_prefetch(&next->next->fault); /* it may be in two cache lines */
}

struct weir__record *weir__record_queue_pop(struct weir__record_queue *queue)
{
    struct weir__record *record = queue->first;

    if (record == NULL)
        return NULL;
    queue->first = record->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    prefetch(queue->first);
    queue->count--;
    queue->bytes -= record->length;
    return record;
}

void weir__record_queue_take(struct weir__record_queue *queue, struct weir__record *record)
{
    struct weir__record **at = &queue->first;

    while (*at != record)
        at = &(*at)->next;
    *at = record->next;
    if (*at == NULL)
        queue->last = at;
    queue->count--;
    queue->bytes -= record->length;
}

void weir__record_queue_push_linked(struct weir__record_queue *queue, struct weir__record *record)
{
    record->key.link = queue->last;
    weir__record_queue_push(queue, record);
}

void weir__record_queue_take_linked(struct weir__record_queue *queue, struct weir__record *record)
{
    *record->key.link = record->next;
    if (record->next != NULL)
        record->next->key.link = record->key.link;
    else
        queue->last = record->key.link;
    queue->count--;
    queue->bytes -= record->length;
}

void weir__record_queue_put(struct weir__record_queue *queue, struct weir__record *record)
{
    struct weir__record_queue one;

    weir__record_queue_init(&one);
    weir__record_queue_push(&one, record);
    weir__record_queue_merge(queue, &one);
}

void weir__record_queue_merge(struct weir__record_queue *queue, struct weir__record_queue *from)
{
    struct weir__record_queue merged;

    weir__record_queue_init(&merged);
    while (queue->first != NULL || from->first != NULL) {
        struct weir__record_queue *next = queue;

        if (queue->first == NULL || (from->first != NULL && from->first->seq < queue->first->seq))
            next = from;
        weir__record_queue_push(&merged, weir__record_queue_pop(next));
    }
    *queue = merged;
    if (queue->first == NULL)
        queue->last = &queue->first;
    weir__record_queue_init(from);
}

void weir__record_queue_clear(struct weir__record_queue *queue)
{
    struct weir__record *record;

    while ((record = weir__record_queue_pop(queue)) != NULL)
        free(record);
}
