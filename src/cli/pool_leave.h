/* cli/pool_leave.h - closes a pool while handling signals. */
#ifndef WEIR_CLI_POOL_LEAVE_H
#define WEIR_CLI_POOL_LEAVE_H

#include <weir/pool.h>

/* Cancels the calls, ends the workers and frees the pool; with at_once, or on a signal, kills
 * them. Signals must be caught. Returns that signal, or 0. */
int pool_leave(weir_t *weir, weir_pool_t *pool, int at_once);

#endif
