/* cli/init.h - what the first process of a container owes the others. */
#ifndef WEIR_CLI_INIT_H
#define WEIR_CLI_INIT_H

/* Returns at once, unless this is process 1.  Then it returns in a child of it, which is
 * weir; process 1 itself reaps what it adopts, passes signals on, and exits with weir's
 * status. */
void init_if_first(void);

#endif
