/* support/calling.h - what tests of pools say over and over. */
#ifndef WEIR_TESTS_CALLING_H
#define WEIR_TESTS_CALLING_H

#include <weir/weir.h>

/* A pool of one rpc_worker with these options (NULL-terminated, up to 8), and short graces.
 * The command in it lives until the next call. */
struct weir_pool_options worker_pool(const char *const *arguments);

/* Opens a pool, or ends the test. */
weir_pool_t *open_pool(weir_t *weir, const struct weir_pool_options *options);

/* The same, and all its workers are ready. */
weir_pool_t *open_ready_pool(weir_t *weir, const struct weir_pool_options *options);

/* Calls and fails the test, with the reason, when weir itself fails. */
struct weir_reply call(weir_pool_t *pool, const char *method, const char *params,
                       const struct weir_call_options *options);

/* Starts a call, or ends the test. */
weir_call_t *start_call(weir_pool_t *pool, const char *method, const char *params,
                        const struct weir_call_options *options);

/* Waits for a call's outcome and frees it. */
struct weir_reply finish_call(weir_call_t *started);

/* Whether a reply is this; says what it is otherwise.  Clears it. */
int returned(struct weir_reply reply, const char *result);
int ended(struct weir_reply reply, enum weir_outcome outcome);

/* The same, and its message has this text. */
int ended_saying(struct weir_reply reply, enum weir_outcome outcome, const char *text);

/* Sends a value; whether the call took it. */
int sent(weir_call_t *started, const char *value);

/* Whether the next value of the output stream is this. */
int next_is(weir_call_t *started, const char *value);

/* Call options at their defaults. */
struct weir_call_options call_options(void);

/* A figure of weir_pool_stats(): "calls", "running", ...; -1: none. */
long long stat_of(weir_pool_t *pool, const char *name);

/* How many of the pool's workers are in this state. */
int count_workers(weir_pool_t *pool, const char *state);

/* The pid of its first worker. */
pid_t worker_pid(weir_pool_t *pool);

/* Runs the loop until a figure has this value, or fails the test. */
int await_stat(weir_t *weir, weir_pool_t *pool, const char *name, long long value);
int await_workers(weir_t *weir, weir_pool_t *pool, const char *state, int count);

/* Closes both, where no call must be left. */
void close_idle(weir_t *weir, weir_pool_t *pool);

#endif
