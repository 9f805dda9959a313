/* proc/spawner_response.h - a response of weir-spawner, and the job that it is about: see
 * spawner/response.h. */
#ifndef WEIR_PROC_SPAWNER_RESPONSE_H
#define WEIR_PROC_SPAWNER_RESPONSE_H

#include <stdint.h>

#include "base/datagram.h"

struct weir__client;
struct weir__job;
struct weir__spawner;

/* Returns NULL if the client has no such job, or no longer. */
struct weir__job *weir__job_find(const struct weir__client *client, int64_t id);

/* Takes the job out of its client's list; does nothing for one that is not in it. */
void weir__job_remove(struct weir__client *client, const struct weir__job *job);

/* Reports a message of the spawner to its job's owner, and clears it.  The owner may start other
 * jobs and lose spawners.  Returns 0 if the message is invalid, or of no job: a caller waits for
 * the response, and would for ever. */
int weir__spawner_response_take(struct weir__spawner *spawner, struct weir__datagram *message);

#endif
