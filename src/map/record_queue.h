/* map/record_queue.h - a FIFO queue of records. */
#ifndef WEIR_MAP_RECORD_QUEUE_H
#define WEIR_MAP_RECORD_QUEUE_H

#include "map/record_reader.h"

struct weir__record_queue {
    struct weir__record *first, **last;
    size_t count, bytes;
};

void weir__record_queue_init(struct weir__record_queue *queue);
void weir__record_queue_push(struct weir__record_queue *queue, struct weir__record *record);
struct weir__record *weir__record_queue_pop(struct weir__record_queue *queue);

/* Removes a record from the queue. */
void weir__record_queue_take(struct weir__record_queue *queue, struct weir__record *record);

/* The same without a search; for queues filled only with weir__record_queue_push_linked(). */
void weir__record_queue_push_linked(struct weir__record_queue *queue, struct weir__record *record);
void weir__record_queue_take_linked(struct weir__record_queue *queue, struct weir__record *record);

/* Inserts a record in input order. */
void weir__record_queue_put(struct weir__record_queue *queue, struct weir__record *record);

/* Moves all of from into queue, both in input order. */
void weir__record_queue_merge(struct weir__record_queue *queue, struct weir__record_queue *from);

/* Frees the records in it. */
void weir__record_queue_clear(struct weir__record_queue *queue);

#endif
