/* proc/start_request.h - the message that asks weir-spawner to start a job: see spawner/request.h.
 */
#ifndef WEIR_PROC_START_REQUEST_H
#define WEIR_PROC_START_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include <weir/command.h>
#include <weir/error.h>

#include "base/json_writer.h"

struct weir__job;
struct weir__spawner;
struct weir__stage_start;

/* Refuses numbers that cannot be meant.  Errors: INVALID, NOMEM. */
int weir__start_request_check(const struct weir_descriptor *list, size_t count,
                              struct weir_error *error);

/* Writes the request of a job for this spawner.  fds has room for WEIR__DATAGRAM_FDS: the
 * descriptors that travel with it, *fd_count of them. */
void weir__start_request_write(struct weir__json_writer *json, const struct weir__spawner *spawner,
                               const struct weir__job *job, const struct weir__stage_start *stages,
                               size_t count, int64_t grace_ms, int terminal, int *fds,
                               size_t *fd_count);

/* Sends what the stages have open above 2 ahead of their start.  Returns 0, or an errno. */
int weir__start_request_pass(struct weir__spawner *spawner, const struct weir__job *job);

#endif
