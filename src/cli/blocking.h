/* cli/blocking.h - clears O_NONBLOCK on stdin, stdout and stderr for programs, as most cannot
 * handle it. The flag belongs to the open file, which other processes share: it is restored
 * afterwards. */
#ifndef WEIR_CLI_BLOCKING_H
#define WEIR_CLI_BLOCKING_H

/* Clears the flag on 0, 1 and 2. Returns which descriptors had it, for blocking_end(). */
unsigned blocking_begin(void);
void blocking_end(unsigned had_it);

#endif
