/* cli/init.h - the duties of the first process of a container. */
#ifndef WEIR_CLI_INIT_H
#define WEIR_CLI_INIT_H

/* Returns at once unless this is process 1. Then it returns in a child, which is weir; process 1
 * itself reaps adopted processes, forwards signals, and exits with weir's status. */
void init_if_first(void);

#endif
