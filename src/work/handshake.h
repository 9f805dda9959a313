/* work/handshake.h - the handshake with a worker that is called, from its start to its hello.
 *
 *   begin --> MORE --its answers--> READY
 *               |
 *               +--a bad answer, or a timeout--> FAILED, with a reason
 *
 * The owner sends what a step writes, and watches the time.
 */
#ifndef WEIR_WORK_HANDSHAKE_H
#define WEIR_WORK_HANDSHAKE_H

#include <weir/pool.h>

#include "work/dialect.h"
#include "work/message_reader.h"
#include "work/worker.h"

/* The first step; asks_schemas: for JSON Schemas of its functions.  When a step returns READY, the
 * reader has the worker's dialect, and the worker its pid and node.  Bytes for the worker are
 * appended to *to.  Never UNRELATED. */
enum weir__handshake_step weir__handshake_begin(struct weir__handshake *handshake,
                                                enum weir_dialect wanted, int asks_schemas,
                                                struct weir__message_reader *reader,
                                                struct weir__worker *worker,
                                                struct weir__buffer *to);

/* A message came before the worker was ready. UNRELATED: it is not part of the handshake. */
enum weir__handshake_step weir__handshake_take(struct weir__handshake *handshake,
                                               const struct weir__incoming *answer,
                                               struct weir__buffer *to);

/* No answer came within timeout_ms: sets the reason. */
void weir__handshake_time_out(struct weir__handshake *handshake, int64_t timeout_ms);

void weir__handshake_clear(struct weir__handshake *handshake);

#endif
