/* cli/pool_leave.h - a pool closed by a program that goes on hearing signals. */
#ifndef WEIR_CLI_POOL_LEAVE_H
#define WEIR_CLI_POOL_LEAVE_H

#include <weir/pool.h>

/* Cancels the calls, ends the workers and frees the pool; at_once, or when a signal comes
 * meanwhile, they are killed.  Signals are caught.  Returns that signal, or 0. */
int pool_leave(weir_t *weir, weir_pool_t *pool, int at_once);

#endif
