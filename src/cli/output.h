/* cli/output.h - what weir itself writes: all of it arrives, and no wait for its reader is
 * without a clock.
 *
 * A pipe or terminal that another process has made non-blocking is no error (EAGAIN): weir
 * waits for room.  It gives up at the deadline, or when a signal that ends weir was caught.
 */
#ifndef WEIR_CLI_OUTPUT_H
#define WEIR_CLI_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/atomic_file.h"
#include "base/peer.h"
#include "cli/cli.h"

/* Makes stdout a stream that writes by output_write().  main() calls it first. */
void output_open(void);

/* From now on waits end timeout_ms after began_ns; those for the reader of something that is
 * written, a second later if the time is up by then.  WEIR_FOREVER: no deadline. */
void output_set_deadline(int64_t began_ns, int64_t timeout_ms);

/* A signal that was taken elsewhere ends weir: the time is up now. */
void output_hurry(int signal);

/* The deadline, and the signals. */
struct weir__patience output_patience(void);

/* Waits by output_patience(); a signal that asks weir to stop (SIGTSTP) stops it here.  After
 * ECANCELED the signal is there to be taken by signals_take().  Returns 0, ETIMEDOUT or
 * ECANCELED. */
int output_wait(int fd, short events);

/* weir__peer_open() and weir__outfile_open(), with the same waits. */
int output_open_peer(const char *path, int flags);
int output_open_file(struct weir__outfile *file, const char *path, struct weir_error *error);

/* Where path (NULL: none) is a FIFO: waits for its other end before a job begins, with the
 * command's signals caught.  Else *fd is -1 and the job opens it.  option is for error.  Returns 0
 * or the status to exit with: 124, 128 + n, or otherwise. */
int output_open_fifo(const char *option, const char *path, int flags, int *fd, int otherwise,
                     struct weir_error *error);

/* What is left of a job's timeout_ms; at least 1. */
int64_t output_left_ms(int64_t timeout_ms);

/* Writes what there is room for now, without SIGPIPE.  Returns how much, or -1 with errno:
 * EAGAIN when there is no room. */
ssize_t output_write_some(int fd, const char *bytes, size_t length);

/* Writes all of it, without SIGPIPE.  fd: standard output or error, or one of weir's own.
 * Returns 0 or an errno: write's, ETIMEDOUT or ECANCELED. */
int output_write(int fd, const char *bytes, size_t length);

/* The same for standard error, where the loop must go on: text that finds no room within a
 * second is dropped, and so is what follows until there is room again. */
void output_say(const char *bytes, size_t length);

/* The status of a command whose output failed: 124, 128 + n (141: its reader went away), or
 * otherwise. */
int output_status(int failed, int otherwise);

/* strerror(3) for what these functions return. */
const char *output_error(int failed);

#endif
