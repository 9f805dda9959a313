/* flow/lane_call.h - a lane whose worker is called: each record is a call of one
 * function, as docs/protocol.md has it.
 *
 *   started --hello asked--> GREETING --its answer--> READY: records go out as calls
 *                               |                       |
 *                               | none in time,         | a line that is no message,
 *                               v a bad one             v a cancelled call that stays
 *                            given up                 given up
 *
 * Calls are answered in any order; lane.c keeps them in the order they were sent
 * in.  As many as the worker runs at a time have their turn; the others wait there.
 */
#ifndef WEIR_FLOW_LANE_CALL_H
#define WEIR_FLOW_LANE_CALL_H

#include <stddef.h>
#include <stdint.h>

struct weir__lane;
struct weir__record;

enum { WEIR__CALL_ENVELOPE = 64 * 1024 }; /* room in a line for what is around a value */

/* Makes lane->call and asks for its hello.  Errors: NOMEM. */
int weir__call_greet(struct weir__lane *lane);

/* A record has come to the end of lane->flight.  Errors: NOMEM. */
int weir__call_send(struct weir__lane *lane, struct weir__record *record);

/* A line from the worker, its end not included.  Returns 0 when the lane is of no
 * more use. */
int weir__call_hear(struct weir__lane *lane, const char *line, size_t length, int64_t now_ns);

/* Looks what has become late.  Returns 0 when there is nothing else to look at. */
int weir__call_tick(struct weir__lane *lane, int64_t now_ns);

/* Since when the first call in flight has its turn. */
int64_t weir__call_turn_ns(const struct weir__lane *lane);

/* How many records it may have in flight, of as many as it is fast enough for. */
size_t weir__call_window(const struct weir__lane *lane, size_t window);

/* Whether the worker, which is gone, never had any of what it was to do. */
int weir__call_never_had_them(const struct weir__lane *lane);

/* Whether calls are under way that no record waits for any more. */
int weir__call_is_busy(const struct weir__lane *lane);

/* What was in flight goes elsewhere. */
void weir__call_forget(struct weir__lane *lane);

/* The machine it runs on; NULL where it did not say.  lane->call may be NULL. */
const char *weir__call_node(const struct weir__lane *lane);

void weir__call_free(struct weir__lane *lane);

#endif
