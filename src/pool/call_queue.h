/* pool/call_queue.h - where calls wait.
 *
 * The queue of a group is in the order of turns: each call has the number after the last call
 * of its own flow, or after the call that was sent last.  So flows take turns.
 */
#ifndef WEIR_POOL_CALL_QUEUE_H
#define WEIR_POOL_CALL_QUEUE_H

#include "pool/pool_types.h"

/* The caller owns it: free().  NULL: no memory. */
struct weir__flow *weir__flow_new(const struct weir_pool *pool);

/* At the end, whatever its turn. */
void weir__queue_append(struct weir__call_queue *queue, struct weir_call *call);

/* Out of the queue that it is in, if any. */
void weir__queue_remove(struct weir_call *call);

/* Gives a call of a known group its turn, unless it has one. */
void weir__queue_take_turn(struct weir_call *call);

/* Puts a call that has a turn into the queue of its group, where its turn is. */
void weir__queue_line_up(struct weir_call *call);

#endif
