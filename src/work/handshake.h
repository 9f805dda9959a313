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

/* The first step; asks_schemas: for JSON Schemas of its functions; start: for an MCP server.  When
 * a step returns READY, the reader has the worker's dialect, and the worker its pid and node.
 * Bytes for the worker are appended to *to.  Never UNRELATED. */
enum weir__handshake_step
weir__handshake_begin(struct weir__handshake *handshake, enum weir_dialect wanted, int asks_schemas,
                      enum weir__mcp_start start, struct weir__message_reader *reader,
                      struct weir__worker *worker, struct weir__buffer *to);

/* What the first server of a kind is greeted with, if it must speak this version; NULL: any. */
enum weir__mcp_start weir__mcp_start_of(const char *version);

/* quiet_ms are over: does what is done when nothing was answered yet.  Returns MORE or FAILED. */
enum weir__handshake_step weir__handshake_quiet(struct weir__handshake *handshake,
                                                struct weir__buffer *to);

/* Whether the worker, which has ended or closed its output, may just not have understood the
 * first message: then another start, which begins with another, is worth while. */
int weir__handshake_greets_again(const struct weir__handshake *handshake);

/* A message came before the worker was ready. UNRELATED: it is not part of the handshake. */
enum weir__handshake_step weir__handshake_take(struct weir__handshake *handshake,
                                               const struct weir__incoming *answer,
                                               struct weir__buffer *to);

/* No answer came within timeout_ms: sets the reason. */
void weir__handshake_time_out(struct weir__handshake *handshake, int64_t timeout_ms);

void weir__handshake_clear(struct weir__handshake *handshake);

#endif
