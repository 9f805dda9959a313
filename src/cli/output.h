/* cli/output.h - weir's own output: it is written completely, and every wait for a reader is
 * bounded.
 *
 * On a pipe or terminal that another process made non-blocking (EAGAIN), weir waits for room. It
 * gives up at the deadline, or when a signal that ends weir is caught.
 */
#ifndef WEIR_CLI_OUTPUT_H
#define WEIR_CLI_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/atomic_file.h"
#include "base/peer.h"
#include "cli/cli.h"

/* Makes stdout a stream that writes with output_write(). */
void output_open(void);

/* Sets the deadline of waits to timeout_ms after began_ns; waits for a reader of output get at
 * least a second. WEIR_FOREVER: no deadline. */
void output_set_deadline(int64_t began_ns, int64_t timeout_ms);

/* A signal taken elsewhere ends weir: the deadline is now. */
void output_hurry(int signal);

/* The deadline, and the signals. */
struct weir__patience output_patience(void);

/* Waits within output_patience(); a stop signal (SIGTSTP) stops weir here. After ECANCELED,
 * signals_take() returns the signal. Returns 0, ETIMEDOUT or ECANCELED. */
int output_wait(int fd, short events);

/* weir__peer_open() and weir__atomic_file_open(), with the same waits. */
int output_open_peer(const char *path, int flags);
int output_open_file(struct weir__atomic_file *file, const char *path, struct weir_error *error);

/* If path (may be NULL) is a FIFO, opens it and waits for its other end before the job begins,
 * with signals caught. Else *fd is -1 and the job opens it. option is for error. Returns 0 or the
 * exit status: 124, 128 + n, or otherwise. */
int output_open_fifo(const char *option, const char *path, int flags, int *fd, int otherwise,
                     struct weir_error *error);

/* The rest of a job's timeout_ms; at least 1. */
int64_t output_left_ms(int64_t timeout_ms);

/* Writes what fits now, without SIGPIPE. Returns the number of bytes, or -1 with errno (EAGAIN:
 * no room). */
ssize_t output_write_some(int fd, const char *bytes, size_t length);

/* Writes all of it, without SIGPIPE.  fd: standard output or error, or one of weir's own.
 * Returns 0 or an errno: write's, ETIMEDOUT or ECANCELED. */
int output_write(int fd, const char *bytes, size_t length);

/* The same for standard error without blocking the loop: text that does not fit within a second
 * is dropped, and so is what follows until there is room again. */
void output_say(const char *bytes, size_t length);

/* The exit status after an output error: 124, 128 + n (141: the reader closed it), or otherwise. */
int output_status(int failed, int otherwise);

/* strerror(3) for what these functions return. */
const char *output_error(int failed);

#endif
