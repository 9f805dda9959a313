/* map/record_queue.h - a FIFO queue of records. */
#ifndef WEIR_MAP_RECORD_QUEUE_H
#define WEIR_MAP_RECORD_QUEUE_H

#include "map/record_reader.h"

struct weir__queue {
    struct weir__record *first, **last;
    size_t count, bytes;
};

void weir__queue_init(struct weir__queue *queue);
void weir__queue_push(struct weir__queue *queue, struct weir__record *record);
struct weir__record *weir__queue_pop(struct weir__queue *queue);

/* Removes a record from the queue. */
void weir__queue_take(struct weir__queue *queue, struct weir__record *record);

/* The same without a search; for queues filled only with weir__queue_push_linked(). */
void weir__queue_push_linked(struct weir__queue *queue, struct weir__record *record);
void weir__queue_take_linked(struct weir__queue *queue, struct weir__record *record);

/* Inserts a record in input order. */
void weir__queue_put(struct weir__queue *queue, struct weir__record *record);

/* Moves all of from into queue, both in input order. */
void weir__queue_merge(struct weir__queue *queue, struct weir__queue *from);

/* Frees the records in it. */
void weir__queue_clear(struct weir__queue *queue);

#endif
