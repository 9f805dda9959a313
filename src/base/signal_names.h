/* base/signal_names.h - names of signals and errors, as documents and people say them. */
#ifndef WEIR_BASE_SIGNAL_NAMES_H
#define WEIR_BASE_SIGNAL_NAMES_H

/* "SIGKILL"; for a number without a name "SIGRTMIN+3" or "SIG77".  Valid until
 * the next call in this thread. */
const char *weir__signal_name(int number);

/* The signal of a name such as "INT" or "SIGINT", or of a number from 1.  -1: there is none. */
int weir__signal_find(const char *name);

/* "ENOENT"; for a number without a name "E77".  Valid until the next call in
 * this thread. */
const char *weir__errno_name(int number);

#endif
