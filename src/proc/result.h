/* proc/result.h - fill in results. */
#ifndef WEIR_PROC_RESULT_H
#define WEIR_PROC_RESULT_H

#include <weir/result.h>

#include "proc/spawner_client.h"

/* "exec" and the like; what is unknown is WEIR_STEP_SETUP. */
enum weir_step weir__step_find(const char *name);

/* Sets argv, cwd and started_at.  Errors: NOMEM. */
int weir__result_begin(struct weir_result *result, const struct weir_command *command,
                       struct weir_error *error);

void weir__result_not_started(struct weir_result *result, enum weir_step step, int sys_errno,
                              const char *interpreter);
void weir__result_exited(struct weir_result *result, const struct weir__exit *how,
                         const uint64_t limits[WEIR_LIMIT_COUNT]);
void weir__result_lost(struct weir_result *result);
void weir__result_sent(struct weir_result *result, int signal);
void weir__result_unsent(struct weir_result *result, int signal);

/* Copies the survivors. */
void weir__result_survivors(struct weir_result *result, const struct weir__job *job);

/* Names the process that holds the other end of the pipe whose read end fd is. */
void weir__result_holder(struct weir_result *result, int fd);

#endif
