/* cli/blocking.h - programs get stdin, stdout and stderr without O_NONBLOCK, which most cannot
 * use.  The flag belongs to the open file, which others share: it is put back afterwards. */
#ifndef WEIR_CLI_BLOCKING_H
#define WEIR_CLI_BLOCKING_H

/* Clears the flag on 0, 1 and 2.  Returns which had it, for blocking_end(). */
unsigned blocking_begin(void);
void blocking_end(unsigned had_it);

#endif
