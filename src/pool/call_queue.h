/* pool/call_queue.h - queues of waiting calls.
 *
 * A group's queue is sorted by turn: the turn of a call is one more than that of the previous
 * call of its flow or of the last call sent, whichever is greater.  So flows take turns.
 */
#ifndef WEIR_POOL_CALL_QUEUE_H
#define WEIR_POOL_CALL_QUEUE_H

#include "pool/pool_types.h"

/* The caller frees it with free(). Returns NULL if out of memory. */
struct weir__flow *weir__flow_new(const struct weir_pool *pool);

/* Appends a call, regardless of its turn. */
void weir__call_queue_append(struct weir__call_queue *queue, struct weir_call *call);

/* Removes a call from its queue, if it is in one. */
void weir__call_queue_remove(struct weir_call *call);

/* Assigns a turn to a call with a known group, unless it has one. */
void weir__call_queue_take_turn(struct weir_call *call);

/* Inserts a call with a turn into its group's queue, by turn. */
void weir__call_queue_insert(struct weir_call *call);

#endif
