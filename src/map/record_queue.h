/* map/record_queue.h - records, first in first out. */
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

/* Takes out a record that is in it. */
void weir__queue_take(struct weir__queue *queue, struct weir__record *record);

/* The same without a search, where each record was put in with weir__queue_push_linked(). */
void weir__queue_push_linked(struct weir__queue *queue, struct weir__record *record);
void weir__queue_take_linked(struct weir__queue *queue, struct weir__record *record);

/* Puts in a record in the order of the input. */
void weir__queue_put(struct weir__queue *queue, struct weir__record *record);

/* Puts all of from into queue, both in the order of their input. */
void weir__queue_merge(struct weir__queue *queue, struct weir__queue *from);

/* Frees what is in it. */
void weir__queue_clear(struct weir__queue *queue);

#endif
